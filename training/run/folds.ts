/**
 * Cross-validation: the combined results of the runs of all folds. Every photograph was held out once, by a run
 * that never met it and whose epoch it did not choose.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import { groupBy } from '../../model/group-by.ts';
import { runFiles } from '../../model/run-file.ts';
import { resampling, shareRange } from '../../model/statistics/photograph-intervals.ts';
import type { Interval } from '../../model/statistics/replicates.ts';
import { wilsonInterval } from '../../model/statistics/wilson.ts';
import { type ValidatedImage, validationErrors, validationToCsv } from '../../model/validation-file.ts';
import { counted, listed } from '../../model/words.ts';
import { writeFileAtomically, writeJson } from '../../node/atomic-file.ts';
import { readValidation } from '../../node/records.ts';

/** Names of the files that the folds leave together. */
export const foldFiles = { summary: 'folds.json', validation: runFiles.validation } as const;

const errorEstimateSchema = z.strictObject({
  error: z.number(),
  /** 95 %. */
  interval: z.tuple([z.number(), z.number()]),
});
type ErrorEstimate = z.infer<typeof errorEstimateSchema>;

export const foldsSummarySchema = z.strictObject({
  folds: z.array(
    z.strictObject({
      directory: z.string(),
      photographs: z.int(),
      patchError: z.number(),
      photographError: z.number(),
    }),
  ),
  photographs: z.int(),
  patchError: errorEstimateSchema,
  photographError: errorEstimateSchema,
});
export type FoldsSummary = z.infer<typeof foldsSummarySchema>;

/** The run directory of a fold, counted from 1. */
export function foldDirectory(directory: string, fold: number): string {
  return join(directory, `fold-${fold}`);
}

/**
 * Reads the validation of every fold and writes folds.json and validation.csv. Errors: as `readValidation`;
 * `data-unusable` if two folds held out the same photograph, because the data changed between them.
 */
export async function summariseFolds(directory: string, folds: number): Promise<FoldsSummary> {
  const validated = await Promise.all(
    Array.from({ length: folds }, async (_, i) => {
      const own = foldDirectory(directory, i + 1);
      return { directory: own, images: await readValidation(own) };
    }),
  );
  const images = validated.flatMap((fold) => fold.images);
  requireDifferent(directory, images);
  const { patchError, photographError } = validationErrors(images);
  const summary: FoldsSummary = {
    folds: validated.map((fold) => ({
      directory: fold.directory,
      photographs: fold.images.length,
      ...validationErrors(fold.images),
    })),
    photographs: images.length,
    patchError: errorEstimate(patchError, patchInterval(images)),
    photographError: errorEstimate(
      photographError,
      wilsonInterval(photographError * images.length, images.length),
    ),
  };
  await writeJson(join(directory, foldFiles.summary), summary);
  await writeFileAtomically(join(directory, foldFiles.validation), validationToCsv(images));
  return summary;
}

function errorEstimate(error: number, { low, high }: Interval): ErrorEstimate {
  return { error, interval: [low, high] };
}

/** Photographs are resampled, because patches of one photograph are not independent. */
function patchInterval(images: readonly ValidatedImage[]): Interval {
  const intervals = resampling(images.map(({ image, label }) => ({ file: image, label })));
  const { interval } = intervals.share({
    part: images.map(({ wrong }) => wrong),
    whole: images.map(({ patches }) => patches),
  });
  // One photograph shows nothing of others.
  return interval ?? shareRange;
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
  const estimate = ({ error, interval: [low, high] }: ErrorEstimate) =>
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
