/** Runs models on the patches of photographs, while the next photographs are decoded. */
import { TexturaError } from '../../model/error.ts';
import type { ReadPhotograph } from '../../model/evaluation.ts';
import type { Evaluation } from '../../model/evaluation-file.ts';
import type { GreyImage } from '../../model/image.ts';
import { knownMargins } from '../../model/known-score.ts';
import { classifiedPatches, gridLimit, holdsPatch, patchBytes } from '../../model/patch.ts';
import { medianOf, sumOf } from '../../model/statistics/descriptive.ts';
import type { SkippedFile } from '../../node/folder-walk.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { isFileFault, readImageFile, reasonWithoutName } from '../../node/image-file.ts';
import { usableCores } from '../../node/machine.ts';
import { requireFinite } from '../classification.ts';
import type { Model } from '../model.ts';
import type { LabelledFile } from './labelled-folder.ts';

interface ReadOptions {
  readonly maxPixels: number;
  readonly onProgress: (done: number, total: number) => void;
}

interface ReadFolder {
  /** For each model, the photographs in the order of the files. */
  readonly photographs: readonly (readonly ReadPhotograph[])[];
  readonly skipped: readonly SkippedFile[];
  /** Of the first model. */
  readonly speed: Evaluation['speed'];
}

/**
 * Reads each file with every model; a file that cannot be used is skipped for all. Errors: `model-unusable` if
 * logits are not finite.
 */
export async function readPhotographs(
  files: readonly LabelledFile[],
  models: readonly Model[],
  { maxPixels, onProgress }: ReadOptions,
): Promise<ReadFolder> {
  const cores = usableCores();
  const skipped: SkippedFile[] = [];
  const photographs = models.map((): ReadPhotograph[] => []);
  const milliseconds: number[] = [];
  let patchCount = 0;
  // The first run of a session allocates its memory.
  for (const model of models) await model.run(new Uint8Array(gridLimit * patchBytes));
  const startedAt = performance.now();
  let done = 0;
  for await (const { file, decoded } of decodedAhead(files, maxPixels, 2 * Math.ceil(cores))) {
    onProgress(++done, files.length);
    const why =
      decoded instanceof TexturaError ? reasonWithoutName(decoded, file.name) : tooSmallFor(models, decoded);
    if (decoded instanceof TexturaError || why !== undefined) {
      skipped.push({ name: file.name, why: why ?? '' });
      continue;
    }
    for (const [i, model] of models.entries()) {
      const patches = classifiedPatches(decoded, model.input.patchPx, 'auto');
      const before = performance.now();
      const outputs = await model.run(patches);
      if (i === 0) {
        milliseconds.push(performance.now() - before);
        patchCount += patches.length / patchBytes;
      }
      const { logits } = outputs;
      requireFinite(outputs, model, file.name);
      const margins = knownMargins(outputs, model.labels.length, model.threshold);
      photographs[i]?.push({
        file: file.name,
        label: file.label,
        logits,
        ...(margins === undefined ? {} : { margins }),
      });
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const inferenceSeconds = sumOf(milliseconds) / 1000;
  return {
    photographs,
    skipped,
    speed: {
      medianInferenceMs: milliseconds.length === 0 ? 0 : medianOf(milliseconds),
      patchesPerSecond: patchCount / Math.max(inferenceSeconds, Number.EPSILON),
      photographsPerSecond: milliseconds.length / Math.max(seconds, Number.EPSILON),
      cores,
    },
  };
}

interface Decoded {
  readonly file: LabelledFile;
  readonly decoded: GreyImage | TexturaError;
}

/** The images in the order of the files, with `ahead` of them being decoded. */
async function* decodedAhead(
  files: readonly LabelledFile[],
  maxPixels: number,
  ahead: number,
): AsyncGenerator<Decoded> {
  const pending: Promise<Decoded>[] = [];
  for (const file of files) {
    const decoding = decodedFile(file, maxPixels);
    // A failure is reported in its turn.
    decoding.catch(() => {});
    pending.push(decoding);
    if (pending.length > ahead) yield (await pending.shift()) as Decoded;
  }
  for (const next of pending) yield await next;
}

async function decodedFile(file: LabelledFile, maxPixels: number): Promise<Decoded> {
  if (file.unreadable !== undefined)
    return { file, decoded: new TexturaError('file-unreadable', file.unreadable) };
  try {
    return { file, decoded: await decodedImage(file, maxPixels) };
  } catch (error) {
    if (!isFileFault(error)) throw error;
    return { file, decoded: error };
  }
}

/** Errors: those of the decoder. */
export async function decodedImage(
  { name, path }: Pick<LabelledFile, 'name' | 'path'>,
  maxPixels: number,
): Promise<GreyImage> {
  return decodeImage(await readImageFile(path, name), name, { maxPixels });
}

function tooSmallFor(models: readonly Model[], image: GreyImage): string | undefined {
  const largest = Math.max(...models.map(({ input }) => input.patchPx));
  if (holdsPatch(image, largest)) return undefined;
  return `is ${image.width}x${image.height}, smaller than a patch of ${largest} pixels`;
}
