/** Statistics of repeated measurements. */

interface Spread {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
}

/** Median and quartiles of one or more values, interpolated linearly (Hyndman and Fan 1996, type 7). */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
  };
}

export function medianOf(values: readonly number[]): number {
  return spreadOf(values).median;
}

/** `sorted` ascending; NaN if it is empty. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const [below = Number.NaN, above = below] = sorted.slice(Math.floor(place));
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * The median over the rounds of `ours / theirs`. Both values of a round were measured under the same load,
 * which cancels in their ratio; it would not cancel in a ratio of medians.
 */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return medianOf(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}
