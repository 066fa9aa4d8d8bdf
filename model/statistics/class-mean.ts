/**
 * The mean over classes of each class's share of errors, with an interval. The variance of the mean is the sum of
 * those of the classes, which have different numbers of photographs; its degrees of freedom are those of Welch and
 * Satterthwaite (Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", Biometrics
 * Bulletin 2, 1946).
 */
import type { EvaluationEstimate } from '../evaluation-file.ts';
import { groupBy } from '../group-by.ts';
import { meanOf, sumOf } from './descriptive.ts';
import { studentQuantile } from './incomplete-beta.ts';
import { type Ratio, shareRange } from './photograph-intervals.ts';
import { uniformInterval, within } from './uniform-interval.ts';
import { noVariance } from './variation.ts';
import { wilsonInterval } from './wilson.ts';

interface ClassShare {
  readonly photographs: number;
  readonly share: number;
  /** The sum of the squares of the photographs' deviations from the share. */
  readonly squares: number;
}

/** A variance and the degrees of freedom of its estimate. */
interface EstimatedVariance {
  readonly variance: number;
  readonly freedom: number;
}

/**
 * The mean of the shares of the classes; `labels` are the photographs' classes. One photograph that is partly wrong
 * has no interval.
 */
export function classMean(ratio: Ratio, labels: readonly string[]): EvaluationEstimate {
  const classes = classShares(ratio, labels);
  const value = meanOf(classes.map(({ share }) => share));
  if (value === 0 || value === 1)
    return { value, interval: wilsonInterval(value * labels.length, labels.length) };
  if (labels.length === 1) return { value, interval: null };
  const parts = classVariances(classes, value).map(({ variance, freedom }) => ({
    variance: variance / classes.length ** 2,
    freedom,
  }));
  const variance = sumOf(parts.map((part) => part.variance));
  if (variance <= noVariance) {
    const weight = 1 / classes.length;
    const groups = classes.map(({ photographs }) => ({ photographs, weight }));
    return { value, interval: uniformInterval(value, groups, shareRange) };
  }
  const freedom = variance ** 2 / sumOf(parts.map((part) => part.variance ** 2 / part.freedom));
  const distance = studentQuantile(0.025, freedom) * Math.sqrt(variance);
  return { value, interval: within(value, distance, shareRange) };
}

function classShares({ part, whole }: Ratio, labels: readonly string[]): readonly ClassShare[] {
  return [...groupBy(labels.keys(), (i) => labels[i] as string).values()].map((members) => {
    const parts = members.map((i) => part[i] as number);
    const wholes = members.map((i) => whole[i] as number);
    const share = sumOf(parts) / sumOf(wholes);
    // The influence of each photograph on the share of its class (Davison and Hinkley, "Bootstrap Methods and their
    // Application", 1997, section 2.7.2).
    const deviations = parts.map((value, i) => (value - share * (wholes[i] as number)) / meanOf(wholes));
    return {
      photographs: members.length,
      share,
      squares: sumOf(deviations.map((deviation) => deviation ** 2)),
    };
  });
}

/**
 * The variances of the shares of the classes. That of a class with one photograph is not known: it is the larger of
 * the mean variance within the other classes, and of the spread of these photographs around the mean of all classes.
 */
function classVariances(classes: readonly ClassShare[], mean: number): readonly EstimatedVariance[] {
  const several = classes.filter(({ photographs }) => photographs > 1);
  const single = classes.filter(({ photographs }) => photographs === 1);
  const freedom = sumOf(several.map(({ photographs }) => photographs - 1));
  const pooled = freedom === 0 ? 0 : sumOf(several.map(({ squares }) => squares)) / freedom;
  const spread = sumOf(single.map(({ share }) => (share - mean) ** 2)) / Math.max(1, single.length - 1);
  const ofSingle = single.length * Math.max(pooled, spread);
  return [
    ...several.map(({ photographs: n, squares }) => ({ variance: squares / (n - 1) / n, freedom: n - 1 })),
    { variance: ofSingle, freedom: pooled > spread ? freedom : Math.max(1, single.length - 1) },
  ];
}
