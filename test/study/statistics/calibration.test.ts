/** Calibration of the statistics, on simulated studies in which no network differs from the reference. */
import { expect, test } from 'vitest';
import { type Estimate, studyStatistics } from '../../../study/statistics/study-statistics.ts';
import { type SimulatedStudy, simulateStudy } from './simulated-study.ts';

/** 150 of 750 photographs to validate on; noise of the sizes that runs on photographs of 25 surfaces have. */
const alike: Omit<SimulatedStudy, 'seeds' | 'oneSplit'> = {
  arms: 4,
  classes: 25,
  photographsAClass: 30,
  validatedAClass: 6,
  deviation: { run: 0.015, photograph: 0.1, answer: 0.15 },
};
const studies = 200;
/** The mean error of all photographs that these simulations could draw, from 1.8 million of them. */
const trueError = 0.3225;

interface Shares {
  /** Of intervals that hold the truth. */
  readonly difference: number;
  readonly improvement: number;
  readonly mean: number;
  /** Of comparisons, and of studies after Holm's correction, with a false alarm. */
  readonly alarms: number;
  readonly familyAlarms: number;
}

function sharesOf(study: SimulatedStudy): Shares {
  const all = Array.from({ length: studies }, (_, i) =>
    studyStatistics(simulateStudy(study, i + 1), { replicates: 299, seed: i + 1 }),
  );
  const arms = all.flat();
  const compared = arms.flatMap(({ comparison }) => comparison ?? []);
  const holds = ({ interval }: Estimate, truth: number) =>
    interval !== undefined && interval.low <= truth && truth <= interval.high;
  return {
    difference: share(compared, ({ difference }) => holds(difference, 0)),
    improvement: share(compared, ({ improvement }) => holds(improvement, 0.5)),
    mean: share(arms, ({ mean }) => holds(mean, trueError)),
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
])('with %s, intervals hold the truth in 93 to 97 % and false alarms stay under 5 %', (_, plan) => {
  const shares = sharesOf({ ...alike, ...plan });
  for (const held of [shares.difference, shares.improvement]) {
    expect(held).toBeGreaterThanOrEqual(0.93);
    expect(held).toBeLessThanOrEqual(0.97);
  }
  expect(shares.mean).toBeGreaterThanOrEqual(0.93);
  expect(shares.alarms).toBeLessThan(0.05);
  expect(shares.familyAlarms).toBeLessThan(0.05);
});
