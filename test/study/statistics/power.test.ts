import { expect, test } from 'vitest';
import { randomStream } from '../../../model/random.ts';
import type { Run } from '../../../model/run-file.ts';
import { studentQuantile } from '../../../model/statistics/incomplete-beta.ts';
import {
  detectableDifference,
  powerText,
  seedDeviation,
  typicalDeviation,
} from '../../../study/statistics/power.ts';
import type { RunWithState } from '../../../study/study-directory.ts';

test.each([
  [5, 1, 0.05],
  [9, 9, 0.05 / 9],
])(
  'with %i seeds and %i networks, Student’s test finds the detectable difference in four of five samples',
  (seeds, networks, level) => {
    const random = randomStream(1, 'samples');
    const truth = detectableDifference({ seeds, networks, deviation: 0.02 });
    const limit = studentQuantile(level / 2, seeds - 1);
    const samples = 4000;
    let found = 0;
    for (let sample = 0; sample < samples; sample++) {
      const values = Array.from({ length: seeds }, () => truth + 0.02 * random.normal());
      const mean = values.reduce((sum, value) => sum + value / seeds, 0);
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (seeds - 1);
      if (Math.abs(mean) / Math.sqrt(variance / seeds) > limit) found++;
    }
    // Bloom's multiple is some per cent below that of the noncentral t distribution.
    expect(found / samples).toBeGreaterThan(0.74);
    expect(found / samples).toBeLessThan(0.82);
  },
);

/** A finished run with an error. */
function runOf(name: string, seed: number, top1err: number): RunWithState {
  const run = {
    name: `${name}-s${seed}`,
    arm: { name, variant: 'reference', width: 1 },
    seed,
    directory: '',
  };
  const best = { epoch: 1, top1err, top5err: 0, objective: 1 };
  return { run, state: { status: 'finished', run: { best } as Run } } as RunWithState;
}

test('the deviation is the median of the networks with finished runs, and a typical one before there are some', () => {
  expect(seedDeviation([])).toEqual({ deviation: typicalDeviation, source: 'docs/study.md' });
  const errors = {
    reference: [0.3, 0.32, 0.31],
    steady: [0.31, 0.33, 0.32],
    'no-relu1': [0.3, 0.34, 0.32],
    'lab-baseline': [0.4, 0.9, 0.6],
  };
  const runs = Object.entries(errors).flatMap(([name, ofArm]) =>
    ofArm.map((error, i) => runOf(name, i + 1, error)),
  );
  // Differences of 0, 2 and 1 points.
  expect(seedDeviation(runs)).toEqual({ deviation: expect.closeTo(0.01, 12), source: 'these runs' });
  expect(seedDeviation(runs.slice(0, 6)).source).toBe('docs/study.md');
});

test('the plan says what it can show, how many seeds a difference needs, and that too few seeds show nothing', () => {
  const typical = { deviation: 0.017, source: 'docs/study.md' } as const;
  expect(powerText({ seeds: 9, networks: 9, margin: 0.02 }, typical)).toBe(
    'With 9 seeds, four of five such studies find a difference of 1.8 points in one\n' +
      "network, 2.6 after Holm's correction for 9 networks. They show that a network\n" +
      'without a difference is equivalent within 2.1 points.\n' +
      "A difference of 2.0 points needs 8 seeds, 14 seeds after Holm's correction for\n" +
      '9. Equivalence within 2.0 points needs 10 seeds.\n' +
      "This assumes that a network's difference from the reference varies by 1.7 points\n" +
      'from seed to seed (standard deviation), as in docs/study.md.',
  );
  const textOf = (seeds: number, networks: number) => {
    const text = powerText({ seeds, networks, margin: 0.02 }, typical);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    return text.replaceAll('\n', ' ');
  };
  expect(textOf(3, 1)).toMatch(
    /^With 3 seeds, four of five such studies find a difference of 5\.3 points\. .* within 6\.1 points\. A difference of 2\.0 points needs 8 seeds\. /,
  );
  expect(textOf(2, 9)).toMatch(
    /^This plan cannot show that a network is better or worse: .* Add seeds with --seeds\. /,
  );
  expect(textOf(1, 2)).toMatch(/^This plan cannot show anything: with one seed/);
  expect(powerText({ seeds: 9, networks: 9, margin: 0.02 }, { ...typical, deviation: 0.3 })).toContain(
    'A difference of 2.0 points needs more than 100 seeds',
  );
});
