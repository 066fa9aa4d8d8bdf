/**
 * Folds batch normalisations into convolutions, as exported files have none. With fixed averages a batch
 * normalisation is an affine map of each channel, which the weights of the convolution before it (or, after
 * `globalStatistics`, of the convolution after it) can include. The folded network computes the same
 * function.
 *
 * With a = |scale| / sqrt(variance + epsilon) and b = shift - a mean:
 *
 *     a (W x) + b      = (a W) x + b                       the convolution before it, filter by filter
 *     W (a x + b) + c  = (W a) x + (c + W b)               a 1x1 convolution after it, channel by channel
 */

import { parameterSpecs } from './description.ts';
import { TexturaError } from './error.ts';
import { type BatchNormLayer, type ConvolutionLayer, type Layer, volume } from './layer.ts';
import type { Network } from './network.ts';
import { type Parameters, parameter } from './parameters.ts';

export function hasBatchNorm({ layers }: Network): boolean {
  return layers.some(({ kind }) => kind === 'batchNorm');
}

/** The network without its batch normalisations. */
export function foldedNetwork(network: Network): Network {
  const parameters = parameterSpecs(network).map(
    ({ name, shape }) => [name, new Float32Array(volume(shape))] as const,
  );
  return foldBatchNorm({ network, parameters: new Map(parameters) }).network;
}

export interface TrainedNetwork {
  readonly network: Network;
  readonly parameters: Parameters;
}

/**
 * The same network without batch normalisation. Errors: `internal` if no adjacent convolution can absorb one.
 */
export function foldBatchNorm({ network, parameters }: TrainedNetwork): TrainedNetwork {
  const folded = new Map(parameters);
  const layers: Layer[] = [];
  let pending: ChannelMap | undefined;
  for (const layer of network.layers) {
    const before = layers.at(-1);
    if (pending !== undefined) {
      layers.push(foldIntoChannels(layer, pending, folded));
      pending = undefined;
    } else if (layer.kind === 'batchNorm') {
      const map = channelMap(layer, parameters);
      for (const part of ['scale', 'shift', 'mean', 'variance']) folded.delete(`${layer.name}.${part}`);
      if (before?.kind === 'convolution') layers[layers.length - 1] = foldIntoFilters(before, map, folded);
      else pending = map;
    } else {
      layers.push(layer);
    }
  }
  if (pending !== undefined) throw unfoldable(pending);
  return { network: { ...network, layers }, parameters: folded };
}

/** y = factor x + term, channel by channel, in float64. */
interface ChannelMap {
  readonly name: string;
  readonly factors: Float64Array;
  readonly terms: Float64Array;
}

function channelMap({ name, epsilon }: BatchNormLayer, parameters: Parameters): ChannelMap {
  const [scale, shift, mean, variance] = (['scale', 'shift', 'mean', 'variance'] as const).map((part) =>
    parameter(parameters, `${name}.${part}`),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const factors = Float64Array.from(
    scale,
    (value, c) => Math.abs(value) / Math.sqrt((variance[c] as number) + epsilon),
  );
  const terms = Float64Array.from(shift, (value, c) => value - (factors[c] as number) * (mean[c] as number));
  return { name, factors, terms };
}

function foldIntoFilters(
  layer: ConvolutionLayer,
  { factors, terms }: ChannelMap,
  parameters: Map<string, Float32Array>,
): ConvolutionLayer {
  const { hasBias, ...withBias } = layer;
  const kernel = parameter(parameters, `${layer.name}.kernel`);
  const perFilter = kernel.length / layer.filters;
  const folded = new Float32Array(kernel.length);
  for (const [f, factor] of factors.entries()) {
    const end = (f + 1) * perFilter;
    for (let i = f * perFilter; i < end; i++) folded[i] = (kernel[i] as number) * factor;
  }
  const bias = hasBias === false ? undefined : parameter(parameters, `${layer.name}.bias`);
  parameters.set(`${layer.name}.kernel`, folded);
  parameters.set(
    `${layer.name}.bias`,
    Float32Array.from(terms, (term, f) => term + (factors[f] as number) * (bias?.[f] ?? 0)),
  );
  return withBias;
}

function foldIntoChannels(layer: Layer, map: ChannelMap, parameters: Map<string, Float32Array>): Layer {
  const { factors, terms } = map;
  if (layer.kind !== 'convolution' || layer.kernelPx !== 1 || layer.hasBias === false) {
    throw unfoldable(map);
  }
  const kernel = parameter(parameters, `${layer.name}.kernel`);
  const bias = parameter(parameters, `${layer.name}.bias`);
  const channels = factors.length;
  parameters.set(
    `${layer.name}.kernel`,
    kernel.map((value, i) => value * (factors[i % channels] as number)),
  );
  parameters.set(
    `${layer.name}.bias`,
    bias.map((value, f) =>
      terms.reduce((sum, term, c) => sum + term * (kernel[f * channels + c] as number), value),
    ),
  );
  return layer;
}

function unfoldable({ name }: ChannelMap): TexturaError {
  return new TexturaError('internal', `${name} cannot be folded into an adjacent convolution`);
}
