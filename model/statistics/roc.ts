/** How well scores tell two kinds of photographs apart: the area under the ROC curve. */
import type { EvaluationEstimate } from '../evaluation-file.ts';
import { sumOf } from './descriptive.ts';
import { resampling } from './photograph-intervals.ts';

/** One or more scores of each photograph. */
export type PhotographScores = readonly ArrayLike<number>[];

/**
 * The probability that a score of `known` exceeds one of `unknown`; equal scores count half. The interval
 * resamples photographs of both kinds, by the influence of each on the area (DeLong et al. 1988; for several
 * scores a photograph Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data"). It is null if a
 * kind has only one photograph, whose variation is not known. Both kinds need a photograph.
 */
export function areaUnderRoc(known: PhotographScores, unknown: PhotographScores): EvaluationEstimate {
  const [high, low] = [sorted(known), sorted(unknown)];
  const area = meanOver(known, (score) => shareBelow(low, score));
  if (Math.min(known.length, unknown.length) < 2) return { value: area, interval: null };
  const all = known.length + unknown.length;
  const influence = (scores: ArrayLike<number>, count: number, ofScore: (score: number) => number) =>
    (all / count) * sumOf(Array.from(scores, (score) => ofScore(score) - area));
  const values = [
    ...known.map((scores) => influence(scores, high.length, (score) => shareBelow(low, score))),
    ...unknown.map((scores) => influence(scores, low.length, (score) => 1 - shareBelow(high, score))),
  ];
  const photographs = values.map((_, i) => ({ file: `${i}`, label: i < known.length ? 'known' : 'unknown' }));
  const ratio = { part: values.map((value) => area + value), whole: values.map(() => 1) };
  return { ...resampling(photographs).mean(ratio, { low: 0, high: 1 }), value: area };
}

function sorted(photographs: PhotographScores): Float64Array {
  return Float64Array.from(photographs.flatMap((scores) => Array.from(scores))).sort();
}

function meanOver(photographs: PhotographScores, ofScore: (score: number) => number): number {
  const values = photographs.flatMap((scores) => Array.from(scores, ofScore));
  return sumOf(values) / values.length;
}

/** The share of ascending values that are below `score`, where equal ones count half. */
function shareBelow(ascending: Float64Array, score: number): number {
  const firstNot = (isBefore: (value: number) => boolean) => {
    let [low, high] = [0, ascending.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(ascending[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return (firstNot((value) => value < score) + firstNot((value) => value <= score)) / (2 * ascending.length);
}
