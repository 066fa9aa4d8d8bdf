/**
 * Replicates of a study: by how much an estimate deviates with other photographs and other seeds. Photographs
 * are resampled; one that several seeds share is resampled with all its values (the pigeonhole bootstrap of
 * Owen and Eckles, 2012). Seeds are too few for resampling; their part is drawn from Student's t with S - 1
 * degrees of freedom, which is exact for normal run-to-run noise: the sum is a generalised pivotal quantity
 * for the mean (Weerahandi, "Generalized Confidence Intervals", JASA 88, 1993).
 *
 * Two or three seeds may agree by chance better than their photographs allow. A replicate therefore deviates
 * at least half as much as its photographs do without the seeds, which widens 95 % intervals to 95.5 % for
 * three seeds, and by less for more.
 */
import { type RandomStream, randomStream } from '../random.ts';
import { quantileOf } from './descriptive.ts';
import type { Variation } from './variation.ts';

/** Draws that all quantities of a study share, so that none depends on which others are computed. */
export interface Replicates {
  readonly count: number;
  /** How often each photograph of the pool is drawn, replicate by replicate. */
  multiplicities(): Iterable<Uint8Array>;
  studentT(degreesOfFreedom: number): Float64Array;
}

/** Draws photographs each time that they are needed: all draws of a large study would fill the memory. */
export function drawReplicates(count: number, photographs: number, seed: number): Replicates {
  function* multiplicities() {
    const random = randomStream(seed, 'photographs resampled');
    for (let replicate = 0; replicate < count; replicate++) yield drawOf(photographs, random);
  }
  const known = new Map<number, Float64Array>();
  const studentT = (degreesOfFreedom: number) => {
    const draws =
      known.get(degreesOfFreedom) ??
      Float64Array.from({ length: count }, studentDraw(degreesOfFreedom, seed));
    known.set(degreesOfFreedom, draws);
    return draws;
  };
  return { count, multiplicities, studentT };
}

/** The same replicates with all draws in memory, for quantities that are computed one after another. */
export function inMemory(replicates: Replicates): Replicates {
  const all = [...replicates.multiplicities()];
  return { ...replicates, multiplicities: () => all };
}

function drawOf(photographs: number, random: RandomStream): Uint8Array {
  const multiplicities = new Uint8Array(photographs);
  for (let i = 0; i < photographs; i++) {
    const at = random.integer(0, photographs - 1);
    multiplicities[at] = (multiplicities[at] as number) + 1;
  }
  return multiplicities;
}

function studentDraw(degreesOfFreedom: number, seed: number): () => number {
  const random = randomStream(seed, 'runs drawn', degreesOfFreedom);
  return () => random.normal() / Math.sqrt(chiSquared(degreesOfFreedom, random) / degreesOfFreedom);
}

function chiSquared(degreesOfFreedom: number, random: RandomStream): number {
  let sum = 0;
  for (let i = 0; i < degreesOfFreedom; i++) sum += random.normal() ** 2;
  return sum;
}

/**
 * The runs' part of an estimate's deviation in each replicate; zeros for one seed, which does not show it.
 */
export function runDeviations({ seeds, runVariance }: Variation, replicates: Replicates): Float64Array {
  if (seeds === 1) return new Float64Array(replicates.count);
  const deviation = Math.sqrt(runVariance);
  return replicates.studentT(seeds - 1).map((t) => t * deviation);
}

/** The deviation of a replicate from the deviations of its runs (0 for one seed) and of its photographs. */
export function deviationOf(
  runs: number,
  photographs: number,
  { sharedVariance, photographVariance }: Variation,
): number {
  // Only the part that seeds share: the rest is in the variance of the seeds' means.
  const whole = runs + Math.sqrt(sharedVariance / photographVariance) * photographs;
  const least = leastShare * photographs;
  // `photographs` is infinite where an exchange leaves no variation; 0 x infinity is then NaN.
  return Math.abs(whole) >= Math.abs(least) ? whole : least;
}

const leastShare = 0.5;

/** The deviations of each estimate in each replicate, from photographs and runs together. */
export function deviations(
  variations: readonly Variation[],
  replicates: Replicates,
): ReadonlyMap<Variation, Float64Array> {
  const all = new Map(variations.map((variation) => [variation, runDeviations(variation, replicates)]));
  let replicate = 0;
  for (const drawn of replicates.multiplicities()) {
    for (const [variation, found] of all) {
      if (variation.photographVariance === 0) continue;
      const photographs = weightedSum(drawn, variation.contributions);
      found[replicate] = deviationOf(found[replicate] as number, photographs, variation);
    }
    replicate++;
  }
  return all;
}

/** As `deviations`, of one estimate. */
export function deviationsOf(variation: Variation, replicates: Replicates): Float64Array {
  return deviations([variation], replicates).get(variation) as Float64Array;
}

function weightedSum(weights: Uint8Array, values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (weights[i] as number) * (values[i] as number);
  return sum;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The middle 95 % of the estimate's replicates, clamped to its range. */
export function intervalOf({ estimate }: Variation, found: Float64Array, { low, high }: Interval): Interval {
  const sorted = found.toSorted();
  const within = (value: number) => Math.min(high, Math.max(low, value));
  return {
    low: within(estimate + quantileOf(sorted, 0.025)),
    high: within(estimate + quantileOf(sorted, 0.975)),
  };
}

/**
 * The smallest true difference that 80 % of studies like this one detect at the 5 % level: 80 % of its
 * replicates are above the limit for no difference (Bloom, "Minimum Detectable Effects", Evaluation Review
 * 19, 1995).
 */
export function smallestDetectable(found: Float64Array): number {
  const limit = quantileOf(found.map(Math.abs).sort(), 0.95);
  return limit + quantileOf(found.toSorted(), 0.8);
}

/**
 * The probability that the true value lies within `margin` of 0: the share of replicates of the estimate in
 * which it does, the observed order counted as outside. As a replicate's deviation is a generalised pivotal
 * quantity, this is one minus a generalised p-value of the hypothesis that it lies outside (Tsui and
 * Weerahandi, JASA 84, 1989), and for normal noise the posterior probability of a region of practical
 * equivalence without prior knowledge (Box and Tiao, "Bayesian Inference in Statistical Analysis", 1973,
 * section 2.4; Kruschke, Advances in Methods and Practices in Psychological Science 1, 2018).
 */
export function probabilityWithin(margin: number, { estimate }: Variation, found: Float64Array): number {
  let outside = 0;
  for (const deviation of found) if (Math.abs(estimate + deviation) >= margin) outside++;
  return 1 - (1 + outside) / (1 + found.length);
}
