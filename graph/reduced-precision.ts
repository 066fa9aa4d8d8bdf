/**
 * The portable graph with fewer bits: the convolutions between the first, which reads the pixels, and the last,
 * which gives the logits, compute with float16 values or 8-bit integers. All other layers stay in float32, so
 * inputs and outputs are the same.
 *
 * With integers, a real value is scale x (integer - zero point). The weights of a filter are -63..63 with a scale
 * of their own and no zero point; 7 bits, because processors with AVX2 but without VNNI add pairs of products in
 * 16 bits, which 8 bits would exceed. Activations are 0..255 over the range that they had on sample patches. The
 * graph has a QuantizeLinear and a DequantizeLinear around each convolution ("QDQ"), which runtimes replace with
 * integer arithmetic (onnxruntime.ai, "Quantize ONNX models"). Values below a range are clipped to its end, so
 * where a ReLU follows, whose range begins at 0, the ReLU is redundant.
 */
import type { KnownMaps } from '../model/known-score.ts';
import type { ConvolutionLayer, Layer } from '../model/layer.ts';
import type { Opset, ReducedPrecision } from '../model/model-file.ts';
import type { Network } from '../model/network.ts';
import { type Parameters, parameter } from '../model/parameters.ts';
import type { Graph } from './builder.ts';
import { forwardGraph, type LayerForm, storedIn } from './forward.ts';
import { float16Tensor, tensorOf } from './tensor.ts';
import { graphFault, type Value } from './value.ts';

/** Smallest and largest value of a layer's output. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** How to reduce a network. */
export interface Reduction {
  readonly precision: ReducedPrecision;
  /** By layer; int8 needs those of `rangedLayers`. */
  readonly ranges: ReadonlyMap<string, ValueRange>;
}

/**
 * `image` `[N,1,64,64]`, grey 0..255, to `probabilities` and `logits` `[N,C]`, and `known_score` `[N,1]` if there
 * is one; all float32. Errors: `internal` if a range is missing.
 */
export function reducedGraph(
  network: Network,
  parameters: Parameters,
  {
    reduction,
    ...settings
  }: {
    readonly reduction: Reduction;
    readonly opset: Opset;
    readonly temperature?: number;
    readonly known?: KnownMaps | undefined;
  },
): Graph {
  const form = (graph: Graph) =>
    reduction.precision === 'fp16'
      ? halfForm(graph, network, parameters)
      : integerForm(graph, network, parameters, reduction.ranges);
  return forwardGraph(network, parameters, { ...settings, form });
}

/** The layers whose outputs an integer convolution reads or leaves. */
export function rangedLayers(network: Network): readonly string[] {
  return [
    ...new Set(reducedConvolutions(network).flatMap(({ source, outcome }) => [source.name, outcome.name])),
  ];
}

interface ReducedConvolution {
  readonly layer: ConvolutionLayer;
  /** The layer before it. */
  readonly source: Layer;
  /** The ReLUs and poolings that follow it. */
  readonly followers: readonly Layer[];
  /** The last of them, or the convolution. */
  readonly outcome: Layer;
}

/** The convolutions between the first and the last. */
function reducedConvolutions({ layers }: Network): readonly ReducedConvolution[] {
  const isFollower = ({ kind }: Layer) => kind === 'relu' || kind === 'maxPool';
  return layers
    .filter((layer) => layer.kind === 'convolution')
    .slice(1, -1)
    .map((layer) => {
      const at = layers.indexOf(layer);
      const next = layers.slice(at + 1);
      const followers = next.slice(
        0,
        next.findIndex((one) => !isFollower(one)),
      );
      return { layer, source: layers[at - 1] ?? layer, followers, outcome: followers.at(-1) ?? layer };
    });
}

/** Float16 from the input of a reduced convolution to its outcome. */
function halfForm(graph: Graph, network: Network, parameters: Parameters): LayerForm {
  const stored = storedIn(graph, parameters);
  const reduced = reducedConvolutions(network);
  const weights = new Set(reduced.flatMap(({ layer }) => weightNames(layer)));
  return {
    weight: (name, shape) =>
      weights.has(name)
        ? graph.initializer(name, float16Tensor(shape, parameter(parameters, name)))
        : stored.weight(name, shape),
    entering: ({ name }, x) =>
      reduced.some(({ layer }) => layer.name === name)
        ? graph.scope(name).node('Cast', [x], { to: 'float16', name: 'half' })
        : x,
    leaving: ({ name }, output) =>
      reduced.some(({ outcome }) => outcome.name === name)
        ? graph.scope(name).node('Cast', [output], { to: graph.float, name: 'float' })
        : output,
  };
}

/** 8-bit integers from the input of a reduced convolution to its output. */
function integerForm(
  graph: Graph,
  network: Network,
  parameters: Parameters,
  ranges: ReadonlyMap<string, ValueRange>,
): LayerForm {
  const stored = storedIn(graph, parameters);
  const reduced = new Map(reducedConvolutions(network).map((one) => [one.layer.name, one]));
  const weights = new Map<string, IntegerWeights>();
  for (const { layer, source } of reduced.values()) {
    const { scale } = quantisationOf(rangeOf(ranges, source));
    const [kernel = '', bias = ''] = weightNames(layer);
    const scales = filterScales(parameter(parameters, kernel), parameter(parameters, bias), scale);
    weights.set(kernel, { dtype: 'int8', scales });
    // An integer convolution adds the bias to its sums of products, so it has their scale.
    weights.set(bias, { dtype: 'int32', scales: scales.map((own) => Math.fround(own * scale)) });
  }
  const quantised = new Set<Value>();
  const rounded = (place: Graph, x: Value, range: ValueRange, name: string) => {
    if (quantised.has(x)) return x;
    const { scale, zero } = quantisationOf(range);
    const parts = [graph.scalar(scale), graph.constant(tensorOf('uint8', [], [zero]))];
    const integers = place.node('QuantizeLinear', [x, ...parts], { name: `${name}.integers` });
    const value = place.node('DequantizeLinear', [integers, ...parts], { name });
    quantised.add(value);
    return value;
  };
  return {
    weight(name, shape) {
      const integers = weights.get(name);
      if (integers === undefined) return stored.weight(name, shape);
      const { dtype, scales } = integers;
      const values = parameter(parameters, name);
      const size = values.length / scales.length;
      const rows = Array.from(values, (value, i) =>
        Math.round(value / (scales[Math.floor(i / size)] as number)),
      );
      const tensor = graph.initializer(`${name}.${dtype}`, tensorOf(dtype, shape, rows));
      return graph.node('DequantizeLinear', [tensor, graph.floats(scales, [scales.length])], {
        axis: 0,
        name: `${name}.rounded`,
      });
    },
    entering({ name }, x) {
      const one = reduced.get(name);
      return one === undefined ? x : rounded(graph.scope(name), x, rangeOf(ranges, one.source), 'input');
    },
    leaving({ name }, output) {
      const one = reduced.get(name);
      return one === undefined
        ? output
        : rounded(graph.scope(name), output, rangeOf(ranges, one.outcome), 'rounded');
    },
    isRedundant: (layer) =>
      layer.kind === 'relu' && [...reduced.values()].some(({ followers }) => followers.includes(layer)),
  };
}

interface IntegerWeights {
  readonly dtype: 'int8' | 'int32';
  /** One for each filter. */
  readonly scales: readonly number[];
}

function weightNames({ name }: ConvolutionLayer): readonly string[] {
  return [`${name}.kernel`, `${name}.bias`];
}

const mostWeight = 63;
/** Leaves room in 32 bits for the sum of products. */
const mostBias = 2 ** 30;

/**
 * The scale of each filter of a kernel `[filters,channels,rows,columns]`, with which its weights and, in the
 * scale of the sums, its bias are within their limits.
 */
function filterScales(kernel: Float32Array, biases: Float32Array, inputScale: number): readonly number[] {
  const size = kernel.length / biases.length;
  return Array.from(biases, (bias, filter) => {
    const values = kernel.subarray(filter * size, (filter + 1) * size);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.fround(Math.max(largest / mostWeight, Math.abs(bias) / (inputScale * mostBias)));
    return scale === 0 ? 1 : scale;
  });
}

/** Scale and zero point, 0..255, of a range, which is widened to contain 0 so that 0 is exact. */
function quantisationOf({ min, max }: ValueRange): { readonly scale: number; readonly zero: number } {
  const [low, high] = [Math.min(0, min), Math.max(0, max)];
  const scale = Math.fround((high - low) / 255);
  return scale === 0 ? { scale: 1, zero: 0 } : { scale, zero: Math.round(-low / scale) };
}

function rangeOf(ranges: ReadonlyMap<string, ValueRange>, { name }: Layer): ValueRange {
  const range = ranges.get(name);
  if (range === undefined) throw graphFault(`no range of ${name}`);
  return range;
}
