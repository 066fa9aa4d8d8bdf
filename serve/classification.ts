/** Classifies one image: the mean of the logits over its patches, then softmax. */
import type { GreyImage } from '../model/image.ts';
import { centrePatch, cutPatch, patchBytes, patchGrid } from '../model/patch.ts';
import { meanRow, softmaxRows, topClasses } from '../model/scores.ts';
import type { CropChoice } from '../model/service.ts';
import type { Model } from './model.ts';

export interface Prediction {
  readonly label: string;
  readonly probability: number;
}

export interface Classification {
  /** By decreasing probability, ties in the model's order. */
  readonly predictions: readonly Prediction[];
  /** Number of patches. */
  readonly crops: number;
}

/** The patches `[count,64,64]` of an image. Errors: `image-too-small`. */
export function classifiedPatches(
  image: GreyImage,
  patchPx: number,
  crops: CropChoice,
): Uint8Array<ArrayBuffer> {
  const { width, height } = image;
  const positions =
    crops === 'auto' ? patchGrid(width, height, patchPx) : [centrePatch(width, height, patchPx)];
  const patches = new Uint8Array(positions.length * patchBytes);
  positions.forEach((position, i) => {
    cutPatch(image, position, patchPx, patches.subarray(i * patchBytes, (i + 1) * patchBytes));
  });
  return patches;
}

/** The `top` likeliest classes of an image. Errors: `image-too-small`. */
export async function classify(
  model: Model,
  image: GreyImage,
  { crops, top }: { readonly crops: CropChoice; readonly top: number },
): Promise<Classification> {
  const patches = classifiedPatches(image, model.input.patchPx, crops);
  const logits = await model.logits(patches);
  return { predictions: predictionsOf(logits, model.labels, top), crops: patches.length / patchBytes };
}

/** The `top` likeliest classes by the mean of the rows of `logits` `[patches,C]`. */
export function predictionsOf(
  logits: Float32Array,
  labels: readonly string[],
  top: number,
): readonly Prediction[] {
  const probabilities = softmaxRows(meanRow(logits, labels.length), labels.length);
  return topClasses(probabilities, top).map((c) => ({
    label: labels[c] ?? '',
    probability: probabilities[c] ?? 0,
  }));
}
