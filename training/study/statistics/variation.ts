/**
 * How far a mean over seeds and photographs may be off. Two things vary: the run (with another seed the same network comes out
 * better or worse on all photographs) and the photographs. Seed s has its own validation photographs, drawn from one pool, so that two
 * seeds share some or all of them. With v the value of a photograph in a seed,
 *
 *     v[s,i] = mean + run[s] + photograph[i] + rest[s,i],      estimate = mean over s of (mean over i of v[s,i])
 *
 * The seeds' means are alike distributed, with a covariance that comes from the photographs they share, therefore
 *
 *     variance of the estimate = B / S + C
 *
 * with B the sample variance of the S seeds' means (which holds run-to-run noise and the noise of the photographs that are not shared)
 * and C the mean covariance of two seeds: the analysis of variance estimators for crossed random effects (Searle, Casella, McCulloch,
 * "Variance Components", 1992; Owen and Eckles, "Bootstrapping data arrays of arbitrary order", Annals of Applied Statistics 6, 2012).
 * B has only S - 1 degrees of freedom, which no bootstrap can mend: three seeds resampled vary a third too little and have ten
 * different means (Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015). Photographs are many.
 *
 * Photographs scatter around the mean of their class in their seed, because every seed has the same number of each class.
 */
import type { Sample } from './sample.ts';

export interface Variation {
  /** Mean over seeds of the mean over photographs. */
  readonly estimate: number;
  readonly seeds: number;
  /** B / S; 0 where one seed leaves it unknown. */
  readonly runVariance: number;
  /** C; with one seed all of the photographs' variance. */
  readonly sharedVariance: number;
  /** Of each photograph of the pool to the estimate's deviation; the sum is 0 and the sum of squares their variance. */
  readonly contributions: Float64Array;
}

/** Places of all photographs of a study, so that every network's values are resampled alike. */
export type Pool = ReadonlyMap<string, number>;

/** The photographs of the samples in an order that does not depend on the samples' order. */
export function poolOf(samples: readonly Sample[]): Pool {
  const images = [...new Set(samples.flatMap((sample) => sample.images))].sort();
  return new Map(images.map((image, place) => [image, place]));
}

/** Of one or more seeds with two or more photographs each. */
export function variationOf(samples: readonly Sample[], pool: Pool): Variation {
  const seeds = samples.length;
  const means = samples.map(({ values }) => meanOf(values));
  const estimate = meanOf(means);
  const contributions = new Float64Array(pool.size);
  let ownVariance = 0;
  for (const sample of samples) {
    const share = 1 / (seeds * sample.values.length);
    residuals(sample).forEach((residual, i) => {
      const place = pool.get(sample.images[i] as string) as number;
      contributions[place] = (contributions[place] as number) + residual * share;
      ownVariance += (residual * share) ** 2;
    });
  }
  const photographVariance = sumOfSquares(contributions);
  if (seeds === 1) {
    return { estimate, seeds, runVariance: 0, sharedVariance: photographVariance, contributions };
  }
  const runVariance = sumOfSquares(means.map((mean) => mean - estimate)) / ((seeds - 1) * seeds);
  // The variance of a sum of S is that of its terms and S(S-1) covariances.
  const covariance = ((photographVariance - ownVariance) * seeds) / (seeds - 1);
  return { estimate, seeds, runVariance, sharedVariance: Math.max(0, covariance), contributions };
}

/**
 * Deviations from the mean of the class, enlarged by sqrt(n / (n - 1)) so that their squares are right on average (Davison and
 * Hinkley, "Bootstrap Methods and their Application", 1997, section 3.2). Classes of one photograph are taken together (collapsed
 * strata: Cochran, "Sampling Techniques", 1977, section 5A.12).
 */
function residuals({ labels, values }: Sample): Float64Array {
  const found = new Float64Array(values.length);
  for (const members of strata(labels)) {
    const mean = members.reduce((sum, i) => sum + (values[i] as number), 0) / members.length;
    const factor = members.length === 1 ? 0 : Math.sqrt(members.length / (members.length - 1));
    for (const i of members) found[i] = ((values[i] as number) - mean) * factor;
  }
  return found;
}

/** Indices of equal labels; those that stand alone are put together. */
export function strata(labels: readonly string[]): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  labels.forEach((label, i) => {
    const members = groups.get(label);
    if (members === undefined) groups.set(label, [i]);
    else members.push(i);
  });
  const all = [...groups.values()];
  const alone = all.filter((members) => members.length === 1).flat();
  return [...all.filter((members) => members.length > 1), ...(alone.length === 0 ? [] : [alone])];
}

function meanOf(values: ArrayLike<number> & Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function sumOfSquares(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value ** 2;
  return sum;
}
