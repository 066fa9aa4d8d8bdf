/**
 * The networks: the paper's reference, and every variant of its ablation table as data. A variant names the layers that it
 * removes; nothing else about it differs from the reference.
 *
 * Campo, Amaya, Franky, "Convolutional Neural Networks for Image Classification" (Universidad de los Andes) gives 64x64 grey
 * patches in, 5x5x500 into stage 4 and 1x1x25 out. Kernel sizes and the widths 20 and 50 are our reconstruction.
 */
import { z } from 'zod';
import { TexturaError } from './error.ts';
import {
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

/** In what a network may differ from its variant's plain form, whatever it ablates. */
export interface NetworkForm {
  /** Factor on the filters of every convolution but the classifier; 1 by default. */
  readonly width?: number;
  /** Standard deviation of every kernel's initial values, instead of He's. */
  readonly initialDeviation?: number;
  /** Where given, this grey level (the mean of the training images, 0..255) is taken off patches, and they are not standardised. */
  readonly meanGrey?: number;
}

/** The network of a variant for `classes` classes. Errors: `usage` for fewer than two classes. */
export function networkOf(name: VariantName, classes: number, form: NetworkForm = {}): Network {
  if (!Number.isInteger(classes) || classes < 2) {
    throw new TexturaError('usage', `network ${name}: expected 2 or more classes, got ${classes}`);
  }
  const variant: Variant = variants[name];
  const layers = variant.ownLayers?.(classes) ?? without(referenceLayers(classes), variant.removes);
  return { name, classes, layers: layers.map((layer) => formed(layer, form)) };
}

function formed(layer: Layer, { width = 1, initialDeviation, meanGrey }: NetworkForm): Layer {
  if (layer.kind === 'standardise') {
    return meanGrey === undefined ? layer : { kind: 'subtractMean', name: 'centre', meanGrey };
  }
  if (layer.kind !== 'convolution') return layer;
  const isClassifier = layer.initialDeviation !== undefined;
  return {
    ...layer,
    filters: isClassifier ? layer.filters : Math.max(1, Math.round(layer.filters * width)),
    ...(initialDeviation === undefined ? {} : { initialDeviation }),
  };
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

const standardise = { kind: 'standardise', name: 'standardise', varianceFloor: 1 } as const;
const globalAverage = { kind: 'globalAverage', name: 'average' } as const;

function convolution(name: string, kernelPx: number, filters: number): ConvolutionLayer {
  return { kind: 'convolution', name, kernelPx, filters };
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
