/**
 * Makes docs/study-method.md: how often the statistics of a study are right, on simulated studies whose truth
 * is known, and what other rules for equivalence would do: `npm run docs:study-method`. The test suite checks
 * the same with fewer studies (test/study/statistics/calibration.test.ts).
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'markdown-table';
import { z } from 'zod';
import { meanOf, sampleDeviation } from '../model/statistics/descriptive.ts';
import { incompleteBeta, studentQuantile } from '../model/statistics/incomplete-beta.ts';
import { significanceLevel } from '../model/statistics/p-values.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { runCommand } from '../node/command-line.ts';
import { terminalOn } from '../node/terminal.ts';
import { type SimulatedStudy, simulateStudy, trueError } from '../study/statistics/simulated-study.ts';
import {
  type ArmStatistics,
  type Comparison,
  type Estimate,
  studyStatistics,
} from '../study/statistics/study-statistics.ts';

const options = z.strictObject({
  studies: z.int().min(10).max(100_000).default(200).describe('simulated studies of each row'),
});

const margin = 0.02;

/** 25 classes with 30 photographs, of which a seed validates on 6; four networks and the reference. */
const common = { arms: 4, classes: 25, photographsAClass: 30, validatedAClass: 6 } as const;
const noise = {
  usual: { run: 0.012, photograph: 0.08, answer: 0.12 },
  low: { run: 0.008, photograph: 0.05, answer: 0.1 },
} as const;

const plans = [
  { seeds: 3, oneSplit: false, level: 'usual' },
  { seeds: 5, oneSplit: false, level: 'usual' },
  { seeds: 5, oneSplit: true, level: 'usual' },
  { seeds: 9, oneSplit: false, level: 'usual' },
  { seeds: 9, oneSplit: false, level: 'low' },
] as const;
type SimulatedPlan = (typeof plans)[number];

/** The true differences of the networks of a row. */
const truths = [0, 1.005 * margin, -1.005 * margin] as const;

interface Row {
  readonly plan: SimulatedPlan;
  readonly truth: number;
  readonly cells: readonly string[];
}

const headings = [
  'seeds',
  'split of each seed',
  'noise',
  'true difference, points',
  'deviation over seeds, points',
  'interval of the difference',
  'interval of the error',
  'significant',
  'significant in the study (Holm)',
  'equivalent',
  'two tests at 5 %',
  'probability of 95 %',
  'Bayesian correlated t-test',
] as const;

function rowOf(plan: SimulatedPlan, truth: number, studies: number): Row {
  const { seeds, oneSplit, level } = plan;
  const study: SimulatedStudy = { ...common, seeds, oneSplit, deviation: noise[level], difference: truth };
  const all = Array.from({ length: studies }, (_, i) =>
    studyStatistics(simulateStudy(study, i + 1), margin, { replicates: 999, seed: i + 1 }),
  );
  const compared = all.flat().flatMap(({ comparison }) => comparison ?? []);
  const references = all.flatMap((arms) => arms.slice(0, 1));
  const cells = [
    (100 * meanOf(compared.map(deviationOfSeeds))).toFixed(1),
    share(compared, ({ difference }) => holds(difference, truth)),
    share(references, ({ mean: error }) => holds(error, trueError(study))),
    share(compared, ({ test }) => (test?.pValue ?? 1) <= significanceLevel),
    share(all, hasSignificant),
    share(compared, ({ test }) => test?.isEquivalent ?? false),
    share(compared, passesTwoTests),
    share(compared, ({ test }) => (test?.withinMargin ?? 0) >= 0.95),
    share(compared, passesCorrelatedTest),
  ];
  return { plan, truth, cells };
}

function hasSignificant(arms: readonly ArmStatistics[]): boolean {
  return arms.some(({ comparison }) => (comparison?.test?.adjustedPValue ?? 1) <= significanceLevel);
}

function holds({ interval }: Estimate, truth: number): boolean {
  return interval !== undefined && interval.low <= truth && truth <= interval.high;
}

function deviationOfSeeds({ seedDifferences }: Pick<Comparison, 'seedDifferences'>): number {
  return sampleDeviation([...seedDifferences.values()]);
}

/**
 * Two one-sided tests at the 5 % level, from the 95 % interval: it is symmetric, and the ratio of Student's
 * quantiles gives the one of 90 %.
 */
function passesTwoTests({ difference: { value, interval }, seeds }: Comparison): boolean {
  if (interval === undefined) return false;
  const ratio = tailQuantileRatio(seeds.length - 1);
  return value + ratio * (interval.high - value) < margin && value - ratio * (value - interval.low) > -margin;
}

/** The 95 % quantile of Student's t relative to that of 97.5 %. */
function tailQuantileRatio(degreesOfFreedom: number): number {
  return studentQuantile(0.05, degreesOfFreedom) / studentQuantile(0.025, degreesOfFreedom);
}

/**
 * Corani and Benavoli, "A Bayesian approach for comparing cross-validated algorithms on multiple data sets",
 * Machine Learning 100, 2015: the posterior of the mean difference is a Student's t whose variance has the
 * correlation of Nadeau and Bengio, the share of the photographs that are validated.
 */
function passesCorrelatedTest({ seedDifferences, difference: { value } }: Comparison): boolean {
  const seeds = seedDifferences.size;
  const correlation = common.validatedAClass / common.photographsAClass;
  const variance = (1 / seeds + correlation / (1 - correlation)) * deviationOfSeeds({ seedDifferences }) ** 2;
  const below = (limit: number) => studentShare((limit - value) / Math.sqrt(variance), seeds - 1);
  return below(margin) - below(-margin) >= 0.95;
}

/** Share of Student's t below `t`. */
function studentShare(t: number, degreesOfFreedom: number): number {
  const tail = incompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

/** In per cent. */
function share<T>(items: readonly T[], is: (item: T) => boolean): string {
  return ((100 * items.filter(is).length) / items.length).toFixed(1);
}

async function writeMethod({ studies }: z.infer<typeof options>): Promise<void> {
  const terminal = terminalOn(process.stdout);
  const rows: Row[] = [];
  for (const plan of plans) {
    for (const truth of truths) {
      terminal.status(`${rows.length}/${plans.length * truths.length} rows`);
      rows.push(rowOf(plan, truth, studies));
      // Lets the status appear, and an interrupt end the command.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  terminal.clear();
  const path = fileURLToPath(new URL('study-method.md', import.meta.url));
  await writeFileAtomically(path, markdownOf(rows, studies));
  terminal.line(`Wrote ${join('docs', 'study-method.md')}`);
}

/** `1.2, 8 and 12`. */
function noiseText(level: keyof typeof noise): string {
  const { run, photograph, answer } = noise[level];
  const points = (share: number) => String(Number((100 * share).toPrecision(3)));
  return `${points(run)}, ${points(photograph)} and ${points(answer)}`;
}

function markdownOf(rows: readonly Row[], studies: number): string {
  const cells = rows.map(({ plan, truth, cells: shares }) => [
    String(plan.seeds),
    plan.oneSplit ? 'the same' : 'its own',
    plan.level,
    (100 * truth).toFixed(2).replace('-', '\u2212'),
    ...shares,
  ]);
  return `# How often a study is right

Simulated studies have a known truth: ${common.arms} networks that all differ from the reference by the same number of
points, ${common.classes} classes of ${common.photographsAClass} photographs, of which each seed validates on ${common.validatedAClass} of a class. Each row is ${studies} studies,
${studies * common.arms} comparisons. Numbers without a unit are per cent of comparisons (of studies in the column with Holm's
correction).

- Intervals should contain the truth in 95 %.
- "Significant" is the share of false alarms where the true difference is 0, and the power of the test
  elsewhere.
- "Equivalent" is the share of false claims where the true difference is ±${(100 * truths[1]).toFixed(2)} points, just outside the
  margin of ${100 * margin}, and the power to show equivalence where it is 0.
- Noise has three parts: that of a run, of a photograph in all runs, and of a photograph in one run. Their
  standard deviations are ${noiseText('usual')} points if it is usual, and ${noiseText('low')} if it is low.

${markdownTable([headings, ...cells])}

## Why this rule for equivalence

A study calls a network equivalent if the 95 % interval of its difference lies within the margin. The last
three columns are rules that were considered instead. Two one-sided tests at the 5 % level (Schuirmann 1987)
and a probability of 95 % that the difference lies within the margin (Kruschke 2018) claim more, but more than
5 % of their claims can be false. The Bayesian correlated t-test (Corani and Benavoli 2015) also allows for
variation over training photographs, by adding a correlation of ${common.validatedAClass / common.photographsAClass}; with it the margin would have to be much
wider before a study shows anything.

The claims of equivalence are not corrected for the number of networks: a false one needs a network whose true
difference is about as large as the margin.

\`npm run docs:study-method -- --studies ${studies}\` makes this page.
`;
}

await runCommand(
  {
    name: 'docs:study-method',
    summary: 'Checks the statistics of studies on simulated ones and writes docs/study-method.md.',
    options,
    run: writeMethod,
  },
  process.argv.slice(2),
);
