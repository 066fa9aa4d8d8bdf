/**
 * A paired test of no difference. If variant and reference were alike, their answers to a photograph could be exchanged, in all seeds
 * that share it: its difference would change sign. The sum of differences is compared with those after random exchanges, each over
 * its own standard error, so that the test holds too where the variant is better on some classes and worse on others (Janssen, Statistics
 * and Probability Letters 36, 1997; Chung and Romano, Annals of Statistics 41, 2013). To exchange whole seeds would be of no use: three
 * have eight signs, and no p-value under 0.25.
 *
 * Exchanges of photographs know nothing of what another seed would have given. With several seeds only the part of the noise that
 * seeds share is therefore made by exchanges, and the runs' part is drawn as for the intervals.
 */
import { type RandomStream, randomStream } from '../../model/random.ts';
import { deviationOf, type Replicates, runDeviations } from './replicates.ts';
import type { Sample } from './sample.ts';
import { strata, type Variation } from './variation.ts';

/**
 * Two-sided p-value of the mean of paired differences, the observed order counted among the random ones (Phipson and Smyth,
 * "Permutation P-values Should Never Be Zero", 2010). With one seed it is about other photographs alone.
 */
export function pairedPValue(
  differences: readonly Sample[],
  variation: Variation,
  replicates: Replicates,
  seed: number,
): number {
  const pooled = pooledDifferences(differences);
  const found = runDeviations(variation, replicates);
  if (variation.photographVariance > 0) addExchanges(found, pooled, variation, seed);
  // Sums in another order differ in their last digits.
  const observed = Math.abs(variation.estimate) * (1 - 1e-10);
  let beyond = 0;
  for (const value of found) if (Math.abs(value) >= observed) beyond++;
  return (1 + beyond) / (1 + replicates.count);
}

/** The part of each photograph in the mean difference, over all seeds that have it, class after class. */
interface PooledDifferences {
  readonly values: Float64Array;
  /** Where each class ends. */
  readonly ends: readonly number[];
}

function pooledDifferences(differences: readonly Sample[]): PooledDifferences {
  const parts = new Map<string, { label: string; value: number }>();
  for (const { images, labels, values } of differences) {
    images.forEach((image, i) => {
      const before = parts.get(image)?.value ?? 0;
      const value = before + (values[i] as number) / (values.length * differences.length);
      parts.set(image, { label: labels[i] as string, value });
    });
  }
  const all = [...parts.keys()].sort().map((image) => parts.get(image) as { label: string; value: number });
  const classes = strata(all.map(({ label }) => label));
  let end = 0;
  return {
    values: Float64Array.from(classes.flat(), (i) => all[i]?.value as number),
    ends: classes.map((members) => {
      end += members.length;
      return end;
    }),
  };
}

/**
 * Adds to each replicate what photographs make of it: the sum of randomly exchanged differences in units of its own standard error, times
 * the one that was observed.
 */
function addExchanges(
  replicates: Float64Array,
  pooled: PooledDifferences,
  variation: Variation,
  seed: number,
): void {
  const random = randomStream(seed, 'answers exchanged');
  const exchanged = new Float64Array(pooled.values.length);
  // Pooled differences of several seeds hold their runs' noise too.
  const observedError =
    variation.seeds === 1 ? standardError(pooled, pooled.values) : Math.sqrt(variation.photographVariance);
  for (let replicate = 0; replicate < replicates.length; replicate++) {
    exchange(pooled.values, exchanged, random);
    let sum = 0;
    for (let i = 0; i < exchanged.length; i++) sum += exchanged[i] as number;
    const photographs = sum === 0 ? 0 : (observedError * sum) / standardError(pooled, exchanged);
    replicates[replicate] = deviationOf(replicates[replicate] as number, photographs, variation);
  }
}

const bitsADraw = 30;

function exchange(values: Float64Array, exchanged: Float64Array, random: RandomStream): void {
  let bits = 0;
  for (let i = 0; i < values.length; i++) {
    bits = i % bitsADraw === 0 ? random.integer(0, 2 ** bitsADraw - 1) : bits >>> 1;
    exchanged[i] = (values[i] as number) * (2 * (bits & 1) - 1);
  }
}

/** Standard error of the sum of values that scatter around the mean of their class. */
function standardError({ ends }: PooledDifferences, values: Float64Array): number {
  let variance = 0;
  let i = 0;
  for (const end of ends) {
    const n = end - i;
    let sum = 0;
    let squares = 0;
    for (; i < end; i++) {
      const value = values[i] as number;
      sum += value;
      squares += value * value;
    }
    if (n > 1) variance += (n / (n - 1)) * Math.max(0, squares - (sum * sum) / n);
  }
  return Math.sqrt(variance);
}
