/**
 * Makes docs/accuracy.md from cross-validations: `npm run docs:accuracy -- --runs DIR`, where DIR holds
 * folders that `npm run train -- --folds N` wrote. One row each.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'markdown-table';
import { z } from 'zod';
import {
  expectedCalibrationError,
  fittedTemperature,
  type LabelledLogits,
  reliabilityBins,
  rowScores,
} from '../model/calibration.ts';
import { describeLayers, totalsOf } from '../model/description.ts';
import { TexturaError } from '../model/error.ts';
import { count } from '../model/format.ts';
import { parsedJson } from '../model/issue-text.ts';
import { networkOfRun, type Run, runFiles } from '../model/run-file.ts';
import { photographLogits, validationLogitsFrom } from '../model/validation-logits.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { runCommand } from '../node/command-line.ts';
import { readRun } from '../node/records.ts';
import { type FoldsSummary, foldDirectory, foldFiles, foldsSummarySchema } from '../training/run/folds.ts';

const options = z.strictObject({
  runs: z.string().min(1).describe('folder of cross-validations'),
});

interface CrossValidation {
  readonly summary: FoldsSummary;
  readonly first: Run;
  readonly calibration: UnseenCalibration;
}

/**
 * Expected calibration errors over all folds, each fold with the temperatures that were fitted to the
 * photographs of the other folds.
 */
interface UnseenCalibration {
  readonly patches: number;
  readonly photographs: number;
}

async function writeAccuracy({ runs }: z.infer<typeof options>): Promise<void> {
  const directories = (await readdir(runs))
    .map((name) => join(runs, name))
    .filter((directory) => existsSync(join(directory, foldFiles.summary)));
  if (directories.length === 0) {
    throw new TexturaError('data-unusable', `${runs}: no folder in it has a ${foldFiles.summary}`);
  }
  const validations = await Promise.all(directories.map(readCrossValidation));
  const target = fileURLToPath(new URL('./accuracy.md', import.meta.url));
  await writeFileAtomically(target, accuracyPage(validations, runs));
}

async function readCrossValidation(directory: string): Promise<CrossValidation> {
  const path = join(directory, foldFiles.summary);
  const summary = parsedJson(foldsSummarySchema, await readFile(path, 'utf8'), path);
  return {
    summary,
    first: await readRun(foldDirectory(directory, 1)),
    calibration: await unseenCalibration(directory, summary.folds.length),
  };
}

async function unseenCalibration(directory: string, foldCount: number): Promise<UnseenCalibration> {
  const folds = await Promise.all(
    Array.from({ length: foldCount }, async (_, i) => {
      const fold = foldDirectory(directory, i + 1);
      const path = join(fold, runFiles.validationLogits);
      const { labels } = await readRun(fold);
      const patches = validationLogitsFrom(await readFile(path), labels.length, path);
      if (patches === undefined) throw new TexturaError('data-unusable', `${path}: expected rows, got none`);
      return { patches, photographs: photographLogits(patches) };
    }),
  );
  const errorOf = (unit: keyof (typeof folds)[number]) => {
    const rows = folds.map((fold) => fold[unit]);
    const scores = rows.flatMap((own, i) => {
      const temperature = fittedTemperature(joinedLogits(rows.filter((_, other) => other !== i)));
      return rowScores(own, () => temperature);
    });
    return expectedCalibrationError(reliabilityBins(scores));
  };
  return { patches: errorOf('patches'), photographs: errorOf('photographs') };
}

function joinedLogits(parts: readonly LabelledLogits[]): LabelledLogits {
  return {
    logits: Float32Array.from(parts.flatMap(({ logits }) => Array.from(logits))),
    labels: parts.flatMap(({ labels }) => Array.from(labels)),
    classes: parts[0]?.classes ?? 0,
  };
}

const headings = [
  'data',
  'network',
  'epochs',
  'parameters',
  'multiply-adds',
  'error of patches',
  'error of photographs',
  'ECE of patches',
  'ECE of photographs',
];

function accuracyPage(validations: readonly CrossValidation[], runs: string): string {
  const rows = validations
    .toSorted(
      (a, b) =>
        b.summary.photographs - a.summary.photographs ||
        a.summary.patchError.error - b.summary.patchError.error,
    )
    .map(rowOf);
  return `# Accuracy

Cross-validation by photograph: the photographs of each class are divided into folds, and each fold is
classified by a network that was trained on the others. Every photograph is classified once, by a network that
never saw it; the fold does not choose the epoch either, because the last one counts. A photograph is
classified by the mean logits of its patches (at most 15).

Intervals are 95 %: of patches by a bootstrap over photographs, of photographs Wilson's. ECE is the expected
calibration error of each fold with the temperatures that were fitted to the photographs of the other folds.

${markdownTable([headings, ...rows], { align: headings.map((_, i) => (i < 2 ? 'l' : 'r')) })}

Each row is \`npm run train -- --folds N\` with the network and the epochs of the row; everything else is the
default recipe, unless the row says otherwise. \`npm run docs:accuracy -- --runs ${basename(runs)}\` makes this page.
`;
}

function rowOf({ summary, first, calibration }: CrossValidation): readonly string[] {
  const { config } = first;
  const { parameters, multiplyAdds } = totalsOf(describeLayers(networkOfRun(first)));
  const estimate = ({ error, interval: [low, high] }: FoldsSummary['patchError']) =>
    `${error.toFixed(4)} (${low.toFixed(4)} to ${high.toFixed(4)})`;
  return [
    basename(config.data),
    [config.variant, ...differences(config)].join(', '),
    String(config.epochs),
    count(parameters),
    `${(multiplyAdds / 1e6).toFixed(1)} M`,
    estimate(summary.patchError),
    estimate(summary.photographError),
    calibration.patches.toFixed(4),
    calibration.photographs.toFixed(4),
  ];
}

/** In what a run differs from the default recipe, as far as the page's rows do. */
function differences({ augment, batchNorm, variant }: Run['config']): readonly string[] {
  return [
    ...(augment === 'strong' ? [] : [`augmentation ${augment}`]),
    ...(batchNorm || variant === 'texture-net' ? [] : ['no batch normalisation']),
  ];
}

await runCommand(
  {
    name: 'docs:accuracy',
    summary: 'Makes docs/accuracy.md from cross-validations.',
    options,
    run: writeAccuracy,
  },
  process.argv.slice(2),
);
