/**
 * The layers that a network is made of, as one closed union, and for each kind its shape rule, its parameters and its cost in
 * one place. Shapes are those of one patch, `[channels, height, width]`; kernels are `[filters, channels, kernelPx, kernelPx]`
 * (ONNX's OIHW). Convolutions have stride 1 and valid padding, pooling drops an odd last row or column, as in the paper's tools.
 */
import { z } from 'zod';
import { TexturaError } from './error.ts';

const name = z.string().min(1);
const size = z.int().min(1);

const standardiseSchema = z.strictObject({
  kind: z.literal('standardise'),
  name,
  /** Added to the variance of the patch, in grey levels squared, so that a flat patch gives zeros and not NaN. */
  varianceFloor: z.number(),
});

/** Subtracts one grey level from every pixel; the values keep their scale of 0..255. */
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
  /** Standard deviation of the kernel's initial values where it is not He's. */
  initialDeviation: z.number().exactOptional(),
});

const reluSchema = z.strictObject({ kind: z.literal('relu'), name });

const maxPoolSchema = z.strictObject({
  kind: z.literal('maxPool'),
  name,
  /** Side of the window and its stride: windows do not overlap. */
  sizePx: size,
});

/** Averages each channel over the positions that are left: the last layer, whose output is the logits. */
const globalAverageSchema = z.strictObject({ kind: z.literal('globalAverage'), name });

/** A layer as `textura.network` of an ONNX file stores it. Earlier versions called the global average `softmax`. */
export const layerSchema = z.preprocess(
  (layer) => (isSoftmax(layer) ? { ...layer, kind: 'globalAverage' } : layer),
  z
    .discriminatedUnion('kind', [
      standardiseSchema,
      subtractMeanSchema,
      convolutionSchema,
      reluSchema,
      maxPoolSchema,
      globalAverageSchema,
    ])
    .readonly(),
);

function isSoftmax(layer: unknown): layer is object {
  return typeof layer === 'object' && layer !== null && 'kind' in layer && layer.kind === 'softmax';
}

export type Layer = z.infer<typeof layerSchema>;
export type LayerKind = Layer['kind'];
export type LayerOf<K extends LayerKind> = Extract<Layer, { readonly kind: K }>;
export type StandardiseLayer = LayerOf<'standardise'>;
export type ConvolutionLayer = LayerOf<'convolution'>;
export type ReluLayer = LayerOf<'relu'>;
export type MaxPoolLayer = LayerOf<'maxPool'>;

/** `[channels, height, width]` of one patch. */
export type Shape = readonly [channels: number, height: number, width: number];

export interface ParameterSpec {
  /** `LAYER.kernel` or `LAYER.bias`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Standard deviation of the normal initial values; 0 means that they start at zero. */
  readonly initialDeviation: number;
  /** Whether weight decay pulls on it. */
  readonly decays: boolean;
}

interface LayerRule<L extends Layer> {
  outputShape(layer: L, input: Shape): Shape;
  parameters(layer: L, input: Shape): readonly ParameterSpec[];
  /** Multiply-adds of one forward pass of one patch; comparisons and additions alone are not counted. */
  multiplyAdds(layer: L, input: Shape): number;
  /** Side and stride of the window that the layer slides over its input. */
  window(layer: L): { readonly sizePx: number; readonly stridePx: number };
}

const pointwise = { sizePx: 1, stridePx: 1 } as const;
const noParameters: readonly ParameterSpec[] = [];

const rules: { readonly [K in LayerKind]: LayerRule<LayerOf<K>> } = {
  standardise: {
    outputShape: (_, input) => input,
    parameters: () => noParameters,
    multiplyAdds: (_, input) => 2 * volume(input),
    window: () => pointwise,
  },
  subtractMean: {
    outputShape: (_, input) => input,
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: () => pointwise,
  },
  convolution: {
    outputShape: ({ name, kernelPx, filters }, [c, h, w]) =>
      positive(name, [c, h, w], [filters, h - kernelPx + 1, w - kernelPx + 1]),
    parameters: ({ name, kernelPx, filters, initialDeviation }, [c]) => [
      {
        name: `${name}.kernel`,
        shape: [filters, c, kernelPx, kernelPx],
        // He et al. 2015, equation 10: variance 2 / fan-in keeps the signal's size through ReLU layers.
        initialDeviation: initialDeviation ?? Math.sqrt(2 / (c * kernelPx * kernelPx)),
        decays: true,
      },
      { name: `${name}.bias`, shape: [filters], initialDeviation: 0, decays: false },
    ],
    multiplyAdds: (layer, input) =>
      volume(rules.convolution.outputShape(layer, input)) * input[0] * layer.kernelPx ** 2,
    window: ({ kernelPx }) => ({ sizePx: kernelPx, stridePx: 1 }),
  },
  relu: {
    outputShape: (_, input) => input,
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: () => pointwise,
  },
  maxPool: {
    outputShape: ({ name, sizePx }, [c, h, w]) =>
      positive(name, [c, h, w], [c, Math.floor(h / sizePx), Math.floor(w / sizePx)]),
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: ({ sizePx }) => ({ sizePx, stridePx: sizePx }),
  },
  globalAverage: {
    outputShape: (_, [c]) => [c, 1, 1],
    parameters: () => noParameters,
    multiplyAdds: () => 0,
    window: () => pointwise,
  },
};

/** The rule of a layer's kind, bound to the layer. */
export function ruleOf<L extends Layer>(layer: L): LayerRule<L> {
  // The table's key and the layer's kind are the same string; TypeScript cannot follow the correlation.
  return rules[layer.kind] as unknown as LayerRule<L>;
}

/** Values in a shape. */
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
