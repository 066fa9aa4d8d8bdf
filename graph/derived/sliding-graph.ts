/**
 * The sliding graph: it evaluates a network at many positions of a picture of any size. Every convolution
 * runs once over the whole picture, so overlapping squares share their computation.
 */

import { describeLayers, type LayerDescription } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import { graphNames } from '../../model/graph-names.ts';
import type { KnownMaps } from '../../model/known-score.ts';
import type { ConvolutionLayer, GlobalStatisticsLayer } from '../../model/layer.ts';
import { defaultOpset } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import { type Parameters, parameter } from '../../model/parameters.ts';
import { inputPx } from '../../model/patch.ts';
import { createGraph, type Graph } from '../builder.ts';
import { addKnownScore, addProbabilities } from '../forward.ts';
import { addPortableLayer } from '../layers.ts';
import { tensorOf } from '../tensor.ts';
import type { Value } from '../value.ts';
import { addTiledConvolution, croppedPicture } from './tiled-convolution.ts';

export const slidingNames = {
  picture: 'picture',
  probabilities: 'heat',
  knownScore: graphNames.knownScore,
} as const;

export interface SlidingPlan {
  /** Size of the picture; both sides are 64 or more. */
  readonly width: number;
  readonly height: number;
  /**
   * Whether to evaluate only every second position of each axis; if the network allows, values that only the
   * others need are not computed.
   */
  readonly isCoarse: boolean;
}

export interface SlidingGraph {
  /**
   * From `picture` float32 `[1,1,height,width]` to `heat` `[1,C,rows,columns]`, and `known_score`
   * `[1,positions]` if there is one.
   */
  readonly graph: Graph;
  /** Distance between adjacent positions, in pixels of the picture. */
  readonly stridePx: number;
}

/**
 * Builds the graph, with the `temperature` of patches and the maps of known scores. If the network starts with
 * standardisation, its input is the standardised picture (local-standardisation.ts).
 */
export function slidingGraph(
  network: Network,
  parameters: Parameters,
  plan: SlidingPlan,
  temperature = 1,
  known?: KnownMaps,
): SlidingGraph {
  const graph = createGraph({ name: `${network.name} sliding`, opset: defaultOpset, float: 'float32' });
  let x = graph.input(slidingNames.picture, 'float32', [1, 1, plan.height, plan.width]);
  const layers = slidingLayers(network);
  const skipping = plan.isCoarse ? skippingLayer(network) : undefined;
  const stridePx = stridePxOf(network, plan, skipping);
  const outputs = new Map<string, SlidOutput>();
  let features: Value | undefined;
  for (let at = 0; at < layers.length; at++) {
    const description = layers[at] as LayerDescription;
    const { layer, inputShape } = description;
    if (layer.kind === 'globalStatistics') {
      x = addStatistics(graph, layer, outputs, stridePx);
      features = x;
    } else if (layer.kind !== 'convolution' || !isTiled(layer, inputShape[0])) {
      x = addWholeLayer(graph, description, x, parameters);
    } else {
      const following = followingLayers(layers, at);
      x = addTiled(graph, layer, x, {
        parameters,
        pools: following.pools,
        skips: layer.name === skipping,
      });
      if (following.hasRelu) x = graph.scope(layer.name).node('Relu', [x]);
      at += following.count;
    }
    const last = layers[at] as LayerDescription;
    outputs.set(last.layer.name, { value: x, sidePx: last.outputShape[1], stridePx: last.stridePx });
  }
  const averaged = averageOverWindow(graph, x, positionsLeft(network));
  // If a pooling drops an odd last row, a network reads less than its patch. Positions whose squares extend
  // past the edge are then cropped.
  const places = (length: number) => Math.floor((length - inputPx) / stridePx) + 1;
  const within = (value: Value) => croppedPicture(graph, value, places(plan.height), places(plan.width));
  graph.output(addProbabilities(graph, within(averaged), temperature, slidingNames.probabilities));
  if (known !== undefined) graph.output(addKnownScore(graph, features && within(features), known));
  return { graph, stridePx };
}

/**
 * Distance between positions: the stride of the network's last outputs, or a free choice if the network ends
 * in statistics of a whole patch.
 */
function stridePxOf(network: Network, { isCoarse }: SlidingPlan, skipping: string | undefined): number {
  if (network.layers.some(({ kind }) => kind === 'globalStatistics')) return isCoarse ? 16 : 8;
  return (describeLayers(network).at(-1)?.stridePx ?? 1) * (skipping === undefined ? 1 : 2);
}

/** A layer's output for the whole picture. */
interface SlidOutput {
  readonly value: Value;
  /** Side of the layer's output for one patch. */
  readonly sidePx: number;
  /** Pixels of the picture between adjacent outputs. */
  readonly stridePx: number;
}

/**
 * Mean and deviation of each source over the patch at every position: averages over windows, with variance =
 * mean(x^2) - mean(x)^2. A window is as large as the source's output for one patch.
 */
function addStatistics(
  root: Graph,
  { name, of, varianceFloor, deviations }: GlobalStatisticsLayer,
  outputs: ReadonlyMap<string, SlidOutput>,
  placePx: number,
): Value {
  const statistics = of.flatMap((source) => {
    const graph = root.scope(`${name}.${source}`);
    const output = outputs.get(source);
    if (output === undefined) throw new TexturaError('internal', `${name} reads ${source}, which is missing`);
    const { value: x, sidePx, stridePx } = output;
    const step = placePx / stridePx;
    // The average of a window is the average of its row averages, which needs fewer additions.
    const average = (value: Value) => {
      const pads = [0, 0, 0, 0];
      const acrossRows = { kernel_shape: [1, sidePx], strides: [1, step], pads };
      const downColumns = { kernel_shape: [sidePx, 1], strides: [step, 1], pads };
      return graph.node('AveragePool', [graph.node('AveragePool', [value], acrossRows)], downColumns);
    };
    const mean = average(x);
    if (deviations === false) return [mean];
    const difference = graph.node('Sub', [
      average(graph.node('Mul', [x, x])),
      graph.node('Mul', [mean, mean]),
    ]);
    const variance = graph.node('Max', [difference, graph.scalar(0)]);
    return [mean, graph.node('Sqrt', [graph.node('Add', [variance, graph.scalar(varianceFloor)])])];
  });
  const [rows, columns] = [2, 3].map((axis) =>
    Math.min(...statistics.map(({ shape }) => shape[axis] as number)),
  );
  const aligned = statistics.map((value) => croppedPicture(root, value, rows as number, columns as number));
  return root.node('Concat', aligned, { axis: 1, name: `${name}.output` });
}

/** Minimum number of channels for tiles; with fewer the transforms cost more than they save. */
const leastChannels = 8;
/**
 * F(4,5) and F(4,4) save four fifths of the multiplications, with few more rounding errors
 * (step/toom-cook.ts). Larger kernels are not supported.
 */
const tilePx = 4;
const largestKernelPx = 5;

function isTiled({ kernelPx, stridePx = 1 }: ConvolutionLayer, channels: number): boolean {
  return stridePx === 1 && kernelPx > 1 && kernelPx <= largestKernelPx && channels >= leastChannels;
}

/** The layers that slide. Standardisation happens before them, and the head averages over windows. */
function slidingLayers(network: Network): readonly LayerDescription[] {
  return describeLayers(network).filter(
    ({ layer }) => layer.kind !== 'standardise' && layer.kind !== 'globalAverage',
  );
}

/**
 * ReLU and pooling that follow a convolution and are computed with it. The pooling comes first, because both
 * are non-decreasing.
 */
function followingLayers(layers: readonly LayerDescription[], at: number) {
  const kinds = [layers[at + 1]?.layer, layers[at + 2]?.layer];
  const hasRelu = kinds[0]?.kind === 'relu';
  const pool = hasRelu ? kinds[1] : kinds[0];
  const pools = pool?.kind === 'maxPool' && pool.sizePx === 2;
  return { hasRelu, pools, count: Number(hasRelu) + Number(pools) };
}

/**
 * The convolution whose tiles can have gaps in a coarse map: the last one with a pooling, if no layer after
 * it reads more than one position.
 */
function skippingLayer(network: Network): string | undefined {
  if (positionsLeft(network) > 1) return undefined;
  const layers = slidingLayers(network);
  const wide = ({ layer }: LayerDescription) => layer.kind === 'convolution' && layer.kernelPx > 1;
  const at = layers.findLastIndex(wide);
  const { layer, inputShape } = layers[at] ?? {};
  if (layer?.kind !== 'convolution' || !isTiled(layer, inputShape?.[0] ?? 0)) return undefined;
  const { pools, count } = followingLayers(layers, at);
  const hasFurtherPool = layers.slice(at + 1 + count).some(({ layer }) => layer.kind === 'maxPool');
  return pools && !hasFurtherPool ? layer.name : undefined;
}

interface TiledOptions {
  readonly parameters: Parameters;
  readonly pools: boolean;
  /** Whether its tiles have gaps, see `skippingLayer`. */
  readonly skips: boolean;
}

function addTiled(
  root: Graph,
  layer: ConvolutionLayer,
  x: Value,
  { parameters, pools, skips }: TiledOptions,
): Value {
  const [, channels = 0] = x.shape as readonly number[];
  const { filters, kernelPx, name } = layer;
  const kernel = parameter(parameters, `${name}.kernel`);
  const bias = parameter(parameters, `${name}.bias`);
  const tiles = skips ? { tilePx: 2, tileStridePx: 4 } : { tilePx, tileStridePx: tilePx };
  return addTiledConvolution(root.scope(name), x, {
    kernel,
    bias,
    filters,
    channels,
    kernelPx,
    pools,
    ...tiles,
  });
}

/** Adds a layer that works on a whole picture as on a patch. */
function addWholeLayer(
  graph: Graph,
  { layer, parameters: specs }: LayerDescription,
  x: Value,
  parameters: Parameters,
): Value {
  const weights = specs.map(({ name, shape }) =>
    graph.initializer(name, tensorOf('float32', shape, parameter(parameters, name))),
  );
  return addPortableLayer(graph, layer, { x, outputs: new Map(), weights });
}

/** Side of the square of positions of one patch that the head averages. */
function positionsLeft(network: Network): number {
  const before = describeLayers(network).at(-2)?.outputShape;
  if (before === undefined) throw new TexturaError('internal', `${network.name} has no layers to slide`);
  return before[1];
}

/** The mean over windows of `side` x `side` positions; each class is treated as a separate picture. */
function averageOverWindow(graph: Graph, x: Value, side: number): Value {
  if (side === 1) return x;
  const [, classes = 1, rows = 1, columns = 1] = x.shape as readonly number[];
  const window = graph.floats(new Array(side * side).fill(1 / side ** 2), [1, 1, side, side]);
  const single = graph.reshape(x, [classes, 1, rows, columns]);
  const mean = graph.node('Conv', [single, window], {
    kernel_shape: [side, side],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    group: 1,
    name: 'mean',
  });
  return graph.reshape(mean, [1, classes, rows - side + 1, columns - side + 1]);
}
