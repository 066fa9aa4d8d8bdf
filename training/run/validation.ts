/** Validation: scores a network on the validation grid, patch by patch and photograph by photograph. */
import type { MetricsRow } from '../../model/metrics.ts';
import type { Network } from '../../model/network.ts';
import {
  addScores,
  balancedError,
  countClassErrors,
  meanRow,
  noClassErrors,
  noScores,
  rankOf,
  type ScoreSums,
  topClasses,
  topFive,
} from '../../model/scores.ts';
import type { TrainingConfig } from '../../model/training-config.ts';
import type { ValidatedImage } from '../../model/validation-file.ts';
import { batchRanges, type DataLoader } from '../data/data-loader.ts';
import type { DatasetImage } from '../data/dataset-image.ts';
import type { GridPatch } from '../data/sampler.ts';
import type { Engine } from '../engine/engine.ts';

interface ValidationInputs {
  readonly engine: Engine;
  readonly network: Network;
  readonly loader: DataLoader;
  /** Of the validation grid, in the order in which the loader gives them; `end` is excluded. */
  readonly patches: { readonly start: number; readonly end: number };
  readonly batch: number;
}

export interface ValidationScores {
  readonly sums: ScoreSums;
  readonly balancedTop1err: number;
  readonly seconds: number;
}

/**
 * Scores the network on patches of the grid. Calls `onLogits` with the logits, labels and patches of each batch.
 */
export async function validate(
  { engine, network, loader, patches: range, batch }: ValidationInputs,
  onLogits: (logits: Float32Array, labels: Int32Array, patches: Uint8Array) => void = () => {},
): Promise<ValidationScores> {
  const startedAt = performance.now();
  const requests = batchRanges(range.end, batch, range.start).map(
    (part) => ({ split: 'val', ...part }) as const,
  );
  const classErrors = noClassErrors(network.classes);
  let sums = noScores;
  for await (const { patches, labels } of loader.batches(requests)) {
    const logits = await engine.logits(patches);
    sums = addScores(sums, logits, labels, network.classes);
    countClassErrors(classErrors, logits, labels);
    onLogits(logits, labels, patches);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { sums, balancedTop1err: balancedError(classErrors), seconds };
}

/**
 * The epoch whose parameters become the model: the best one in validation, or the last one of a fold, whose
 * photographs then choose nothing and give the error of photographs that the model never met.
 */
export function chosenRow(
  history: readonly MetricsRow[],
  { fold }: Pick<TrainingConfig, 'fold'>,
): MetricsRow | undefined {
  return fold === undefined ? bestRow(history) : history.findLast(({ split }) => split === 'val');
}

/**
 * The validation row with the lowest balanced error, then the lowest loss, then the earliest. A run that an
 * earlier version began keeps comparing top-1 errors, because its first rows have no balanced error.
 */
export function bestRow(history: readonly MetricsRow[]): MetricsRow | undefined {
  const rows = history.filter(({ split, objective }) => split === 'val' && Number.isFinite(objective));
  const isBalanced = rows.every(({ balanced_top1err }) => balanced_top1err !== undefined);
  const errorOf = (row: MetricsRow) => (isBalanced ? (row.balanced_top1err ?? Number.NaN) : row.top1err);
  const isBetter = (row: MetricsRow, best: MetricsRow) =>
    errorOf(row) < errorOf(best) || (errorOf(row) === errorOf(best) && row.objective < best.objective);
  return rows.reduce<MetricsRow | undefined>(
    (best, row) => (best === undefined || isBetter(row, best) ? row : best),
    undefined,
  );
}

export interface GridLogits {
  /** Class index of each patch. */
  readonly labels: Int32Array;
  /** `[patches, classes]`. */
  readonly logits: Float32Array;
}

/** One record for each photograph. `grid` has the patches of the logits, image after image. */
export function validatedImages(
  { labels, logits }: GridLogits,
  names: readonly string[],
  grid: readonly GridPatch[],
  images: readonly DatasetImage[],
): readonly ValidatedImage[] {
  const classes = names.length;
  const validated: ValidatedImage[] = [];
  for (let start = 0, end = 0; start < grid.length; start = end) {
    const image = grid[start]?.image as number;
    while (grid[end]?.image === image) end++;
    const label = labels[start] as number;
    const rows = logits.subarray(start * classes, end * classes);
    const ranks = Array.from({ length: end - start }, (_, i) =>
      rankOf(rows.subarray(i * classes, (i + 1) * classes), label),
    );
    const [prediction = 0] = topClasses(meanRow(rows, classes), 1);
    validated.push({
      image: (images[image] as DatasetImage).name,
      label: names[label] as string,
      patches: ranks.length,
      wrong: ranks.filter((rank) => rank >= 1).length,
      top5_wrong: ranks.filter((rank) => rank >= topFive).length,
      photograph_prediction: names[prediction] as string,
    });
  }
  return validated;
}
