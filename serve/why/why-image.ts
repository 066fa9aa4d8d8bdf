/** npm run classify -- IMAGE --why FILE: shows which places of a picture speak for its class. */
import { meanProbabilities } from '../../model/calibration.ts';
import { sumOf } from '../../model/evidence.ts';
import type { GreyImage } from '../../model/image.ts';
import { inputPx, type PatchPosition, patchGrid } from '../../model/patch.ts';
import { meanRow, topClasses } from '../../model/scores.ts';
import { classifiedPatches, type Prediction } from '../classification.ts';
import type { ModelFile } from '../model.ts';
import { ExplainedModel, type PatchEvidence } from './explained-model.ts';

/** Why one class and not the second likeliest: all numbers are differences of their two logits. */
export interface Explanation {
  readonly first: Prediction;
  readonly second: Prediction;
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

/** Explains a picture. Errors: `image-too-small`; those of `ExplainedModel.open`. */
export async function explanationOf(model: ModelFile, image: GreyImage): Promise<Explanation> {
  const { labels, temperatures, input } = model;
  const { patchPx } = input;
  const patches = classifiedPatches(image, patchPx, 'auto');
  const explained = await ExplainedModel.open(model);
  try {
    const { logits } = await explained.explain(patches, new Float64Array(labels.length));
    const probabilities = meanProbabilities(logits, labels.length, temperatures);
    const [first = 0, second = 0] = topClasses(probabilities, 2);
    const weights = labels.map((_, c) => Number(c === first) - Number(c === second));
    const { evidence } = await explained.explain(patches, weights);
    const mean = meanRow(logits, labels.length);
    const predictionOf = (c: number) => ({ label: labels[c] ?? '', probability: probabilities[c] ?? 0 });
    return {
      first: predictionOf(first),
      second: predictionOf(second),
      patchPx,
      positions: patchGrid(image.width, image.height, patchPx),
      maps: evidence.map(pixelMap),
      total: (mean[first] as number) - (mean[second] as number),
      bias: evidence[0]?.bias ?? 0,
      stages: stageSums(evidence),
    };
  } finally {
    await explained.close();
  }
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

/**
 * The evidence as a map of the patch `[64,64]`, whose sum is that of the positions and the bias. What a position
 * adds is spread over its window, more to its middle. The bias is spread as the windows of all positions cover the patch, because
 * the features of any surface are positive: what counts is by how much they differ from what the bias expects.
 */
export function pixelMap({ stages, bias }: PatchEvidence): Float64Array {
  const map = new Float64Array(inputPx * inputPx);
  for (const { sidePx, windowPx, stridePx, means, deviations } of stages) {
    const positions = sidePx * sidePx;
    const share = bias / stages.length / positions;
    const weights = windowWeights(windowPx, stridePx);
    for (let position = 0; position < positions; position++) {
      const top = Math.floor(position / sidePx) * stridePx;
      const left = (position % sidePx) * stridePx;
      const own = (means[position] as number) + (deviations[position] as number) + share;
      weights.forEach((down, y) => {
        weights.forEach((across, x) => {
          const at = (top + y) * inputPx + left + x;
          map[at] = (map[at] as number) + own * down * across;
        });
      });
    }
  }
  return map;
}

/**
 * Weights along a window that add up to 1, and of which windows at every stride overlap to the same sum
 * everywhere: a box as wide as the stride, averaged.
 */
function windowWeights(windowPx: number, stridePx: number): readonly number[] {
  const averagedPx = windowPx - stridePx + 1;
  return Array.from(
    { length: windowPx },
    (_, i) => Math.min(i + 1, windowPx - i, stridePx, averagedPx) / (stridePx * averagedPx),
  );
}
