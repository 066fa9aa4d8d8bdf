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
  /** That of the photographs alone, as if nothing else varied. */
  readonly photographVariance: number;
  /** Of each photograph of the pool to the estimate's deviation; the sum is 0 and the sum of squares their variance. */
  readonly contributions: Float64Array;
}

/** All photographs of a study, so that every network's values are resampled alike. */
export interface Pool {
  readonly size: number;
  readonly places: ReadonlyMap<string, number>;
  /** Number of the class of each place. */
  readonly classes: Int32Array;
}

/** The photographs of the samples in an order that does not depend on the samples' order. */
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

/** Of one or more seeds with two or more photographs each. */
export function variationOf(samples: readonly Sample[], pool: Pool): Variation {
  const seeds = samples.length;
  const means = samples.map(({ values }) => meanOf(values));
  const estimate = meanOf(means);
  const scatters = samples.map((sample) => scatterOf(sample, pool));
  const contributions = new Float64Array(pool.size);
  for (const { places, residuals, enlarged } of scatters) {
    places.forEach((place, i) => {
      const part = ((residuals[i] as number) * (enlarged[i] as number)) / (seeds * places.length);
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

/** How the photographs of a seed scatter around the means of their classes. */
interface Scatter {
  readonly places: readonly number[];
  readonly residuals: Float64Array;
  /** Photographs of its class. */
  readonly ofClass: Int32Array;
  /**
   * What a residual is multiplied by, so that squares are right on average: sqrt(n / (n - 1)) for a class of n (Davison and Hinkley,
   * "Bootstrap Methods and their Application", 1997, section 3.2).
   */
  readonly enlarged: Float64Array;
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
    enlarged: Float64Array.from(ofClass, (n) => (n === 1 ? 0 : Math.sqrt(n / (n - 1)))),
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
 * Covariance of two seeds' means. Of a class with n and m photographs in the two and k in both, products of residuals have
 * 1 - 1/n - 1/m + k/nm of the covariance on average, since each seed's are taken from a mean of its own. `indices` are the first one's
 * by place, -1 for photographs that it has not.
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
    const kept = 1 - 1 / n - 1 / m + (inBoth[classes[place] as number] as number) / (n * m);
    if (kept > 0) sum += ((one.residuals[i] as number) * (other.residuals[j] as number)) / kept;
  });
  return sum / (one.places.length * other.places.length);
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

export function meanOf(values: ArrayLike<number> & Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function sumOfSquares(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value ** 2;
  return sum;
}
