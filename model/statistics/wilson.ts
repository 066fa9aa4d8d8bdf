/** The interval of a share of independent items, such as the misclassified photographs among all. */
import { normalQuantile as z } from './descriptive.ts';
import type { Interval } from './replicates.ts';

/**
 * Wilson's 95 % score interval for `wrong` of `count` (Journal of the American Statistical Association 22,
 * 1927, equation 4), which does not shrink to nothing if none is wrong.
 */
export function wilsonInterval(wrong: number, count: number): Interval {
  const share = wrong / count;
  const centre = share + z ** 2 / (2 * count);
  const spread = z * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  const scale = 1 + z ** 2 / count;
  return {
    // Without rounding at the ends.
    low: wrong === 0 ? 0 : (centre - spread) / scale,
    high: wrong === count ? 1 : (centre + spread) / scale,
  };
}
