/**
 * The interquartile mean: the mean of the middle half of all values, which a few very hard photographs do not
 * change.
 */
import { meanOf } from '../../model/statistics/descriptive.ts';
import type { Sample } from '../../model/statistics/sample.ts';

const trimmedShare = 0.25;

/**
 * Mean of the values without the lowest and the highest quarter (rounded down), over all seeds and
 * photographs together as in Agarwal et al. (2021).
 */
export function interquartileMean(values: Float64Array): number {
  const { sorted, trimmed } = ranked(values);
  return meanOf(sorted.subarray(trimmed, sorted.length - trimmed));
}

/**
 * Values whose mean is the interquartile mean and whose variation is its variation: the mean plus the
 * influence of each observation on it. The influence comes from the value, clamped to the quartiles, divided
 * by the remaining share (Tukey and McLaughlin, Sankhya A 25, 1963; Huber, "Robust Statistics", 1981, section
 * 3.3).
 */
export function interquartileSamples(samples: readonly Sample[]): readonly Sample[] {
  const all = Float64Array.from(samples.flatMap(({ values }) => Array.from(values)));
  const { sorted, trimmed } = ranked(all);
  const low = sorted[trimmed] as number;
  const high = sorted[sorted.length - 1 - trimmed] as number;
  const clamped = (value: number) => Math.min(high, Math.max(low, value));
  const centre = meanOf(all.map(clamped));
  const remaining = 1 - (2 * trimmed) / all.length;
  const estimate = interquartileMean(all);
  return samples.map((sample) => ({
    ...sample,
    values: sample.values.map((value) => estimate + (clamped(value) - centre) / remaining),
  }));
}

function ranked(values: Float64Array) {
  return { sorted: values.toSorted(), trimmed: Math.floor(trimmedShare * values.length) };
}
