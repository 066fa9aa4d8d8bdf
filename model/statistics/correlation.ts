/** The correlation of two networks over the seeds that both have: the evidence that pairing them helps. */
import { meanOf, normalQuantile } from './descriptive.ts';
import type { Interval } from './replicates.ts';

export interface Correlation {
  readonly value: number;
  /** The 95 % interval; undefined for fewer than four pairs. */
  readonly interval: Interval | undefined;
}

/**
 * Pearson's correlation of pairs, with the interval of Fisher's transformation ("On the probable error of a
 * coefficient of correlation", Metron 1, 1921). Undefined for fewer than three pairs, and if either side does
 * not vary.
 */
export function correlationOf(pairs: readonly (readonly [number, number])[]): Correlation | undefined {
  const count = pairs.length;
  const mean = (side: 0 | 1) => meanOf(pairs.map((pair) => pair[side]));
  const means = [mean(0), mean(1)] as const;
  const products = (a: 0 | 1, b: 0 | 1) =>
    pairs.reduce((sum, pair) => sum + (pair[a] - means[a]) * (pair[b] - means[b]), 0);
  const scale = Math.sqrt(products(0, 0) * products(1, 1));
  if (count < 3 || !(scale > leastScale)) return undefined;
  const value = Math.min(1, Math.max(-1, products(0, 1) / scale));
  if (count < 4) return { value, interval: undefined };
  const spread = normalQuantile / Math.sqrt(count - 3);
  return {
    value,
    interval: { low: Math.tanh(Math.atanh(value) - spread), high: Math.tanh(Math.atanh(value) + spread) },
  };
}

/** Below this, errors differ only by rounding. */
const leastScale = 1e-20;
