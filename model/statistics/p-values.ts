/**
 * A paired test of no difference, and Holm's correction for many tests. If variant and reference are equally
 * good, their answers to a photograph can be exchanged in all seeds that share it, which changes the sign of
 * its difference. The sum of differences is compared with those after random exchanges, each divided by its
 * own standard error, so that the test is also valid if the variant is better on some classes and worse on
 * others (Janssen, Statistics and Probability Letters 36, 1997; Chung and Romano, Annals of Statistics 41,
 * 2013). Exchanging whole seeds is useless: three seeds have eight signs, and no p-value under 0.25.
 *
 * Exchanges of photographs do not show what another seed would give. With several seeds, exchanges therefore
 * make only the part of the noise that seeds share, and the runs' part is drawn as for the intervals.
 */
import { type RandomStream, randomStream } from '../random.ts';
import { incompleteBeta } from './incomplete-beta.ts';
import { deviationOf, type Replicates, runDeviations } from './replicates.ts';
import type { Sample } from './sample.ts';
import { strata, type Variation } from './variation.ts';

/** A p-value up to this shows a difference; intervals are of 95 %. */
export const significanceLevel = 0.05;

/**
 * Two-sided p-value of the mean of paired differences, the observed order counted among the random ones
 * (Phipson and Smyth, "Permutation P-values Should Never Be Zero", 2010). With one seed it covers only other
 * photographs.
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
  // Allows for rounding in sums of another order.
  const observed = Math.abs(variation.estimate) * (1 - 1e-10);
  let beyond = 0;
  for (const value of found) if (Math.abs(value) >= observed) beyond++;
  return (1 + beyond) / (1 + replicates.count);
}

/**
 * The contribution of each photograph to the mean difference, over all seeds that have it, grouped by class.
 */
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
 * Adds the photographs' part to each replicate: the sum of randomly exchanged differences divided by its own
 * standard error, times the observed one.
 */
function addExchanges(
  replicates: Float64Array,
  pooled: PooledDifferences,
  variation: Variation,
  seed: number,
): void {
  const random = randomStream(seed, 'answers exchanged');
  const exchanged = new Float64Array(pooled.values.length);
  // Pooled differences of several seeds include the noise of their runs.
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

const bitsPerDraw = 30;

function exchange(values: Float64Array, exchanged: Float64Array, random: RandomStream): void {
  let bits = 0;
  for (let i = 0; i < values.length; i++) {
    bits = i % bitsPerDraw === 0 ? random.integer(0, 2 ** bitsPerDraw - 1) : bits >>> 1;
    exchanged[i] = (values[i] as number) * (2 * (bits & 1) - 1);
  }
}

/** Standard error of a sum of values that vary around the mean of their class. */
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

/**
 * The two-sided p-value of the sign test: the probability that of as many fair coins as there are differences
 * other than zero, so few or fewer show one side.
 */
export function signTest(differences: Iterable<number>): number {
  const signs = Array.from(differences, Math.sign);
  const positive = signs.filter((sign) => sign > 0).length;
  const negative = signs.filter((sign) => sign < 0).length;
  const fewer = Math.min(positive, negative);
  const tail = incompleteBeta(0.5, Math.max(positive, negative), fewer + 1);
  return Math.min(1, 2 * tail);
}

/**
 * Adjusted p-values: the probability of one or more false positives among all of them stays below the
 * significance level, whatever their dependence (Holm, "A Simple Sequentially Rejective Multiple Test
 * Procedure", Scandinavian Journal of Statistics 6, 1979): the smallest times the number of comparisons, the
 * next times one less, and so on, none below the one before it.
 */
export function holmAdjusted(pValues: readonly number[]): readonly number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => (pValues[a] as number) - (pValues[b] as number));
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * (pValues[at] as number)));
    adjusted[at] = largest;
  });
  return adjusted;
}
