/** Statistics of repeated measurements. */
import { medianOf, quantileOf } from '../model/statistics/descriptive.ts';

interface Spread {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
}

/** Median and quartiles of one or more values, interpolated linearly (Hyndman and Fan 1996, type 7). */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantileOf(sorted, 0.5),
    lowerQuartile: quantileOf(sorted, 0.25),
    upperQuartile: quantileOf(sorted, 0.75),
  };
}

/**
 * The median over the rounds of `ours / theirs`. Both values of a round were measured under the same load,
 * which cancels in their ratio; it would not cancel in a ratio of medians.
 */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return medianOf(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}
