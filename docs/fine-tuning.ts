/**
 * Makes the tables of docs/fine-tuning.md: trains texture-net on a few photographs of each class from random
 * values and from trained networks. `npm run docs:fine-tuning -- --neu DIR --uiuc DIR --uiuc-run RUN` runs the
 * trials that are missing in docs/fine-tuning.jsonl, one line each, and can be stopped at any time;
 * `--uiuc-file` is the exported file of that run. Without data folders it makes the page from the log.
 */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'markdown-table';
import { z } from 'zod';
import { parsedJson } from '../model/issue-text.ts';
import { meanOf } from '../model/statistics/descriptive.ts';
import { runCommand } from '../node/command-line.ts';
import { readTextIfThere } from '../node/optional-file.ts';
import { terminalOn } from '../node/terminal.ts';
import { resultSchema, runTrials, type Trial, type TrialResult, trialSchema } from './fine-tuning-trials.ts';
import { writeGeneratedPart } from './generated-part.ts';

const docs = fileURLToPath(new URL('.', import.meta.url));
const usualDraws = 3;
const path = z.string().min(1).optional();

const options = z.strictObject({
  neu: path.describe('folder of the NEU surface defects'),
  uiuc: path.describe('folder of the UIUC textures'),
  uiucRun: path.describe('run of texture-net on UIUC, to start the trials on NEU from'),
  uiucFile: path.describe('exported file of that run'),
  pretrained: z.boolean().default(false).describe('also start from the shipped network'),
  log: z.string().min(1).default(join(docs, 'fine-tuning.jsonl')).describe('file with a line for each trial'),
  draws: z.int().min(1).default(usualDraws).describe('number of draws of the photographs'),
  threads: z.int().min(1).default(1).describe('CPU threads'),
});
type Options = z.infer<typeof options>;

const terminal = terminalOn(process.stdout);

const photographCounts = [3, 5, 10, 24];
/** For the comparison of steps, augmentations and rates. */
const fewPhotographs = 5;
const fewSteps = 60;
const mostAugmentedSteps = 240;
const usualRate = 0.03;
const settings = {
  neu: { starts: ['random', 'pretrained', 'uiuc'], steps: [fewSteps, 240, 960] },
  uiuc: { starts: ['random', 'pretrained'], steps: [fewSteps, 240] },
} as const;
type DataName = keyof typeof settings;
const dataNames = Object.keys(settings) as DataName[];
const compared = ['none', 'strong'] as const;

/** On NEU, first draw. */
const rateTrials = [
  ...[0.1, 0.01].map((learningRate) => ({ start: 'random', learningRate })),
  ...[0.1, 0.01, 0.003].map((learningRate) => ({ start: 'uiuc', learningRate })),
  ...[0.03, 0.01].map((learningRate) => ({ start: 'uiuc-file', learningRate })),
] as const;

/** All trials: quick ones first, then draw after draw, so that a log that was cut short has whole draws. */
function planOf(draws: number): readonly Trial[] {
  const numbers = Array.from({ length: draws }, (_, i) => i + 1);
  const trialsOf = (trial: { photographs: number; steps: number; augment: Trial['augment'] }) =>
    dataNames.flatMap((data) =>
      numbers.flatMap((draw) =>
        settings[data].starts.map((start): Trial => {
          return { data, start, draw, learningRate: trial.steps === 0 ? 0 : usualRate, ...trial };
        }),
      ),
    );
  const perCount = (steps: number) =>
    photographCounts.flatMap((photographs) => trialsOf({ photographs, steps, augment: 'none' }));
  const steps = [...new Set(dataNames.flatMap((data) => settings[data].steps))];
  const planned = [
    ...perCount(0),
    ...rateTrials.map((trial): Trial => {
      return {
        data: 'neu',
        photographs: fewPhotographs,
        augment: 'none',
        steps: fewSteps,
        draw: 1,
        ...trial,
      };
    }),
    ...perCount(fewSteps),
    ...steps.flatMap((steps) =>
      compared.flatMap((augment) => trialsOf({ photographs: fewPhotographs, steps, augment })),
    ),
  ];
  // Augmented patches take longer to load, and show the difference before.
  const isWanted = ({ data, steps, augment }: Trial) =>
    steps === 0 ||
    (settings[data as DataName].steps.some((wanted) => wanted === steps) &&
      (augment === 'none' || steps <= mostAugmentedSteps));
  return [...new Map(planned.filter(isWanted).map((trial) => [keyOf(trial), trial])).values()];
}

async function fineTuning(given: Options): Promise<void> {
  const { neu, uiuc, uiucRun, uiucFile, pretrained, draws, threads, log } = given;
  const folders = { ...(neu && { neu }), ...(uiuc && { uiuc }) };
  const starts = {
    random: undefined,
    ...(pretrained && { pretrained: 'pretrained' }),
    ...(uiucRun && { uiuc: uiucRun }),
    ...(uiucFile && { 'uiuc-file': uiucFile }),
  };
  const done = new Set((await readLog(log)).map(keyOf));
  const missing = planOf(draws).filter(
    (trial) => trial.data in folders && trial.start in starts && !done.has(keyOf(trial)),
  );
  if (missing.length > 0) terminal.line(`${missing.length} trials to run; the log is ${log}`);
  await runTrials(missing, { folders, starts, threads }, async (result) => {
    await appendFile(log, `${JSON.stringify(result)}\n`);
    terminal.line(`${keyOf(result)}: ${result.patchError.toFixed(4)} / ${result.photographError.toFixed(4)}`);
  });
  await writeGeneratedPart(join(docs, 'fine-tuning.md'), 'tables', tablesOf(await readLog(log)));
}

function keyOf(trial: Trial): string {
  return JSON.stringify(trialSchema.strip().parse(trial));
}

async function readLog(log: string): Promise<readonly TrialResult[]> {
  const lines = ((await readTextIfThere(log)) ?? '').split('\n').filter(Boolean);
  return lines.map((line, i) => parsedJson(resultSchema, line, `${log}, line ${i + 1}`));
}

const startTexts: Readonly<Record<string, string>> = {
  random: 'random values',
  pretrained: 'generated textures',
  uiuc: 'UIUC, run directory',
  'uiuc-file': 'UIUC, exported file',
};
const dataTexts: Readonly<Record<DataName, string>> = { neu: 'NEU', uiuc: 'UIUC' };
const augmentTexts = { none: 'no augmentation', strong: 'augmentation "strong"' } as const;

function tablesOf(results: readonly TrialResult[]): string {
  const usual = results.filter(({ learningRate, steps }) => learningRate === usualRate || steps === 0);
  const perData = dataNames.flatMap((data) => {
    const { starts, steps } = settings[data];
    const own = usual.filter((result) => result.data === data);
    const name = dataTexts[data];
    const perCount = (text: string, count: number) =>
      startsTable(`${name}, ${text}, by photographs of each class`, {
        starts,
        columns: photographCounts,
        columnOf: ({ photographs }) => photographs,
        results: own.filter((result) => result.steps === count && result.augment === 'none'),
      });
    return [
      ...perCount('only the last layer', 0),
      ...perCount(`all layers, ${fewSteps} steps without augmentation`, fewSteps),
      ...compared.flatMap((augment) =>
        startsTable(
          `${name}, ${fewPhotographs} photographs of each class, ${augmentTexts[augment]}, by steps`,
          {
            starts,
            columns: [...(augment === 'none' ? [0] : []), ...steps],
            columnOf: (trial) => trial.steps,
            results: own.filter(
              (result) => result.photographs === fewPhotographs && result.augment === augment,
            ),
          },
        ),
      ),
    ];
  });
  const rates = startsTable(
    `NEU, ${fewPhotographs} photographs of each class, ${fewSteps} steps without augmentation, by learning rate`,
    {
      starts: ['random', 'uiuc', 'uiuc-file'],
      columns: [0.1, 0.03, 0.01, 0.003],
      columnOf: (trial) => trial.learningRate,
      results: results.filter(
        ({ data, photographs, steps, augment, draw }) =>
          data === 'neu' &&
          photographs === fewPhotographs &&
          steps === fewSteps &&
          augment === 'none' &&
          draw === 1,
      ),
      draws: 1,
    },
  );
  return [...perData, ...rates].join('\n');
}

interface TableContent {
  readonly starts: readonly string[];
  readonly columns: readonly number[];
  readonly columnOf: (trial: Trial) => number;
  readonly results: readonly TrialResult[];
  /** Number of draws that need no mention. */
  readonly draws?: number;
}

/** Lines of a table with a heading; of the starts and columns that have results. */
function startsTable(
  heading: string,
  { starts, columns, columnOf, results, draws = usualDraws }: TableContent,
): readonly string[] {
  const rows = starts.filter((start) => results.some((result) => result.start === start));
  const shown = columns.filter((column) => results.some((result) => columnOf(result) === column));
  if (rows.length < 2) return [];
  const lines = rows.map((start) => [
    startTexts[start] ?? start,
    ...shown.map((column) =>
      cell(
        results.filter((result) => result.start === start && columnOf(result) === column),
        draws,
      ),
    ),
  ]);
  const align = ['l', ...shown.map(() => 'r')];
  const names = shown.map((column) => (column === 0 ? 'last layer' : String(column)));
  return [`### ${heading}\n`, markdownTable([['start', ...names], ...lines], { align }), ''];
}

/** Mean error of patches and of photographs, with the number of draws if some are missing. */
function cell(results: readonly TrialResult[], draws: number): string {
  if (results.length === 0) return '';
  const fewer = results.length < draws ? ` (${results.length})` : '';
  const mean = (value: (result: TrialResult) => number) => meanOf(results.map(value)).toFixed(3);
  return `${mean(({ patchError }) => patchError)} / ${mean(({ photographError }) => photographError)}${fewer}`;
}

await runCommand(
  {
    name: 'docs:fine-tuning',
    summary: 'Measures fine-tuning on few photographs and makes the tables of docs/fine-tuning.md.',
    options,
    run: fineTuning,
  },
  process.argv.slice(2),
);
