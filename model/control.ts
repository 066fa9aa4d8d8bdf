/**
 * Matched controls. Removing a layer also makes a network smaller or larger, cheaper or dearer; the reference at another width,
 * equal to the ablated network in one of these, tells the two effects apart.
 */
import { describeLayers, type NetworkTotals, totalsOf } from './description.ts';
import { type Network, networkOf, type VariantName } from './network.ts';
import type { ControlMeasure } from './study-file.ts';

/**
 * The width at which the reference has as many parameters, or multiply-adds, as the variant, as nearly as whole numbers of filters
 * allow; undefined where the variant is equal to the reference in that measure, so that there is nothing to tell apart.
 */
export function controlWidth(
  variant: VariantName,
  measure: ControlMeasure,
  classes: number,
): number | undefined {
  const target = sizeOf(networkOf(variant, classes), measure);
  if (target === sizeOf(networkOf('reference', classes), measure)) return undefined;
  const size = (width: number) => sizeOf(networkOf('reference', classes, { width }), measure);
  let [low, high] = [1e-3, 1];
  while (size(high) < target) high *= 2;
  while (high - low > widthStep) {
    const middle = (low + high) / 2;
    if (size(middle) < target) low = middle;
    else high = middle;
  }
  const miss = (width: number) => Math.abs(size(width) - target);
  return [low, high].map(rounded).reduce((a, b) => (miss(b) < miss(a) ? b : a));
}

/** Finer than the width that one filter more or less in the widest layer makes. */
const widthStep = 1e-4;

function rounded(width: number): number {
  return Number(width.toFixed(4));
}

const totalOf: { readonly [M in ControlMeasure]: keyof NetworkTotals } = {
  params: 'parameters',
  macs: 'multiplyAdds',
};

function sizeOf(network: Network, measure: ControlMeasure): number {
  return totalsOf(describeLayers(network))[totalOf[measure]];
}
