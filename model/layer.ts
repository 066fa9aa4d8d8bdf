/**
 * The layers of a network, as one closed union, with the shape rule, parameters and cost of each kind in one
 * place. Shapes are those of one patch, `[channels, height, width]`; kernels are `[filters, channels,
 * kernelPx, kernelPx]` (ONNX's OIHW). Convolutions have valid padding, and pooling drops an odd last row or
 * column, as in the paper's tools. Every layer reads the previous layer, except `globalStatistics`, which
 * reads the layers it names.
 */
import { z } from 'zod';
import { TexturaError } from './error.ts';

const name = z.string().min(1);
const size = z.int().min(1);

const standardiseSchema = z.strictObject({
  kind: z.literal('standardise'),
  name,
  /**
   * Added to the variance of the patch, in squared grey levels, so that a flat patch gives zeros instead of
   * NaN.
   */
  varianceFloor: z.number(),
});

/** Subtracts one grey level from every pixel and keeps the scale of 0..255. */
const subtractMeanSchema = z.strictObject({
  kind: z.literal('subtractMean'),
  name,
  /** The mean of the training images, 0..255. */
  meanGrey: z.number(),
});

const convolutionSchema = z.strictObject({
  kind: z.literal('convolution'),
  name,
  kernelPx: size,
  filters: size,
  /** Stride of the windows; 1 by default. */
  stridePx: size.exactOptional(),
  /** False if a batch normalisation follows, because its shift replaces the bias. */
  hasBias: z.literal(false).exactOptional(),
  /** Standard deviation of the kernel's initial values; by default `kernelDeviation`. */
  initialDeviation: z.number().exactOptional(),
});

/**
 * Batch normalisation (Ioffe and Szegedy 2015): |scale| (x - mean) / sqrt(variance + epsilon) + shift, per
 * channel. Training uses the mean and variance of the batch and updates running averages of both; evaluation
 * and export use the averages. The magnitude of the scale is used, so that the layer is non-decreasing and
 * max pooling can be computed before it (operation.ts). Exported files contain none, because it is folded
 * into the convolution before or after it (fold-batch-norm.ts).
 */
const batchNormSchema = z.strictObject({
  kind: z.literal('batchNorm'),
  name,
  epsilon: z.number().positive(),
});

const reluSchema = z.strictObject({ kind: z.literal('relu'), name });

const maxPoolSchema = z.strictObject({
  kind: z.literal('maxPool'),
  name,
  /** Side of the window and its stride: windows do not overlap. */
  sizePx: size,
});

/**
 * Mean and standard deviation over the positions of every channel of several layers: for each named layer, in
 * order, all means, then all deviations, sqrt(variance + floor). The last name is that of the previous layer.
 * With `deviations` false only the means, for an ablation.
 */
const globalStatisticsSchema = z.strictObject({
  kind: z.literal('globalStatistics'),
  name,
  of: z.array(name).min(1).readonly(),
  varianceFloor: z.number().positive(),
  deviations: z.literal(false).optional(),
});

/** Averages each channel over the remaining positions. It is the last layer; its output is the logits. */
const globalAverageSchema = z.strictObject({ kind: z.literal('globalAverage'), name });

/**
 * A layer as `textura.network` of an ONNX file stores it. Earlier versions called the global average
 * `softmax`.
 */
export const layerSchema = z.preprocess(
  (layer) => (isSoftmax(layer) ? { ...layer, kind: 'globalAverage' } : layer),
  z
    .discriminatedUnion('kind', [
      standardiseSchema,
      subtractMeanSchema,
      convolutionSchema,
      batchNormSchema,
      reluSchema,
      maxPoolSchema,
      globalStatisticsSchema,
      globalAverageSchema,
    ])
    .readonly(),
);

function isSoftmax(layer: unknown): layer is object {
  return typeof layer === 'object' && layer !== null && 'kind' in layer && layer.kind === 'softmax';
}

export type Layer = z.infer<typeof layerSchema>;
type LayerKind = Layer['kind'];
type LayerOf<K extends LayerKind> = Extract<Layer, { readonly kind: K }>;
export type StandardiseLayer = LayerOf<'standardise'>;
export type ConvolutionLayer = LayerOf<'convolution'>;
export type BatchNormLayer = LayerOf<'batchNorm'>;
export type ReluLayer = LayerOf<'relu'>;
export type MaxPoolLayer = LayerOf<'maxPool'>;
export type GlobalStatisticsLayer = LayerOf<'globalStatistics'>;

/** `[channels, height, width]` of one patch. */
export type Shape = readonly [channels: number, height: number, width: number];

export interface ParameterSpec {
  /**
   * `LAYER.kernel`, `LAYER.bias`; of a batch normalisation `LAYER.scale`, `.shift`, `.mean` and `.variance`.
   */
  readonly name: string;
  readonly shape: readonly number[];
  /** Standard deviation of the normal initial values; 0 means that all start at `initialValue`. */
  readonly initialDeviation: number;
  /** Mean of the initial values. */
  readonly initialValue: number;
  /** Whether weight decay applies to it. */
  readonly decays: boolean;
  /** False for a running average, which the forward pass updates and the optimiser does not. */
  readonly isTrained: boolean;
}

/** Input shapes of a layer: the output of the previous layer, or of the layers it names. */
type Inputs = readonly [Shape, ...Shape[]];

interface LayerRule<L extends Layer> {
  outputShape(layer: L, inputs: Inputs): Shape;
  parameters(layer: L, inputs: Inputs): readonly ParameterSpec[];
  /**
   * Multiply-adds of one forward pass of one patch in an exported file, without comparisons and additions.
   */
  multiplyAdds(layer: L, inputs: Inputs): number;
  /** Side and stride of the window that the layer slides over its input. */
  window(layer: L, inputs: Inputs): { readonly sizePx: number; readonly stridePx: number };
}

const pointwise = { sizePx: 1, stridePx: 1 } as const;
const noParameters: readonly ParameterSpec[] = [];
const constant = { initialDeviation: 0, initialValue: 0, decays: false, isTrained: true } as const;

const rules: { readonly [K in LayerKind]: LayerRule<LayerOf<K>> } = {
  standardise: {
    outputShape: (_, [input]) => input,
    parameters: () => noParameters,
    multiplyAdds: (_, [input]) => 2 * volume(input),
    window: () => pointwise,
  },
  subtractMean: {
    outputShape: (_, [input]) => input,
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: () => pointwise,
  },
  convolution: {
    outputShape({ name, kernelPx, filters, stridePx = 1 }, [[c, h, w]]) {
      const windows = (length: number) => Math.floor((length - kernelPx) / stridePx) + 1;
      return positive(name, [c, h, w], [filters, windows(h), windows(w)]);
    },
    parameters({ name, kernelPx, filters, initialDeviation, hasBias }, [[c]]) {
      const kernel = {
        name: `${name}.kernel`,
        shape: [filters, c, kernelPx, kernelPx],
        initialDeviation: initialDeviation ?? kernelDeviation(c * kernelPx * kernelPx, hasBias !== false),
        initialValue: 0,
        decays: true,
        isTrained: true,
      };
      return hasBias === false ? [kernel] : [kernel, { ...constant, name: `${name}.bias`, shape: [filters] }];
    },
    multiplyAdds: (layer, inputs) =>
      volume(rules.convolution.outputShape(layer, inputs)) * inputs[0][0] * layer.kernelPx ** 2,
    window: ({ kernelPx, stridePx = 1 }) => ({ sizePx: kernelPx, stridePx }),
  },
  batchNorm: {
    outputShape: (_, [input]) => input,
    parameters: ({ name }, [[c]]) => [
      { ...constant, name: `${name}.scale`, shape: [c], initialValue: 1 },
      { ...constant, name: `${name}.shift`, shape: [c] },
      { ...constant, name: `${name}.mean`, shape: [c], isTrained: false },
      { ...constant, name: `${name}.variance`, shape: [c], initialValue: 1, isTrained: false },
    ],
    multiplyAdds: () => 0,
    window: () => pointwise,
  },
  relu: {
    outputShape: (_, [input]) => input,
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: () => pointwise,
  },
  maxPool: {
    outputShape: ({ name, sizePx }, [[c, h, w]]) =>
      positive(name, [c, h, w], [c, Math.floor(h / sizePx), Math.floor(w / sizePx)]),
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: ({ sizePx }) => ({ sizePx, stridePx: sizePx }),
  },
  globalStatistics: {
    outputShape: ({ deviations = true }, inputs) => [
      (deviations ? 2 : 1) * inputs.reduce((sum, [c]) => sum + c, 0),
      1,
      1,
    ],
    parameters: () => noParameters,
    // A mean only adds.
    multiplyAdds: ({ deviations = true }, inputs) =>
      deviations ? inputs.reduce((sum, input) => sum + volume(input), 0) : 0,
    window: (_, inputs) => ({ sizePx: inputs.at(-1)?.[1] ?? 1, stridePx: 1 }),
  },
  globalAverage: {
    outputShape: (_, [[c]]) => [c, 1, 1],
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: (_, [[, h]]) => ({ sizePx: h, stridePx: 1 }),
  },
};

/**
 * Standard deviation of a kernel's initial values. Without batch normalisation it follows He et al. 2015,
 * equation 10: variance 2 / fan-in preserves the magnitude of the signal through ReLU layers. Before a batch
 * normalisation the norm of a kernel does not affect the output, only how much a step rotates the kernel.
 * Variance 1 / (3 fan-in), PyTorch's default, allows larger rotations, and the network generalises better.
 */
function kernelDeviation(fanIn: number, hasBias: boolean): number {
  return Math.sqrt((hasBias ? 2 : 1 / 3) / fanIn);
}

/** The rule of a layer's kind, bound to the layer. */
export function ruleOf<L extends Layer>(layer: L): LayerRule<L> {
  // The table's key equals the layer's kind; TypeScript cannot infer the correlation.
  return rules[layer.kind] as unknown as LayerRule<L>;
}

/** Names of the layers that a layer reads instead of the previous one. */
export function sourcesOf(layer: Layer): readonly string[] | undefined {
  return layer.kind === 'globalStatistics' ? layer.of : undefined;
}

/** Number of values in a shape. */
export function volume(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function positive(name: string, input: Shape, output: Shape): Shape {
  if (output.every((size) => size >= 1)) return output;
  throw new TexturaError(
    'usage',
    `${name}: its input is [${input}], too small for its window (the output would be [${output}])`,
  );
}
