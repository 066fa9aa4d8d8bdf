import { expect, test } from 'vitest';
import { holmAdjusted, pairedPValue } from '../../../model/statistics/p-values.ts';
import { deviationsOf, drawReplicates, intervalOf } from '../../../model/statistics/replicates.ts';
import type { RunErrors, Sample } from '../../../model/statistics/sample.ts';
import { poolOf, variationOf } from '../../../model/statistics/variation.ts';
import { interquartileMean, interquartileSamples } from '../../../study/statistics/interquartile-mean.ts';
import {
  type ArmStatistics,
  type Comparison,
  studyStatistics,
} from '../../../study/statistics/study-statistics.ts';
import { tolerances } from '../../tolerances.ts';
import scipy from './scipy_numbers.json' with { type: 'json' };

/** A sample of one class. */
function sampleOf(values: readonly number[], seed = 1): Sample {
  return {
    seed,
    images: values.map((_, i) => `${seed}/${i}`),
    labels: values.map(() => 'one'),
    values: Float64Array.from(values),
  };
}

function runOf(errors: readonly number[], seed: number, images = (i: number) => `${i}`): RunErrors {
  return { seed, photographs: errors.map((error, i) => ({ image: images(i), label: `${i % 2}`, error })) };
}

function comparisonOf(arms: readonly ArmStatistics[]): Comparison {
  const found = arms[1]?.comparison;
  if (found === undefined) throw new Error('expected a comparison');
  return found;
}

function pValueOf(samples: readonly Sample[], replicates: number): number {
  const pool = poolOf(samples);
  return pairedPValue(samples, variationOf(samples, pool), drawReplicates(replicates, pool.size, 1), 1);
}

test("Holm's correction of four p-values matches the textbook", () => {
  const adjusted = holmAdjusted([0.01, 0.04, 0.03, 0.005]);
  for (const [i, expected] of [0.03, 0.06, 0.06, 0.02].entries())
    expect(adjusted[i]).toBeCloseTo(expected, 12);
  expect(holmAdjusted([0.7, 0.6])).toEqual([1, 1]);
  expect(holmAdjusted([])).toEqual([]);
});

test("the paired test gives Fisher's exact value for Darwin's maize", () => {
  // Cross- minus self-fertilised, in eighths of an inch: Fisher, "The Design of Experiments" (1935), section
  // 21; 1726 of 32768 orders.
  const darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
  expect(Math.abs(pValueOf([sampleOf(darwin)], 100_000) - 1726 / 32_768)).toBeLessThan(
    tolerances.resampledShare,
  );
});

test('the standard error from photographs matches the textbook example of the treated mice', () => {
  // Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), table 2.1.
  const mice = sampleOf([94, 197, 16, 38, 99, 141, 23]);
  const { estimate, sharedVariance } = variationOf([mice], poolOf([mice]));
  expect(estimate).toBeCloseTo(86.86, 2);
  expect(Math.sqrt(sharedVariance)).toBeCloseTo(25.24, 2);
});

test('the interquartile mean and its deviation match SciPy', () => {
  const { values, mean, standardError } = scipy.trimmed;
  expect(interquartileMean(Float64Array.from(values))).toBeCloseTo(mean, 12);
  const samples = interquartileSamples([sampleOf(values)]);
  const { estimate, sharedVariance } = variationOf(samples, poolOf(samples));
  expect(estimate).toBeCloseTo(mean, 12);
  expect(Math.sqrt(sharedVariance)).toBeCloseTo(standardError, 12);
});

test("with one seed the p-value matches SciPy's exact permutation test, and the deviation is that within classes", () => {
  const { labels, reference, variant, ...expected } = scipy.oneSeed;
  const images = labels.map((_, i) => `${i}`);
  const values = Float64Array.from(variant, (error, i) => error - (reference[i] ?? Number.NaN));
  const sample: Sample = { seed: 1, images, labels: labels.map(String), values };
  const { estimate, sharedVariance, runVariance } = variationOf([sample], poolOf([sample]));
  expect(estimate).toBeCloseTo(expected.difference, 12);
  expect(Math.sqrt(sharedVariance)).toBeCloseTo(expected.standardError, 12);
  expect(runVariance).toBe(0);
  expect(Math.abs(pValueOf([sample], 100_000) - expected.pValue)).toBeLessThan(tolerances.resampledShare);
});

test.each([
  ['three', scipy.threeSeeds],
  ['five', scipy.fiveSeeds],
])('with %s seeds of separate photographs, interval and p-value match SciPy’s t test', (_, expected) => {
  const runs = (errors: readonly (readonly number[])[]) =>
    errors.map((row, s) => runOf(row, s, (i) => `${s}/${i}`));
  const arms = [
    { name: 'reference', runs: runs(expected.reference) },
    { name: 'variant', runs: runs(expected.variant) },
  ];
  const found = comparisonOf(studyStatistics(arms, 0.02, { replicates: 60_000, seed: 3 }));
  const halfLength = (expected.high - expected.low) / 2;
  expect(found.difference.value).toBeCloseTo(expected.difference, 12);
  expect(
    Math.abs((found.difference.interval?.low ?? Number.NaN) / halfLength - expected.low / halfLength),
  ).toBeLessThan(tolerances.resampledQuantile);
  expect(
    Math.abs((found.difference.interval?.high ?? Number.NaN) / halfLength - expected.high / halfLength),
  ).toBeLessThan(tolerances.resampledQuantile);
  expect(Math.abs((found.test?.pValue ?? Number.NaN) - expected.pValue)).toBeLessThan(
    tolerances.resampledShare,
  );
  const ratio = (found.test?.smallestDetectable ?? Number.NaN) / expected.smallestDetectable;
  expect(Math.abs(ratio - 1)).toBeLessThan(tolerances.detectableDifference);
});

test('common photographs keep their variance with any number of seeds', () => {
  // Seeds that agree on every photograph: only other photographs can change the mean.
  const values = [0, 0.2, 0.9, 0.4, 0.4, 1];
  const shared = [1, 2, 3, 4].map((seed) => ({ ...sampleOf(values, seed), images: sampleOf(values).images }));
  const one = variationOf(shared.slice(0, 1), poolOf(shared));
  const four = variationOf(shared, poolOf(shared));
  expect(four.runVariance).toBeCloseTo(0, 12);
  expect(four.sharedVariance).toBeCloseTo(one.sharedVariance, 12);
  const apart = [1, 2, 3, 4].map((seed) => sampleOf(values, seed));
  expect(variationOf(apart, poolOf(apart)).sharedVariance).toBe(0);
});

test('classes with one photograph are pooled instead of having no variance', () => {
  const alone = { ...sampleOf([0.1, 0.3, 0.8]), labels: ['a', 'b', 'c'] };
  const together = sampleOf([0.1, 0.3, 0.8]);
  const pool = poolOf([together]);
  expect(variationOf([alone], pool).sharedVariance).toBe(variationOf([together], pool).sharedVariance);
});

test('one seed has differences, but neither an interval nor a p-value', () => {
  const arms = [
    { name: 'reference', runs: [runOf([0, 0.2, 0.4, 0.2, 0.6, 0], 7)] },
    { name: 'variant', runs: [runOf([0.2, 0.2, 0.6, 0.4, 0.6, 0.4], 7)] },
  ];
  const [reference, variant] = studyStatistics(arms, 0.02, { replicates: 999, seed: 1 });
  expect(reference).toMatchObject({ basis: 'one seed', seeds: [7], comparison: undefined });
  expect(reference?.mean).toEqual({ value: expect.closeTo(1.4 / 6, 12), interval: undefined });
  expect(variant?.basis).toBe('one seed');
  expect(variant?.interquartileMean.interval).toBeUndefined();
  // Better on none, as good on two of six.
  expect(variant?.comparison).toEqual({
    basis: 'one seed',
    seeds: [7],
    seedDifferences: new Map([[7, expect.closeTo(1 / 6, 12)]]),
    difference: { value: expect.closeTo(1 / 6, 12), interval: undefined },
    improvement: { value: expect.closeTo(1 / 6, 12), interval: undefined },
    correlation: undefined,
    test: undefined,
  });
});

test('a network with only one common seed has an interval of its error, and none of the difference', () => {
  const arms = [
    { name: 'reference', runs: [runOf([0, 0.4, 0.2, 0.2], 1), runOf([0.2, 0.2, 0, 0.4], 2)] },
    { name: 'late', runs: [runOf([0.2, 0.6, 0.2, 0], 2), runOf([0.2, 0.4, 0.2, 0.8], 3)] },
  ];
  const late = studyStatistics(arms, 0.02, { replicates: 99, seed: 1 })[1];
  expect(late?.basis).toBe('seeds and photographs');
  expect(late?.mean.interval).toBeDefined();
  expect(late?.comparison).toMatchObject({ basis: 'one seed', seeds: [2], test: undefined });
});

test('three very different seeds have an interval, however many equal photographs each has', () => {
  const photographs = 1000;
  const seeds = [0.1, 0.2, 0.3].map((error, s) => runOf(Array<number>(photographs).fill(error), s));
  const [reference] = studyStatistics([{ name: 'reference', runs: seeds }], 0.02, {
    replicates: 20_000,
    seed: 1,
  });
  const { low = 0, high = 0 } = reference?.mean.interval ?? {};
  // Student's t with two degrees of freedom: 4.303 times 0.1 / sqrt(3), cut at the 0 below which no error
  // lies.
  expect(low).toBe(0);
  expect(Math.abs(high / (0.2 + (4.303 * 0.1) / Math.sqrt(3)) - 1)).toBeLessThan(
    tolerances.resampledQuantile,
  );
});

test('if no photograph differs in any seed, there is no interval and no p-value', () => {
  const runs = [runOf([0, 0.4, 0.2], 1), runOf([0.2, 0.2, 0], 2)];
  const arms = [
    { name: 'reference', runs },
    { name: 'twin', runs },
  ];
  const found = comparisonOf(studyStatistics(arms, 0.02, { replicates: 999, seed: 1 }));
  expect(found).toMatchObject({
    basis: 'no variation',
    difference: { value: 0, interval: undefined },
    improvement: { value: 0.5, interval: undefined },
    test: undefined,
  });
  const always = {
    name: 'always worse',
    runs: runs.map(({ seed }) =>
      runOf(
        [0.5, 0.9, 0.7].map((e) => e),
        seed,
      ),
    ),
  };
  const flat = { name: 'reference', runs: runs.map(({ seed }) => runOf([0, 0.4, 0.2], seed)) };
  const constant = comparisonOf(studyStatistics([flat, always], 0.02, { replicates: 999, seed: 1 }));
  expect(constant).toMatchObject({ basis: 'no variation', test: undefined });
  expect(constant.difference.value).toBeCloseTo(0.5, 12);
});

test("Holm's correction is only over the tested networks", () => {
  const reference = { name: 'reference', runs: [runOf([0, 0.4, 0.2, 0], 1), runOf([0.2, 0.2, 0, 0.6], 2)] };
  const tested = { name: 'tested', runs: [runOf([0.2, 0.9, 0.2, 0], 1), runOf([0.2, 0.6, 0, 1], 2)] };
  const single = { name: 'single', runs: [runOf([0.2, 0.9, 0.2, 0], 1)] };
  const alone = comparisonOf(studyStatistics([reference, tested], 0.02, { replicates: 999, seed: 1 }));
  const beside = comparisonOf(
    studyStatistics([reference, tested, single], 0.02, { replicates: 999, seed: 1 }),
  );
  expect(beside.test).toEqual(alone.test);
  expect(alone.test?.adjustedPValue).toBe(alone.test?.pValue);
});

test('only common seeds are compared; a network without runs has no statistics, and the others are not affected', () => {
  const arms = [
    { name: 'reference', runs: [runOf([0, 0.4, 0.2], 1), runOf([0.2, 0.2, 0], 2)] },
    { name: 'late', runs: [runOf([0.2, 0.2, 0.2], 2), runOf([0.2, 0.2, 0.2], 3)] },
    { name: 'none', runs: [] },
    { name: 'other', runs: [runOf([0.2, 0.2, 0.2], 4)] },
  ];
  const found = studyStatistics(arms, 0.02, { replicates: 99, seed: 1 });
  expect(found.map(({ name }) => name)).toEqual(['reference', 'late', 'other']);
  expect(found[1]?.comparison?.seeds).toEqual([2]);
  expect(found[2]?.comparison).toBeUndefined();
});

test('runs of one seed on different photographs are rejected', () => {
  const arms = [
    { name: 'reference', runs: [runOf([0, 0.4], 1)] },
    { name: 'variant', runs: [runOf([0, 0.4], 1, (i) => `other ${i}`)] },
  ];
  expect(() => studyStatistics(arms, 0.02, { replicates: 9, seed: 1 })).toThrow(/seed 1: expected both/);
});

test('an interval stays within the possible values', () => {
  const samples = [sampleOf([0, 0, 0.1], 1), sampleOf([1, 1, 0.9], 2)];
  const pool = poolOf(samples);
  const variation = variationOf(samples, pool);
  const found = deviationsOf(variation, drawReplicates(999, pool.size, 1));
  expect(intervalOf(variation, found, { low: 0, high: 1 })).toEqual({ low: 0, high: 1 });
});

test('the numbers depend neither on the order of photographs nor on other networks of the study', () => {
  const errors = [0, 0.4, 0.2, 0.8, 0.6, 0.2];
  const reference = { name: 'reference', runs: [runOf(errors, 1), runOf([...errors].reverse(), 2)] };
  const variant = {
    name: 'variant',
    runs: reference.runs.map(({ seed }) => runOf([0.2, 0.6, 0, 1, 0.4, 0.2], seed)),
  };
  const reversed = {
    ...variant,
    runs: variant.runs.map((run) => ({ ...run, photographs: [...run.photographs].reverse() })),
  };
  const settings = { replicates: 999, seed: 1 };
  const plain = comparisonOf(studyStatistics([reference, variant], 0.02, settings));
  const other = comparisonOf(studyStatistics([reference, reversed, variant], 0.02, settings));
  expect(other.difference.interval?.low).toBeCloseTo(plain.difference.interval?.low ?? Number.NaN, 12);
  expect(other.test?.pValue).toBe(plain.test?.pValue);
  expect(plain.test?.pValue).toBeGreaterThan(0);
});

test('photographs are drawn one replicate at a time, the same ones each time', () => {
  // All at once they would have 20 GB.
  const replicates = drawReplicates(20_000, 1_000_000, 1);
  const [first] = replicates.multiplicities();
  expect(first?.reduce((sum, times) => sum + times, 0)).toBe(1_000_000);
  const [again] = replicates.multiplicities();
  expect(again).toEqual(first);
});

test('seeds that agree by chance do not reduce the variance below half of that of their photographs', () => {
  const values = [0, 0.2, 0.9, 0.4, 0.4, 1];
  const samples = [1, 2, 3].map((seed) => sampleOf(values, seed));
  const pool = poolOf(samples);
  const variation = variationOf(samples, pool);
  expect(variation.runVariance).toBeCloseTo(0, 12);
  const found = deviationsOf(variation, drawReplicates(20_000, pool.size, 1));
  const { low, high } = intervalOf(variation, found, { low: 0, high: 1 });
  const ofPhotographs = 2 * 1.96 * Math.sqrt(variation.photographVariance);
  expect(Math.abs((high - low) / ofPhotographs - 0.5)).toBeLessThan(tolerances.resampledQuantile);
});
