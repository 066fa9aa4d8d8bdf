/**
 * Calibration of the statistics, on simulated studies whose networks do not differ from the reference, or
 * differ by just more than the margin of equivalence. `npm run docs:study-method` makes more of them.
 */
import { expect, test } from 'vitest';
import { deviationsOf, drawReplicates, intervalOf } from '../../../model/statistics/replicates.ts';
import { difference, errorSample, pairedSamples } from '../../../model/statistics/sample.ts';
import { poolOf, variationOf } from '../../../model/statistics/variation.ts';
import { type SimulatedStudy, simulateStudy, trueError } from '../../../study/statistics/simulated-study.ts';
import { type Estimate, isWithin, studyStatistics } from '../../../study/statistics/study-statistics.ts';

/** 150 of 750 photographs to validate on; noise of the sizes that runs on photographs of 25 surfaces have. */
const common: Omit<SimulatedStudy, 'seeds' | 'oneSplit' | 'difference'> = {
  arms: 4,
  classes: 25,
  photographsAClass: 30,
  validatedAClass: 6,
  deviation: { run: 0.015, photograph: 0.1, answer: 0.15 },
};
const margin = 0.02;

interface Shares {
  /** Of intervals that hold the truth. */
  readonly difference: number;
  readonly improvement: number;
  readonly mean: number;
  /** Of comparisons, and of studies after Holm's correction, with a false alarm. */
  readonly alarms: number;
  readonly familyAlarms: number;
}

function sharesOf(study: SimulatedStudy, studies: number): Shares {
  const all = Array.from({ length: studies }, (_, i) =>
    studyStatistics(simulateStudy(study, i + 1), margin, { replicates: 299, seed: i + 1 }),
  );
  const arms = all.flat();
  const compared = arms.flatMap(({ comparison }) => comparison ?? []);
  const holds = ({ interval }: Estimate, truth: number) =>
    interval !== undefined && interval.low <= truth && truth <= interval.high;
  return {
    difference: share(compared, ({ difference }) => holds(difference, study.difference)),
    improvement: share(compared, ({ improvement }) => holds(improvement, 0.5)),
    mean: share(
      arms.filter(({ comparison }) => comparison === undefined),
      ({ mean }) => holds(mean, trueError(study)),
    ),
    alarms: share(compared, ({ test }) => (test?.pValue ?? 1) <= 0.05),
    familyAlarms: share(all, (study) =>
      study.some(({ comparison }) => (comparison?.test?.adjustedPValue ?? 1) <= 0.05),
    ),
  };
}

function share<T>(items: readonly T[], is: (item: T) => boolean): number {
  return items.filter(is).length / items.length;
}

test.each([
  ['three seeds, each with its split', { seeds: 3, oneSplit: false }],
  ['five seeds, each with its split', { seeds: 5, oneSplit: false }],
  ['five seeds and one split', { seeds: 5, oneSplit: true }],
])(
  'with %s, intervals hold the truth in 93 to 97 % and false alarms stay under 5 %',
  { timeout: 180_000 },
  (_, plan) => {
    const shares = sharesOf({ ...common, ...plan, difference: 0 }, 200);
    for (const held of [shares.difference, shares.improvement]) {
      expect(held).toBeGreaterThanOrEqual(0.93);
      expect(held).toBeLessThanOrEqual(0.97);
    }
    expect(shares.mean).toBeGreaterThanOrEqual(0.93);
    expect(shares.alarms).toBeLessThan(0.05);
    expect(shares.familyAlarms).toBeLessThan(0.05);
  },
);

/** Few photographs and little noise: quick, and most networks without a difference are equivalent. */
const quick: Omit<SimulatedStudy, 'difference'> = {
  ...{ arms: 4, seeds: 6, oneSplit: false, classes: 10, photographsAClass: 20, validatedAClass: 4 },
  deviation: { run: 0.005, photograph: 0.03, answer: 0.04 },
};

/** Share of the networks that count as equivalent to the reference. */
function equivalentShare(study: SimulatedStudy, studies: number): number {
  const claims = Array.from({ length: studies }, (_, i) => {
    const [reference = [], ...others] = simulateStudy(study, i + 1).map(({ runs }) => runs.map(errorSample));
    const pool = poolOf([reference, ...others].flat());
    const replicates = drawReplicates(399, pool.size, i + 1);
    return others.map((samples) => {
      const variation = variationOf(pairedSamples(samples, reference, difference), pool);
      const interval = intervalOf(variation, deviationsOf(variation, replicates), { low: -1, high: 1 });
      return isWithin(interval, margin);
    });
  });
  return share(claims.flat(), (claim) => claim);
}

test.each([
  ['worse', margin * 1.005],
  ['better', -margin * 1.005],
])(
  'networks that are %s by just more than the margin count as equivalent in under 5 % of simulated studies',
  (_, difference) => {
    const found = equivalentShare({ ...quick, difference }, 150);
    expect(found).toBeLessThan(0.05);
    expect(found).toBeGreaterThan(0.005);
  },
);

test('half of the networks without a difference count as equivalent', () => {
  expect(equivalentShare({ ...quick, difference: 0 }, 20)).toBeGreaterThan(0.5);
});

test('the true error of simulated networks is the mean of what is drawn', () => {
  const study = { ...common, arms: 1, difference: 0.05, seeds: 40, oneSplit: false, validatedAClass: 30 };
  const means = [0, 1].map((arm) => {
    const errors = [1, 2, 3].flatMap((seed) =>
      (simulateStudy(study, seed)[arm]?.runs ?? []).flatMap(({ photographs }) =>
        photographs.map(({ error }) => error),
      ),
    );
    return errors.reduce((sum, error) => sum + error / errors.length, 0);
  });
  const [reference = Number.NaN, other = Number.NaN] = means;
  expect(Math.abs(reference - trueError(study))).toBeLessThan(0.01);
  expect(Math.abs(other - reference - 0.05)).toBeLessThan(0.01);
});
