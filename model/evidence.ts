/**
 * Why a network with global statistics chooses a class: what each position of its feature maps adds to a linear
 * function of the statistics, such as a logit, or the difference of two.
 *
 * A mean over positions is a sum, so its part is exact: position p adds w x_p / n. A deviation
 * d = sqrt(mean((x - m)^2) + floor) is no sum over positions. Its value w d is divided among the positions in
 * proportion to (x_p - m)^2, their shares of the variance, and equally if the map is constant. With both parts
 * the positions of all maps add up to the function without its bias.
 */
import { describeLayers } from './description.ts';
import type { Network } from './network.ts';
import { type Parameters, parameter } from './parameters.ts';
import { inputPx } from './patch.ts';
import { meanOf } from './statistics/descriptive.ts';

/** A stage of the network, whose maps the statistics read. */
interface Stage {
  readonly layer: string;
  readonly channels: number;
  /** Side of its square of positions. */
  readonly sidePx: number;
  /** Side of the square of the patch that one position depends on, and distance between them. */
  readonly windowPx: number;
  readonly stridePx: number;
}

/** The part of a network whose logits follow from statistics of positions. */
export interface StatisticsHead {
  /** In the order in which the statistics name them. */
  readonly stages: readonly Stage[];
  /** False if the statistics are only means. */
  readonly hasDeviations: boolean;
  readonly varianceFloor: number;
  /** Name of the layer that makes the logits from the statistics. */
  readonly classifier: string;
}

/** Undefined for a network whose classifier does not read global statistics, and only those. */
export function statisticsHead(network: Network): StatisticsHead | undefined {
  const [statistics, classifier] = network.layers.slice(-3);
  if (
    statistics?.kind !== 'globalStatistics' ||
    classifier?.kind !== 'convolution' ||
    classifier.kernelPx !== 1
  )
    return undefined;
  const described = describeLayers(network);
  const stages = statistics.of.flatMap((source) =>
    described
      .filter(({ layer }) => layer.name === source)
      .map(({ outputShape: [channels, sidePx], receptiveFieldPx, stridePx }) => ({
        layer: source,
        channels,
        sidePx,
        windowPx: receptiveFieldPx,
        stridePx,
      })),
  );
  const { varianceFloor, deviations: hasDeviations = true } = statistics;
  return { stages, hasDeviations, varianceFloor, classifier: classifier.name };
}

interface Evidence {
  /** `[positions]`, of the means. */
  readonly means: Float64Array;
  /** `[positions]`, of the deviations. */
  readonly deviations: Float64Array;
}

/** What the positions of a stage add for one patch. */
interface StageEvidence extends Evidence, Stage {}

/** The positions of all stages and the bias add up to the sum of the logits weighted by `weights`. */
export interface PatchEvidence {
  readonly stages: readonly StageEvidence[];
  readonly bias: number;
}

/**
 * What each position of a patch's maps adds to the sum of its logits weighted by `weights` `[C]`. `mapsOf`
 * gives the output `[channels,positions]` of a layer for the patch.
 */
export function patchEvidence(
  { stages, hasDeviations, varianceFloor, classifier }: StatisticsHead,
  parameters: Parameters,
  mapsOf: (layer: string) => Float32Array,
  weights: readonly number[],
): PatchEvidence {
  const kernel = parameter(parameters, `${classifier}.kernel`);
  const bias = parameter(parameters, `${classifier}.bias`);
  const features = kernel.length / weights.length;
  const row = Float64Array.from({ length: features }, (_, f) =>
    weights.reduce((sum, weight, c) => sum + weight * (kernel[c * features + f] as number), 0),
  );
  let at = 0;
  return {
    stages: stages.map((stage) => {
      const { layer, channels, sidePx } = stage;
      const nextWeights = () => {
        at += channels;
        return row.subarray(at - channels, at);
      };
      const own = {
        means: nextWeights(),
        deviations: hasDeviations ? nextWeights() : new Float64Array(channels),
      };
      const maps = { values: mapsOf(layer), channels, positions: sidePx * sidePx };
      return { ...stage, ...positionEvidence(maps, own, varianceFloor) };
    }),
    bias: weights.reduce((sum, weight, c) => sum + weight * (bias[c] as number), 0),
  };
}

/** The maps of one source of the statistics, for one patch. */
interface FeatureMaps {
  /** `[channels,positions]` */
  readonly values: Float32Array;
  readonly channels: number;
  readonly positions: number;
}

/** Weights of the statistics of one source, `[channels]` each. */
interface StatisticWeights {
  readonly means: ArrayLike<number>;
  readonly deviations: ArrayLike<number>;
}

/** What each position of the maps adds. */
export function positionEvidence(
  { values, channels, positions }: FeatureMaps,
  weights: StatisticWeights,
  varianceFloor: number,
): Evidence {
  const means = new Float64Array(positions);
  const deviations = new Float64Array(positions);
  for (let c = 0; c < channels; c++) {
    const map = values.subarray(c * positions, (c + 1) * positions);
    const mean = meanOf(map);
    const squares = map.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / positions + varianceFloor);
    const [meanWeight, deviationWeight] = [weights.means[c] as number, weights.deviations[c] as number];
    for (let p = 0; p < positions; p++) {
      const value = map[p] as number;
      const share = squares === 0 ? 1 / positions : (value - mean) ** 2 / squares;
      means[p] = (means[p] as number) + (meanWeight * value) / positions;
      deviations[p] = (deviations[p] as number) + deviationWeight * deviation * share;
    }
  }
  return { means, deviations };
}

/**
 * The evidence as a map of the patch `[64,64]`, whose sum is that of the positions and the bias. What a position
 * adds is spread over its window, more to its middle. The bias is spread as the windows of all positions cover
 * the patch, because the features of any surface are positive: what counts is by how much they differ from what
 * the bias expects.
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
