/**
 * The networks that a study compares: the paper's reference or texture-net, what each lacks a part of, and
 * controls.
 */

import { describeLayers, type NetworkTotals, totalsOf } from '../model/description.ts';
import {
  type Network,
  networkOf,
  textureNetVariantNames,
  type VariantName,
  variantNames,
} from '../model/network.ts';
import type { ControlMeasure, StudyArm } from '../model/study-file.ts';

/** Networks that a study can change: it removes parts, and adds one to texture-net. */
export const studiedNetworks = ['reference', 'texture-net'] as const;
export type StudiedNetwork = (typeof studiedNetworks)[number];

/** The whole network first. */
const families: { readonly [N in StudiedNetwork]: readonly StudyArm[] } = {
  reference: variantNames.map((variant) => ({ name: variant, variant, width: 1 })),
  'texture-net': [
    { name: 'texture-net', variant: 'texture-net', width: 1 },
    ...textureNetVariantNames.map((variant): StudyArm => ({ name: variant, variant, width: 1 })),
    { name: 'texture-net-no-augmentation', variant: 'texture-net', width: 1, augment: 'none' },
  ],
};

/** In the order of a study. */
export function familyOf(network: StudiedNetwork): readonly StudyArm[] {
  return families[network];
}

/** The network whose parts the study removes. */
export function studiedNetworkOf(arms: readonly StudyArm[]): StudiedNetwork {
  return arms[0]?.variant === 'texture-net' ? 'texture-net' : 'reference';
}

/**
 * The width of a matched control. Removing a layer also changes the network's size and cost; a control is the
 * reference at another width with the same size or cost, so it separates the two effects.
 * Its number of parameters, or multiply-adds, is that of the variant, as closely as whole numbers of filters
 * allow. Undefined if the variant already equals the reference in that measure.
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
