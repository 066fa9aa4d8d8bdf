/**
 * The networks as data: the paper's reference, every variant of its ablation table, and texture-net, our own. A variant names the layers
 * that it removes; nothing else about it differs from the reference.
 *
 * Campo, Amaya, Franky, "Convolutional Neural Networks for Image Classification" (Universidad de los Andes) gives 64x64 grey
 * patches in, 5x5x500 into stage 4 and 1x1x25 out. Kernel sizes and the widths 20 and 50 are our reconstruction.
 */
import { z } from 'zod';
import { TexturaError } from './error.ts';
import {
  type BatchNormLayer,
  type ConvolutionLayer,
  type Layer,
  layerSchema,
  type MaxPoolLayer,
  type ReluLayer,
} from './layer.ts';

/** Side of the square patch that every network reads, in pixels. */
export const inputPx = 64;

/** A network as `textura.network` of an ONNX file stores it. */
export const networkSchema = z
  .strictObject({
    name: z.string().min(1),
    classes: z.int().min(2),
    layers: z.array(layerSchema).min(1).readonly(),
  })
  .readonly();

export type Network = z.infer<typeof networkSchema>;

/** What a variant removes from the reference, or the layers it has instead, and what the paper's authors saw. */
export interface Variant {
  readonly removes: readonly string[];
  readonly ownLayers?: (classes: number) => readonly Layer[];
  readonly paperSaw: string;
}

export const variants = {
  reference: { removes: [], paperSaw: 'epoch 15: objective 1.2, top-1 error 0.35, top-5 error 0.17' },
  'no-relu1': { removes: ['relu1'], paperSaw: 'the error does not move' },
  'no-relu2': { removes: ['relu2'], paperSaw: 'not told apart from the reference' },
  'no-relu3': { removes: ['relu3'], paperSaw: 'hardly matters' },
  'no-relu4': { removes: ['relu4'], paperSaw: 'not told apart from the reference' },
  'no-pool1': { removes: ['pool1'], paperSaw: 'slower and worse' },
  'no-pool2': { removes: ['pool2'], paperSaw: '0.76 at epoch 8 against 0.48, five hours for 8 epochs' },
  'no-relu234-pool4': { removes: ['relu2', 'relu3', 'relu4', 'pool4'], paperSaw: 'worse than the reference' },
  'no-conv4-pool4': { removes: ['conv4', 'pool4'], paperSaw: 'NaN: did not train' },
  'lab-baseline': { removes: [], ownLayers: labBaselineLayers, paperSaw: 'where the authors started' },
} as const satisfies Record<string, Variant>;

export type VariantName = keyof typeof variants;
export const variantNames = Object.keys(variants) as [VariantName, ...VariantName[]];

/** Every network that can be trained: the paper's, and our own. */
export const networkNames = [...variantNames, 'texture-net'] as const;
export type NetworkName = (typeof networkNames)[number];

/** The model that answers where nobody names one: texture-net's, else the reference's, else the first by name. */
export function preferredModel(names: readonly string[]): string | undefined {
  return ['texture-net', 'reference'].find((name) => names.includes(name)) ?? names.toSorted()[0];
}

/** In what a network may differ from its variant's plain form, whatever it ablates. */
export interface NetworkForm {
  /** Batch normalisation after every convolution but the classifier, which then needs no bias. texture-net always has it. */
  readonly batchNorm?: boolean;
  /** Factor on the filters of every convolution but the classifier; 1 by default. */
  readonly width?: number;
  /** Standard deviation of every kernel's initial values, instead of He's. */
  readonly initialDeviation?: number;
  /** Where given, this grey level (the mean of the training images, 0..255) is taken off patches, and they are not standardised. */
  readonly meanGrey?: number;
}

/** The network of a variant for `classes` classes. Errors: `usage` for fewer than two classes. */
export function networkOf(name: NetworkName, classes: number, form: NetworkForm = {}): Network {
  if (!Number.isInteger(classes) || classes < 2) {
    throw new TexturaError('usage', `network ${name}: expected 2 or more classes, got ${classes}`);
  }
  const layers = name === 'texture-net' ? textureNetLayers(classes) : variantLayers(name, classes);
  const normalised = form.batchNorm === true ? layers.flatMap(withBatchNorm) : layers;
  return { name, classes, layers: normalised.map((layer) => formed(layer, form)) };
}

function variantLayers(name: VariantName, classes: number): readonly Layer[] {
  const variant: Variant = variants[name];
  return variant.ownLayers?.(classes) ?? without(referenceLayers(classes), variant.removes);
}

function formed(layer: Layer, { width = 1, initialDeviation, meanGrey }: NetworkForm): Layer {
  if (layer.kind === 'standardise') {
    return meanGrey === undefined ? layer : { kind: 'subtractMean', name: 'centre', meanGrey };
  }
  if (layer.kind !== 'convolution') return layer;
  return {
    ...layer,
    filters: isClassifier(layer) ? layer.filters : Math.max(1, Math.round(layer.filters * width)),
    ...(initialDeviation === undefined ? {} : { initialDeviation }),
  };
}

/** A convolution with its own bias is followed by a batch normalisation, which takes the bias's place; `conv2` by `norm2`. */
function withBatchNorm(layer: Layer): readonly Layer[] {
  if (layer.kind !== 'convolution' || isClassifier(layer) || layer.hasBias === false) return [layer];
  return [{ ...layer, hasBias: false }, batchNorm(layer.name.replace('conv', 'norm'))];
}

function isClassifier({ initialDeviation }: ConvolutionLayer): boolean {
  return initialDeviation !== undefined;
}

function referenceLayers(classes: number): readonly Layer[] {
  return [
    standardise,
    convolution('conv1', 5, 20),
    relu('relu1'),
    maxPool('pool1'),
    convolution('conv2', 5, 50),
    relu('relu2'),
    maxPool('pool2'),
    convolution('conv3', 4, 500),
    relu('relu3'),
    maxPool('pool3'),
    convolution('conv4', 4, 500),
    relu('relu4'),
    maxPool('pool4'),
    classifier('conv5', 1, classes),
    globalAverage,
  ];
}

/** The course's network that the authors began with: 3 convolutions, 2 ReLU, 2 poolings. Sizes are our reconstruction. */
function labBaselineLayers(classes: number): readonly Layer[] {
  return [
    standardise,
    convolution('conv1', 5, 20),
    relu('relu1'),
    maxPool('pool1'),
    convolution('conv2', 5, 50),
    relu('relu2'),
    maxPool('pool2'),
    classifier('conv3', 13, classes),
    globalAverage,
  ];
}

/**
 * A classifier of textures by the statistics of its features: where a texture lies in the patch does not matter, and the deviation of a
 * feature over the patch says as much as its mean. Three stages of growing windows (5, 11 and 27 pixels), 336 statistics, one linear
 * layer. Poolings come before the ReLU that they commute with.
 */
function textureNetLayers(classes: number): readonly Layer[] {
  const statistics = { kind: 'globalStatistics', name: 'statistics', varianceFloor: 1e-4 } as const;
  return [
    standardise,
    ...withBatchNorm({ ...convolution('conv1', 5, 24), stridePx: 2 }),
    relu('relu1'),
    ...withBatchNorm(convolution('conv2', 3, 48)),
    maxPool('pool2'),
    relu('relu2'),
    ...withBatchNorm(convolution('conv3', 3, 96)),
    relu('relu3'),
    ...withBatchNorm(convolution('conv4', 3, 96)),
    relu('relu4'),
    { ...statistics, of: ['relu1', 'relu2', 'relu4'] },
    batchNorm('norm5'),
    classifier('linear', 1, classes),
    globalAverage,
  ];
}

const standardise = { kind: 'standardise', name: 'standardise', varianceFloor: 1 } as const;
const globalAverage = { kind: 'globalAverage', name: 'average' } as const;

function convolution(name: string, kernelPx: number, filters: number): ConvolutionLayer {
  return { kind: 'convolution', name, kernelPx, filters };
}

function batchNorm(name: string): BatchNormLayer {
  return { kind: 'batchNorm', name, epsilon: 1e-5 };
}

/**
 * The convolution that gives the logits. It starts small, so that every class is about equally likely at first: with He's values
 * the poolings before it make logits of size 10, and the first steps would be spent on unlearning them, or fail.
 */
function classifier(name: string, kernelPx: number, classes: number): ConvolutionLayer {
  return { ...convolution(name, kernelPx, classes), initialDeviation: 0.01 };
}

function relu(name: string): ReluLayer {
  return { kind: 'relu', name };
}

function maxPool(name: string): MaxPoolLayer {
  return { kind: 'maxPool', name, sizePx: 2 };
}

function without(layers: readonly Layer[], removed: readonly string[]): readonly Layer[] {
  return layers.filter((layer) => !removed.includes(layer.name));
}
