/** Intervals and a test where the photographs of a class do not differ, so that resampling shows no variation. */
import { normalQuantile, sumOf } from './descriptive.ts';
import { incompleteBeta } from './incomplete-beta.ts';
import type { Interval } from './replicates.ts';

/**
 * A 95 % interval for the weighted mean of groups whose photographs all have the same value. The share of
 * photographs that would have another is estimated as by Agresti and Coull ("Approximate Is Better than Exact", The
 * American Statistician 52, 1998): as if two of four more photographs had.
 */
export function uniformInterval(
  value: number,
  groups: readonly { readonly photographs: number; readonly weight: number }[],
  range: Interval,
): Interval {
  const variances = groups.map(({ photographs, weight }) => {
    const differing = 2 / (photographs + 4);
    return (weight ** 2 * differing * (1 - differing)) / (photographs + 4);
  });
  return within(value, normalQuantile * Math.sqrt(sumOf(variances)), range);
}

/** `value` plus and minus `distance`, clamped to the range. */
export function within(value: number, distance: number, { low, high }: Interval): Interval {
  return { low: Math.max(low, value - distance), high: Math.min(high, value + distance) };
}

/**
 * The two-sided p-value of the sign test: the probability that of as many fair coins as there are differences other
 * than zero, so few or fewer show one side.
 */
export function signTest(differences: Iterable<number>): number {
  const signs = Array.from(differences, Math.sign);
  const positive = signs.filter((sign) => sign > 0).length;
  const negative = signs.filter((sign) => sign < 0).length;
  const fewer = Math.min(positive, negative);
  const tail = incompleteBeta(0.5, Math.max(positive, negative), fewer + 1);
  return Math.min(1, 2 * tail);
}
