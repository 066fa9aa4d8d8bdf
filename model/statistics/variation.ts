/**
 * The variance of a mean over seeds and photographs. Two things vary: the run (with another seed the same
 * network is better or worse on all photographs) and the photographs. Seed s has its own validation
 * photographs, drawn from one pool, so two seeds share some or all of them. With v the value of a photograph
 * in a seed,
 *
 *     v[s,i] = mean + run[s] + photograph[i] + rest[s,i],      estimate = mean over s of (mean over i of v[s,i])
 *
 * The seeds' means have the same distribution, and a covariance from the photographs that they share,
 * therefore
 *
 *     variance of the estimate = B / S + C
 *
 * with B the sample variance of the S seeds' means (which includes run-to-run noise and the noise of
 * photographs that are not shared) and C the mean covariance of two seeds: the analysis of variance
 * estimators for crossed random effects (Searle, Casella, McCulloch, "Variance Components", 1992; Owen and
 * Eckles, "Bootstrapping data arrays of arbitrary order", Annals of Applied Statistics 6, 2012). B has only
 * S - 1 degrees of freedom, which a bootstrap cannot repair: three resampled seeds vary a third too little and
 * have ten different means (Hesterberg, "What Teachers Should Know About the Bootstrap", The American
 * Statistician 69, 2015). Photographs are many.
 *
 * Photographs vary around the mean of their class in their seed, because every seed has the same number of
 * each class.
 */
import { equalIndices } from '../group-by.ts';
import { meanOf } from './descriptive.ts';
import type { Sample } from './sample.ts';

export interface Variation {
  /** Mean over seeds of the mean over photographs. */
  readonly estimate: number;
  readonly seeds: number;
  /** B / S; 0 for one seed, which does not show it. */
  readonly runVariance: number;
  /** C; for one seed the whole variance of the photographs. */
  readonly sharedVariance: number;
  /** The variance from photographs if nothing else varied. */
  readonly photographVariance: number;
  /**
   * Of each photograph to the estimate's deviation; their sum is 0 and their sum of squares the photographs'
   * variance.
   */
  readonly contributions: Float64Array;
}

/** Below this variance, values differ only by rounding. */
export const noVariance = 1e-24;

/** All photographs of a study, so that every network's values are resampled in the same way. */
export interface Pool {
  readonly size: number;
  readonly places: ReadonlyMap<string, number>;
  /** Index of the class of each place. */
  readonly classes: Int32Array;
}

/** The photographs of the samples, in an order that does not depend on the samples' order. */
export function poolOf(samples: readonly Sample[]): Pool {
  const labels = new Map(
    samples.flatMap((sample) => sample.images.map((image, i) => [image, sample.labels[i]])),
  );
  const images = [...labels.keys()].sort();
  const names = [...new Set(labels.values())];
  return {
    size: images.length,
    places: new Map(images.map((image, place) => [image, place])),
    classes: Int32Array.from(images, (image) => names.indexOf(labels.get(image))),
  };
}

/** Needs one or more seeds with two or more photographs each. */
export function variationOf(samples: readonly Sample[], pool: Pool): Variation {
  const seeds = samples.length;
  const means = samples.map(({ values }) => meanOf(values));
  const estimate = meanOf(means);
  const scatters = samples.map((sample) => scatterOf(sample, pool));
  const contributions = new Float64Array(pool.size);
  for (const { places, residuals, scale } of scatters) {
    places.forEach((place, i) => {
      const part = ((residuals[i] as number) * (scale[i] as number)) / (seeds * places.length);
      contributions[place] = (contributions[place] as number) + part;
    });
  }
  const photographVariance = sumOfSquares(contributions);
  const common = { estimate, seeds, photographVariance, contributions };
  if (seeds === 1) return { ...common, runVariance: 0, sharedVariance: photographVariance };
  const runVariance = sumOfSquares(means.map((mean) => mean - estimate)) / ((seeds - 1) * seeds);
  const sharedVariance = Math.max(0, meanCovariance(scatters, pool));
  return { ...common, runVariance, sharedVariance };
}

/** How the photographs of a seed vary around the means of their classes. */
interface Scatter {
  readonly places: readonly number[];
  readonly residuals: Float64Array;
  /** Number of photographs of its class. */
  readonly ofClass: Int32Array;
  /**
   * Factor on a residual that makes its square unbiased: sqrt(n / (n - 1)) for a class of n (Davison and
   * Hinkley, "Bootstrap Methods and their Application", 1997, section 3.2).
   */
  readonly scale: Float64Array;
}

function scatterOf({ images, labels, values }: Sample, pool: Pool): Scatter {
  const residuals = new Float64Array(values.length);
  const ofClass = new Int32Array(values.length);
  for (const members of strata(labels)) {
    let mean = 0;
    for (const i of members) mean += (values[i] as number) / members.length;
    for (const i of members) {
      residuals[i] = (values[i] as number) - mean;
      ofClass[i] = members.length;
    }
  }
  return {
    places: images.map((image) => pool.places.get(image) as number),
    residuals,
    ofClass,
    scale: Float64Array.from(ofClass, (n) => (n === 1 ? 0 : Math.sqrt(n / (n - 1)))),
  };
}

/** Mean covariance of the means of two seeds. */
function meanCovariance(scatters: readonly Scatter[], pool: Pool): number {
  let sum = 0;
  const indices = new Int32Array(pool.size);
  scatters.forEach((one, s) => {
    indices.fill(-1);
    one.places.forEach((place, i) => {
      indices[place] = i;
    });
    for (const other of scatters.slice(s + 1)) sum += covariance(one, other, indices, pool);
  });
  return sum / ((scatters.length * (scatters.length - 1)) / 2);
}

/**
 * Covariance of two seeds' means. For a class with n and m photographs in the two seeds and k in both,
 * products of residuals have on average 1 - 1/n - 1/m + k/nm of the covariance, because each seed's residuals
 * are from its own mean. `indices` are those of the first seed by place, -1 for photographs that it does not
 * have.
 */
function covariance(one: Scatter, other: Scatter, indices: Int32Array, { classes }: Pool): number {
  const inBoth = new Int32Array(classes.length);
  for (const place of other.places) {
    const ofPlace = classes[place] as number;
    if ((indices[place] as number) >= 0) inBoth[ofPlace] = (inBoth[ofPlace] as number) + 1;
  }
  let sum = 0;
  other.places.forEach((place, j) => {
    const i = indices[place] as number;
    if (i < 0) return;
    const n = one.ofClass[i] as number;
    const m = other.ofClass[j] as number;
    const factor = 1 - 1 / n - 1 / m + (inBoth[classes[place] as number] as number) / (n * m);
    if (factor > 0) sum += ((one.residuals[i] as number) * (other.residuals[j] as number)) / factor;
  });
  return sum / (one.places.length * other.places.length);
}

/** Groups of indices with the same label; groups of one are merged. */
export function strata(labels: readonly string[]): readonly (readonly number[])[] {
  const all = equalIndices(labels);
  const single = all.filter((members) => members.length === 1).flat();
  return [...all.filter((members) => members.length > 1), ...(single.length === 0 ? [] : [single])];
}

function sumOfSquares(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value ** 2;
  return sum;
}
