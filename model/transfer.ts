/**
 * Starts a network from the parameters of a trained one with the same layers (fine-tuning). The classifier
 * keeps the rows of classes with the same name; the other rows get initial values.
 *
 * An exported file has no batch normalisation any more: each is folded into a convolution
 * (fold-batch-norm.ts). If the network to train has them, their statistics are measured on its own training
 * patches, one layer after another, and `unfoldNorm` chooses scale, shift and weights so that the layer
 * computes what the folded one does.
 */
import { parameterSpecs } from './description.ts';
import { TexturaError } from './error.ts';
import { foldBatchNorm, foldedNetwork, type TrainedNetwork } from './fold-batch-norm.ts';
import type { BatchNormLayer, Layer } from './layer.ts';
import { classifierOf, type Network } from './network.ts';
import { initialParameters, type Parameters, parameter } from './parameters.ts';

export interface TransferSource extends TrainedNetwork {
  /** In the order of the network's outputs. */
  readonly labels: readonly string[];
}

export interface Transfer {
  readonly parameters: Parameters;
  /** Classes whose rows of the classifier are those of the source. */
  readonly keptClasses: readonly string[];
  /** For `unfoldNorm`, if the batch normalisations are still to be restored. */
  readonly folded?: FoldedSource;
}

interface FoldedSource {
  /** Weights and biases of the source. */
  readonly parameters: Parameters;
  /** Rows of the classifier that come from the source. */
  readonly keptRows: readonly number[];
}

/** The parameters to start `network` from, whose outputs are `labels`. Expects `requireSameLayers`. */
export function transfer(
  source: TransferSource,
  network: Network,
  labels: readonly string[],
  seed: number,
): Transfer {
  const copies = normNames(source.network) === normNames(network);
  const { parameters } = copies ? source : foldBatchNorm(source);
  const rowOf = new Map(source.labels.map((label, row) => [label.normalize('NFC'), row]));
  const rows = labels.map((label) => rowOf.get(label.normalize('NFC')));
  const head = classifierOf(network).name;
  const started = new Map(initialParameters(network, seed));
  for (const { name } of parameterSpecs(network)) {
    const trained = parameters.get(name);
    if (trained === undefined) continue;
    if (!name.startsWith(`${head}.`)) started.set(name, trained);
    else started.set(name, withRows(parameter(started, name), trained, rows, source.labels.length));
  }
  const keptRows = [...rows.keys()].filter((i) => rows[i] !== undefined);
  return {
    parameters: started,
    keptClasses: keptRows.map((i) => labels[i] as string),
    ...(!copies && normNames(network) !== '' && { folded: { parameters, keptRows } }),
  };
}

/** `initial` `[classes, ...]` with the rows that `rows` names taken from `trained`. */
function withRows(
  initial: Float32Array,
  trained: Float32Array,
  rows: readonly (number | undefined)[],
  trainedRows: number,
): Float32Array {
  const values = initial.slice();
  const size = trained.length / trainedRows;
  for (const [i, row] of rows.entries()) {
    if (row !== undefined) values.set(trained.subarray(row * size, (row + 1) * size), i * size);
  }
  return values;
}

/**
 * Errors: `usage` if the layers of the networks differ in more than batch normalisations, the number of
 * classes and the mean grey level. The message names both networks; `where` is the source.
 */
export function requireSameLayers(source: Network, network: Network, where: string): void {
  if (layersText(source) === layersText(network)) return;
  throw new TexturaError(
    'usage',
    `--init ${where}: its network is ${networkText(source)}, but this run trains ${networkText(network)}; ` +
      'choose the same --network, --width and --normalisation',
  );
}

/** `texture-net (standardise, 5x5/2 x24, 3x3 x48, ...)`. */
function networkText(network: Network): string {
  const layers = foldedNetwork(network).layers.map((layer) => layerText(layer, classifierOf(network).name));
  return `${network.name} (${layers.filter((text) => text !== '').join(', ')})`;
}

function layerText(layer: Layer, classifier: string): string {
  switch (layer.kind) {
    case 'convolution': {
      const { kernelPx, filters, stridePx = 1, name } = layer;
      const stride = stridePx === 1 ? '' : `/${stridePx}`;
      return `${kernelPx}x${kernelPx}${stride}${name === classifier ? ' classifier' : ` x${filters}`}`;
    }
    case 'standardise':
    case 'subtractMean':
    case 'relu':
    case 'maxPool':
    case 'batchNorm':
      return layer.name;
    case 'globalStatistics':
      return `${layer.deviations === false ? 'means' : 'statistics'} of ${layer.of.join(' ')}`;
    case 'globalAverage':
      return '';
    default:
      return layer satisfies never;
  }
}

/** All that must be equal. Names of layers are those of their parameters. */
function layersText(network: Network): string {
  const classifier = classifierOf(network).name;
  const { layers } = foldedNetwork(network);
  return layers.map((layer) => `${layer.name}: ${layerText(layer, classifier)}`).join('\n');
}

export function normsOf({ layers }: Network): readonly BatchNormLayer[] {
  return layers.filter((layer) => layer.kind === 'batchNorm');
}

function normNames(network: Network): string {
  return normsOf(network)
    .map(({ name }) => name)
    .join();
}

/**
 * Restores one batch normalisation, whose mean m and variance v in `parameters` were measured with the folded
 * weights. With s = sqrt(v + epsilon), scale s and shift b + m, it computes for the convolution W before it
 *
 *     s (W x - m) / s + b + m = W x + b
 *
 * and with scale 1 and shift 0, the convolution after it continues with
 *
 *     W x + b = (W s) (x - m) / s + (b + W m)
 *
 * Rows of the classifier with initial values are for features of unit variance already.
 */
export function unfoldNorm(
  network: Network,
  norm: BatchNormLayer,
  parameters: Parameters,
  folded: FoldedSource,
): Parameters {
  const at = network.layers.indexOf(norm);
  const [before, after] = [network.layers[at - 1], network.layers[at + 1]];
  const mean = parameter(parameters, `${norm.name}.mean`);
  const deviation = parameter(parameters, `${norm.name}.variance`).map((v) => Math.sqrt(v + norm.epsilon));
  if (before?.kind === 'convolution') {
    const bias = parameter(folded.parameters, `${before.name}.bias`);
    return new Map([
      ...parameters,
      [`${norm.name}.scale`, deviation],
      [`${norm.name}.shift`, bias.map((b, c) => b + (mean[c] as number))],
    ]);
  }
  if (after?.kind !== 'convolution') {
    throw new TexturaError('internal', `${norm.name} has no convolution next to it`);
  }
  const kernel = parameter(parameters, `${after.name}.kernel`).slice();
  const bias = parameter(parameters, `${after.name}.bias`).slice();
  const channels = mean.length;
  for (const row of folded.keptRows) {
    for (let c = 0; c < channels; c++) {
      const i = row * channels + c;
      bias[row] = (bias[row] as number) + (kernel[i] as number) * (mean[c] as number);
      kernel[i] = (kernel[i] as number) * (deviation[c] as number);
    }
  }
  return new Map([...parameters, [`${after.name}.kernel`, kernel], [`${after.name}.bias`, bias]]);
}
