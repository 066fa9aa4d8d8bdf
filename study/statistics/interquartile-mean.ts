/** The interquartile mean: the mean of the middle half of all values, which few very hard photographs do not move. */
import type { Sample } from './sample.ts';

const trimmedShare = 0.25;

/**
 * Mean of the values that remain when the lowest and the highest quarter (rounded down) are left out, over all seeds and
 * photographs together as in Agarwal et al. (2021).
 */
export function interquartileMean(values: Float64Array): number {
  const { sorted, trimmed } = ranked(values);
  return mean(sorted.subarray(trimmed, sorted.length - trimmed));
}

/**
 * Values whose mean is the interquartile mean and whose scatter is its scatter: the mean plus the influence of each observation on it.
 * An observation acts through its value moved to the nearer quartile if beyond, over the share that is kept (Tukey and McLaughlin,
 * Sankhya A 25, 1963; Huber, "Robust Statistics", 1981, section 3.3).
 */
export function interquartileSamples(samples: readonly Sample[]): readonly Sample[] {
  const all = Float64Array.from(samples.flatMap(({ values }) => Array.from(values)));
  const { sorted, trimmed } = ranked(all);
  const low = sorted[trimmed] as number;
  const high = sorted[sorted.length - 1 - trimmed] as number;
  const moved = (value: number) => Math.min(high, Math.max(low, value));
  const centre = mean(all.map(moved));
  const kept = 1 - (2 * trimmed) / all.length;
  const estimate = interquartileMean(all);
  return samples.map((sample) => ({
    ...sample,
    values: sample.values.map((value) => estimate + (moved(value) - centre) / kept),
  }));
}

function ranked(values: Float64Array) {
  return { sorted: values.toSorted(), trimmed: Math.floor(trimmedShare * values.length) };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
