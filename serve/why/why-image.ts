/** Which places of a picture speak for its class, and not for another. */
import { meanProbabilities } from '../../model/calibration.ts';
import { type PatchEvidence, pixelMap } from '../../model/evidence.ts';
import type { GreyImage } from '../../model/image.ts';
import { classifiedPatches, type PatchPosition, patchGrid } from '../../model/patch.ts';
import type { Prediction } from '../../model/scores.ts';
import { meanRow, topClasses } from '../../model/scores.ts';
import { sumOf } from '../../model/statistics/descriptive.ts';
import { knownOf } from '../classification.ts';
import type { ExplainedModel } from './explained-model.ts';

/** Why the likeliest class and not another: all numbers are differences of their two logits. */
export interface Explanation {
  readonly first: Prediction;
  /** The second likeliest class, or the one that was asked about. */
  readonly second: Prediction;
  /** Whether the picture shows one of the classes at all; undefined if the model cannot tell. */
  readonly known: boolean | undefined;
  readonly patchPx: number;
  readonly positions: readonly PatchPosition[];
  /** For each patch `[64,64]`: what a pixel adds (`pixelMap`). */
  readonly maps: readonly Float64Array[];
  /** Mean over the patches; bias and stages add up to it. */
  readonly total: number;
  readonly bias: number;
  readonly stages: readonly {
    readonly windowPx: number;
    readonly means: number;
    readonly deviations: number;
  }[];
}

/**
 * Explains why a picture is of its likeliest class and not of the class `other`, or else the second likeliest.
 * Errors: `image-too-small`.
 */
export async function explanationOf(
  model: ExplainedModel,
  image: GreyImage,
  other?: string,
): Promise<Explanation> {
  const { labels, temperatures, input } = model.file;
  const { patchPx } = input;
  const classified = await model.classify(classifiedPatches(image, patchPx, 'auto'));
  const { logits } = classified;
  const probabilities = meanProbabilities(logits, labels.length, temperatures);
  const [first = 0, next = 0] = topClasses(probabilities, 2);
  const named = other === undefined ? -1 : labels.indexOf(other);
  const second = named < 0 || named === first ? next : named;
  const evidence = classified.evidence(labels.map((_, c) => Number(c === first) - Number(c === second)));
  const mean = meanRow(logits, labels.length);
  const predictionOf = (c: number) => ({ label: labels[c] ?? '', probability: probabilities[c] ?? 0 });
  return {
    first: predictionOf(first),
    second: predictionOf(second),
    known: knownOf(classified, model.file),
    patchPx,
    positions: patchGrid(image.width, image.height, patchPx),
    maps: evidence.map(pixelMap),
    total: (mean[first] as number) - (mean[second] as number),
    bias: evidence[0]?.bias ?? 0,
    stages: stageSums(evidence),
  };
}

function stageSums(evidence: readonly PatchEvidence[]): Explanation['stages'] {
  const [first] = evidence;
  return (first?.stages ?? []).map(({ windowPx }, i) => {
    const meanOf = (part: 'means' | 'deviations') =>
      evidence.reduce((sum, { stages }) => sum + sumOf(stages[i]?.[part] ?? new Float64Array()), 0) /
      evidence.length;
    return { windowPx, means: meanOf('means'), deviations: meanOf('deviations') };
  });
}
