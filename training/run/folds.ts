/**
 * Cross-validation: the combined results of the runs of all folds. Every photograph was held out once, by a run
 * that never met it and whose epoch it did not choose.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { groupBy } from '../../model/group-by.ts';
import { randomStream } from '../../model/random.ts';
import { runFiles } from '../../model/run-file.ts';
import { wilsonInterval } from '../../model/statistics/wilson.ts';
import { type ValidatedImage, validationFromCsv, validationToCsv } from '../../model/validation-file.ts';
import { counted, listed } from '../../model/words.ts';
import { writeFileAtomically, writeJson } from '../../node/atomic-file.ts';

/** Names of the files that the folds leave together. */
export const foldFiles = { summary: 'folds.json', validation: runFiles.validation } as const;

interface Estimate {
  readonly error: number;
  /** 95 %. */
  readonly interval: readonly [low: number, high: number];
}

export interface FoldsSummary {
  readonly folds: readonly {
    readonly directory: string;
    readonly photographs: number;
    readonly patchError: number;
    readonly photographError: number;
  }[];
  readonly photographs: number;
  readonly patchError: Estimate;
  readonly photographError: Estimate;
}

/** The run directory of a fold, counted from 1. */
export function foldDirectory(directory: string, fold: number): string {
  return join(directory, `fold-${fold}`);
}

/**
 * Reads the validation of every fold and writes folds.json and validation.csv. Errors: `file-damaged`;
 * `data-unusable` if two folds held out the same photograph, because the data changed between them.
 */
export async function summariseFolds(directory: string, folds: number): Promise<FoldsSummary> {
  const validated = await Promise.all(
    Array.from({ length: folds }, async (_, i) => {
      const own = foldDirectory(directory, i + 1);
      const path = join(own, runFiles.validation);
      return { directory: own, images: validationFromCsv(await readFile(path, 'utf8'), path) };
    }),
  );
  const images = validated.flatMap((fold) => fold.images);
  requireDifferent(directory, images);
  const wrong = images.filter(isWrong).length;
  const { low, high } = wilsonInterval(wrong, images.length);
  const summary: FoldsSummary = {
    folds: validated.map((fold) => ({
      directory: fold.directory,
      photographs: fold.images.length,
      patchError: patchError(fold.images),
      photographError: fold.images.filter(isWrong).length / fold.images.length,
    })),
    photographs: images.length,
    patchError: { error: patchError(images), interval: bootstrapInterval(images) },
    photographError: { error: wrong / images.length, interval: [low, high] },
  };
  await writeJson(join(directory, foldFiles.summary), summary);
  await writeFileAtomically(join(directory, foldFiles.validation), validationToCsv(images));
  return summary;
}

function requireDifferent(directory: string, images: readonly ValidatedImage[]): void {
  const repeated = [...groupBy(images, ({ image }) => image)].filter(([, rows]) => rows.length > 1);
  if (repeated.length === 0) return;
  const names = listed(repeated.map(([name]) => name));
  throw new TexturaError(
    'data-unusable',
    `${directory}: several folds held out ${names}, because the photographs or their groups changed between the folds; ` +
      'train all folds again with another --out',
  );
}

/** Lines for the terminal. */
export function foldsText({ folds, photographs, patchError, photographError }: FoldsSummary): string {
  const share = (value: number) => value.toFixed(4);
  const estimate = ({ error, interval: [low, high] }: Estimate) =>
    `${share(error)} (95 % interval ${share(low)} to ${share(high)})`;
  return [
    ...folds.map(
      (fold, i) =>
        `fold ${i + 1}: ${counted(fold.photographs, 'photograph')}, error of patches ${share(fold.patchError)}, of photographs ${share(fold.photographError)}`,
    ),
    `All ${counted(photographs, 'photograph')}, each unseen by the run that classified it:`,
    `  error of patches      ${estimate(patchError)}`,
    `  error of photographs  ${estimate(photographError)}`,
  ].join('\n');
}

function isWrong({ label, photograph_prediction }: ValidatedImage): boolean {
  return label !== photograph_prediction;
}

function patchError(images: readonly ValidatedImage[]): number {
  const sum = (value: (image: ValidatedImage) => number) =>
    images.reduce((total, image) => total + value(image), 0);
  return sum(({ wrong }) => wrong) / sum(({ patches }) => patches);
}

const resamples = 2000;

/**
 * Percentile bootstrap over photographs, because patches of one photograph are not independent (Efron 1979).
 */
function bootstrapInterval(images: readonly ValidatedImage[]): readonly [number, number] {
  const random = randomStream(1, 'bootstrap of folds');
  const errors = Float64Array.from({ length: resamples }, () =>
    patchError(images.map(() => images[random.integer(0, images.length - 1)] as ValidatedImage)),
  ).sort();
  return [
    errors[Math.floor(0.025 * resamples)] as number,
    errors[Math.ceil(0.975 * resamples) - 1] as number,
  ];
}
