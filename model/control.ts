/**
 * Matched controls of an ablation. Removing a layer also changes the network's size and cost. A control is
 * the reference at another width with the same size or cost, so it separates the two effects.
 */
import { describeLayers, type NetworkTotals, totalsOf } from './description.ts';
import { type Network, networkOf, type VariantName } from './network.ts';
import type { ControlMeasure } from './study-file.ts';

/**
 * The width at which the reference has as many parameters, or multiply-adds, as the variant, as closely as
 * whole numbers of filters allow. Undefined if the variant already equals the reference in that measure.
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
  while (high - low > 1 / widthsPerUnit) {
    const middle = (low + high) / 2;
    if (size(middle) < target) low = middle;
    else high = middle;
  }
  const miss = (width: number) => Math.abs(size(width) - target);
  // Rounded away from each other: rounded to the nearest, both could have the same number of filters.
  return [Math.floor(low * widthsPerUnit), Math.ceil(high * widthsPerUnit)]
    .map((place) => place / widthsPerUnit)
    .reduce((a, b) => (miss(b) < miss(a) ? b : a));
}

/** Widths have four digits, which is finer than one filter of the widest layer. */
const widthsPerUnit = 10_000;

const totalOf: { readonly [M in ControlMeasure]: keyof NetworkTotals } = {
  params: 'parameters',
  macs: 'multiplyAdds',
};

function sizeOf(network: Network, measure: ControlMeasure): number {
  return totalsOf(describeLayers(network))[totalOf[measure]];
}
