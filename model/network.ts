/**
 * The networks as data: the paper's reference, every variant of its ablation table, and texture-net, which is
 * Textura's own. A variant lists the layers it removes; nothing else differs from the reference.
 *
 * Campo, Amaya, Franky, "Convolutional Neural Networks for Image Classification" (Universidad de los Andes)
 * specifies 64x64 grey patches as input, 5x5x500 values before stage 4 and 1x1x25 as output. The kernel sizes
 * and the widths 20 and 50 are reconstructed.
 */
import { z } from 'zod';
import { compareCodePoints } from './code-point-order.ts';
import { TexturaError } from './error.ts';
import {
  type BatchNormLayer,
  type ConvolutionLayer,
  type Layer,
  layerSchema,
  type MaxPoolLayer,
  type ReluLayer,
} from './layer.ts';

/** A network as `textura.network` of an ONNX file stores it. */
export const networkSchema = z
  .strictObject({
    name: z.string().min(1),
    classes: z.int().min(2),
    layers: z.array(layerSchema).min(1).readonly(),
  })
  .readonly();

export type Network = z.infer<typeof networkSchema>;

/** What a variant removes from the reference, or the layers it has instead. */
export interface Variant {
  readonly removes: readonly string[];
  readonly ownLayers?: (classes: number) => readonly Layer[];
}

export const variants = {
  reference: { removes: [] },
  'no-relu1': { removes: ['relu1'] },
  'no-relu2': { removes: ['relu2'] },
  'no-relu3': { removes: ['relu3'] },
  'no-relu4': { removes: ['relu4'] },
  'no-pool1': { removes: ['pool1'] },
  'no-pool2': { removes: ['pool2'] },
  'no-relu234-pool4': { removes: ['relu2', 'relu3', 'relu4', 'pool4'] },
  'no-conv4-pool4': { removes: ['conv4', 'pool4'] },
  'lab-baseline': { removes: [], ownLayers: labBaselineLayers },
} as const satisfies Record<string, Variant>;

export type VariantName = keyof typeof variants;
export const variantNames = Object.keys(variants) as [VariantName, ...VariantName[]];

/** The networks that people train: those of the paper, and texture-net. */
export const networkNames = [...variantNames, 'texture-net'] as const;

/** How a network of texture-net's ablation differs from it. */
interface TextureNetChange {
  /** The layers whose statistics the classifier gets. */
  readonly statisticsOf?: readonly string[];
  readonly withoutDeviations?: boolean;
  readonly withoutNorm?: boolean;
}

/** texture-net without one of its parts, or with one more, to measure whether the part helps. */
const textureNetChanges = {
  'texture-net-no-deviations': { withoutDeviations: true },
  'texture-net-no-norm': { withoutNorm: true },
  'texture-net-no-stage2': { statisticsOf: ['relu4'] },
  'texture-net-no-stage3': { statisticsOf: ['relu2'] },
  'texture-net-with-stage1': { statisticsOf: ['relu1', 'relu2', 'relu4'] },
} as const satisfies Record<string, TextureNetChange>;
export type TextureNetVariantName = keyof typeof textureNetChanges;
export const textureNetVariantNames = Object.keys(textureNetChanges) as [
  TextureNetVariantName,
  ...TextureNetVariantName[],
];

/** Every network that can be trained. */
export const trainedNames = [...networkNames, ...textureNetVariantNames] as const;
export type NetworkName = (typeof trainedNames)[number];

/** `texture-net` first, then `reference`, then the others by name. */
export function byPreference(a: string, b: string): number {
  return preferenceOf(a) - preferenceOf(b) || compareCodePoints(a, b);
}

function preferenceOf(name: string): number {
  return name === 'texture-net' ? 0 : name === 'reference' ? 1 : 2;
}

/** The default model of a set: `texture-net`, otherwise `reference`, otherwise the first by name. */
export function preferredModel(names: readonly string[]): string | undefined {
  return names.toSorted(byPreference)[0];
}

/** Options that apply to every network. */
interface NetworkForm {
  /**
   * Batch normalisation, instead of a bias, after every convolution but the classifier. texture-net always
   * has it.
   */
  readonly batchNorm?: boolean;
  /** Factor on the filters of every convolution but the classifier; 1 by default. */
  readonly width?: number;
  /** Standard deviation of every kernel's initial values, instead of the default. */
  readonly initialDeviation?: number;
  /**
   * If given, this grey level (the mean of the training images, 0..255) is subtracted instead of
   * standardising patches.
   */
  readonly meanGrey?: number;
}

/** A network for `classes` classes. Errors: `usage` for fewer than two classes. */
export function networkOf(name: NetworkName, classes: number, form: NetworkForm = {}): Network {
  if (!Number.isInteger(classes) || classes < 2) {
    throw new TexturaError('usage', `network ${name}: expected 2 or more classes, got ${classes}`);
  }
  const layers = layersOf(name, classes);
  const normalised =
    form.batchNorm === true && name !== 'texture-net-no-norm' ? layers.flatMap(withBatchNorm) : layers;
  return { name, classes, layers: normalised.map((layer) => formed(layer, form)) };
}

function layersOf(name: NetworkName, classes: number): readonly Layer[] {
  if (name === 'texture-net') return textureNetLayers(classes);
  return isTextureNetVariant(name)
    ? changedLayers(textureNetChanges[name], classes)
    : variantLayers(name, classes);
}

function isTextureNetVariant(name: NetworkName): name is TextureNetVariantName {
  return Object.hasOwn(textureNetChanges, name);
}

/** texture-net with one change. Layers that no statistics need any more are left out. */
function changedLayers(
  { statisticsOf, withoutDeviations, withoutNorm }: TextureNetChange,
  classes: number,
): readonly Layer[] {
  const layers = textureNetLayers(classes).flatMap((layer): readonly Layer[] => {
    switch (layer.kind) {
      case 'globalStatistics':
        return [
          {
            ...layer,
            of: statisticsOf ?? layer.of,
            ...(withoutDeviations ? { deviations: false as const } : {}),
          },
        ];
      case 'batchNorm':
        return withoutNorm ? [] : [layer];
      case 'convolution':
        return [withoutNorm ? withBias(layer) : layer];
      default:
        return [layer];
    }
  });
  const statistics = layers.find((layer) => layer.kind === 'globalStatistics');
  const last = layers.findIndex(({ name }) => name === statistics?.of.at(-1));
  const reading = layers.findIndex(({ kind }) => kind === 'globalStatistics');
  return layers.filter((_, i) => i <= last || i >= reading);
}

function withBias({ hasBias: _, ...layer }: ConvolutionLayer): ConvolutionLayer {
  return layer;
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

/** Replaces the bias of a convolution by a batch normalisation after it; `norm2` follows `conv2`. */
function withBatchNorm(layer: Layer): readonly Layer[] {
  if (layer.kind !== 'convolution' || isClassifier(layer) || layer.hasBias === false) return [layer];
  return [{ ...layer, hasBias: false }, batchNorm(layer.name.replace('conv', 'norm'))];
}

/** The convolution that computes the logits. Errors: `model-unusable` for a network without one. */
export function classifierOf({ name, layers }: Network): ConvolutionLayer {
  const last = layers.findLast((layer) => layer.kind === 'convolution');
  if (last === undefined) throw new TexturaError('model-unusable', `${name} has no convolution to retrain`);
  return last;
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

/**
 * The course's network that the authors started from: 3 convolutions, 2 ReLU, 2 poolings. The sizes are
 * reconstructed.
 */
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
 * Classifies textures by statistics of features, because their position in the patch does not matter and the
 * deviation of a feature over the patch is as informative as its mean. It has three stages (conv1, conv2, and
 * conv3 with conv4), 288 statistics of the second and third, whose windows have 11 and 27 pixels, and one
 * linear layer. Statistics of the first stage change nothing (docs/ablation.md). Each pooling comes before the
 * ReLU, with which it commutes.
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
    { ...statistics, of: ['relu2', 'relu4'] },
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
 * The convolution that computes the logits. Its initial values are small, so that all classes start about
 * equally likely. With He initialisation the poolings before it lead to logits of about 10, and the first
 * steps would unlearn them or diverge.
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
