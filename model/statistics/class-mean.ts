/**
 * The mean over classes of each class's share of errors, with an interval. It is Wilson's, for as many
 * photographs as would give the mean its variance (Korn and Graubard, "Confidence Intervals for Proportions
 * with Small Expected Number of Positive Counts Estimated from Survey Data", Survey Methodology 24, 1998).
 */
import type { EvaluationEstimate } from '../evaluation-file.ts';
import { equalIndices } from '../group-by.ts';
import { meanOf, normalQuantile, sumOf } from './descriptive.ts';
import { studentQuantile } from './incomplete-beta.ts';
import type { Ratio } from './photograph-intervals.ts';
import { noVariance } from './variation.ts';
import { wilsonInterval } from './wilson.ts';

interface ClassShare {
  readonly photographs: number;
  readonly share: number;
  /** The sum of the squares of the photographs' deviations from the share. */
  readonly squares: number;
}

/**
 * A class of few photographs that agree does not have the variance 0: its variance is estimated as if this
 * many more varied like the photographs of all classes.
 */
const addedPhotographs = 2;

/**
 * The mean of the shares of the classes; `labels` are the photographs' classes. One photograph that is partly
 * wrong has no interval.
 */
export function classMean(ratio: Ratio, labels: readonly string[]): EvaluationEstimate {
  const classes = classShares(ratio, labels);
  const value = meanOf(classes.map(({ share }) => share));
  if (labels.length === 1 && value > 0 && value < 1) return { value, interval: null };
  const intervalOf = (photographs: number) => wilsonInterval(value * photographs, photographs);
  // Photographs of classes of equal size, whose mean varies as little.
  const equivalent = classes.length ** 2 / sumOf(classes.map(({ photographs }) => 1 / photographs));
  const ofAll = meanOf(
    classes.map(({ photographs, share, squares }) => squares / photographs + (share - value) ** 2),
  );
  if (ofAll <= noVariance) return { value, interval: intervalOf(equivalent) };
  const variances = classes.map(
    ({ photographs: n, squares }) =>
      (squares + addedPhotographs * ofAll) / (n - 1 + addedPhotographs) / n / classes.length ** 2,
  );
  const widening = studentQuantile(0.025, equivalent - 1) / normalQuantile;
  return { value, interval: intervalOf((value * (1 - value)) / (sumOf(variances) * widening ** 2)) };
}

function classShares({ part, whole }: Ratio, labels: readonly string[]): readonly ClassShare[] {
  return equalIndices(labels).map((members) => {
    const parts = members.map((i) => part[i] as number);
    const wholes = members.map((i) => whole[i] as number);
    const share = sumOf(parts) / sumOf(wholes);
    // The influence of each photograph on the share of its class (Davison and Hinkley, "Bootstrap Methods and
    // their Application", 1997, section 2.7.2).
    const deviations = parts.map((value, i) => (value - share * (wholes[i] as number)) / meanOf(wholes));
    return {
      photographs: members.length,
      share,
      squares: sumOf(deviations.map((deviation) => deviation ** 2)),
    };
  });
}
