/** Classifies one image: the mean of the logits over its patches, divided by the temperature, then softmax. */
import { meanProbabilities, type Temperatures } from '../model/calibration.ts';
import { TexturaError } from '../model/error.ts';
import type { GreyImage } from '../model/image.ts';
import { type KnownThresholds, photographMargin } from '../model/known-score.ts';
import { type CropChoice, classifiedPatches } from '../model/patch.ts';
import { type Prediction, topClasses } from '../model/scores.ts';
import type { PatchOutputs } from '../node/onnxruntime.ts';
import type { Model } from './model.ts';

export interface Classification {
  /** By decreasing probability, ties in the model's order. */
  readonly predictions: readonly Prediction[];
  /** Number of patches. */
  readonly crops: number;
  /** Whether the image shows one of the classes at all; undefined if the model cannot tell. */
  readonly known?: boolean;
}

/** The classes of a model, its temperatures, and the thresholds of its known scores. */
interface ClassifierLabels {
  readonly labels: readonly string[];
  readonly temperatures: Temperatures;
  readonly threshold?: KnownThresholds | undefined;
}

/** The `top` likeliest classes of an image. Errors: `image-too-small`; `model-unusable` for NaN or infinite logits. */
export async function classify(
  model: Model,
  image: GreyImage,
  { crops, top }: { readonly crops: CropChoice; readonly top: number },
): Promise<Classification> {
  const patches = classifiedPatches(image, model.input.patchPx, crops);
  const outputs = await model.run(patches);
  requireFinite(outputs, model, 'the image');
  return classificationOf(outputs, model, top);
}

/** The `top` likeliest classes by the mean of the rows of the logits of an image's patches. */
export function classificationOf(
  outputs: PatchOutputs,
  model: ClassifierLabels,
  top: number,
): Classification {
  const { logits } = outputs;
  const { labels, temperatures } = model;
  const probabilities = meanProbabilities(logits, labels.length, temperatures);
  const predictions = topClasses(probabilities, top).map((c) => ({
    label: labels[c] ?? '',
    probability: probabilities[c] ?? 0,
  }));
  const crops = logits.length / labels.length;
  const known = knownOf(outputs, model);
  return known === undefined ? { predictions, crops } : { predictions, crops, known };
}

/**
 * Whether an image shows one of the classes at all; undefined if the model cannot tell. Decided without the
 * temperature, as the thresholds were.
 */
export function knownOf(
  outputs: PatchOutputs,
  { labels, threshold }: Pick<ClassifierLabels, 'labels' | 'threshold'>,
): boolean | undefined {
  const margin = photographMargin(outputs, labels.length, threshold);
  return margin === undefined ? undefined : margin >= 0;
}

/** Errors: `model-unusable`, naming the model and the image, if a logit is NaN or infinite. */
export function requireFinite(
  { logits }: PatchOutputs,
  { name: model }: { readonly name: string },
  image: string,
): void {
  if (logits.every(Number.isFinite)) return;
  throw new TexturaError('model-unusable', `${model}: its logits for ${image} are not finite`);
}
