/**
 * Describes a network layer by layer: shapes, parameters, multiply-adds, memory, receptive field.
 * `trainingStepBytes` estimates the memory of a training step before it starts; the paper's authors ran out
 * of memory.
 */
import { TexturaError } from './error.ts';
import { type Layer, type ParameterSpec, ruleOf, type Shape, sourcesOf, volume } from './layer.ts';
import type { Network } from './network.ts';
import { inputPx } from './patch.ts';
import { sumOf } from './statistics/descriptive.ts';

const bytesPerFloat = 4;

export interface LayerDescription {
  readonly layer: Layer;
  /** Output shape of the previous layer. */
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly parameters: readonly ParameterSpec[];
  /** Trained values only, without running averages. */
  readonly parameterCount: number;
  /** Multiply-adds of one forward pass of one patch. */
  readonly multiplyAdds: number;
  /** Bytes of the layer's output for one patch in float32. */
  readonly activationBytes: number;
  /** Side of the square of the patch that one output value depends on. */
  readonly receptiveFieldPx: number;
  /** Distance in the patch between the receptive fields of adjacent output values. */
  readonly stridePx: number;
}

/**
 * Describes each layer in order.
 *
 * Receptive field of a chain (Araujo, Norris, Sim, "Computing receptive fields of convolutional neural
 * networks", Distill 2019, equation 2): r grows by (size - 1) x the stride so far, the stride multiplies.
 * Errors: `file-damaged` if a layer reads a layer that does not come before it.
 */
export function describeLayers(network: Network): readonly LayerDescription[] {
  let inputShape: Shape = [1, inputPx, inputPx];
  let receptiveFieldPx = 1;
  let stridePx = 1;
  const outputs = new Map<string, Shape>();
  return network.layers.map((layer) => {
    const rule = ruleOf(layer);
    const inputs = inputsOf(layer, inputShape, outputs);
    const outputShape = rule.outputShape(layer, inputs);
    const parameters = rule.parameters(layer, inputs);
    const window = rule.window(layer, inputs);
    receptiveFieldPx += (window.sizePx - 1) * stridePx;
    stridePx *= window.stridePx;
    const description: LayerDescription = {
      layer,
      inputShape,
      outputShape,
      parameters,
      parameterCount: parameters.reduce(
        (sum, { shape, isTrained }) => sum + (isTrained ? volume(shape) : 0),
        0,
      ),
      multiplyAdds: rule.multiplyAdds(layer, inputs),
      activationBytes: volume(outputShape) * bytesPerFloat,
      receptiveFieldPx,
      stridePx,
    };
    inputShape = outputShape;
    outputs.set(layer.name, outputShape);
    return description;
  });
}

function inputsOf(
  layer: Layer,
  before: Shape,
  outputs: ReadonlyMap<string, Shape>,
): readonly [Shape, ...Shape[]] {
  const sources = sourcesOf(layer);
  const [first = before, ...others] = (sources ?? []).map((source) => {
    const shape = outputs.get(source);
    if (shape !== undefined) return shape;
    throw new TexturaError('file-damaged', `${layer.name} reads ${source}, which is not a layer before it`);
  });
  if (sources !== undefined && outputs.size > 0 && sources.at(-1) !== [...outputs.keys()].at(-1)) {
    throw new TexturaError(
      'file-damaged',
      `${layer.name}: the last layer that it reads is not the one before it`,
    );
  }
  return [first, ...others];
}

/**
 * Every parameter of the network and every running average, in layer order, as each layer's rule lists them.
 */
export function parameterSpecs(network: Network): readonly ParameterSpec[] {
  return describeLayers(network).flatMap(({ parameters }) => parameters);
}

/** Parameters that the optimiser changes. */
export function trainedSpecs(network: Network): readonly ParameterSpec[] {
  return parameterSpecs(network).filter(({ isTrained }) => isTrained);
}

export interface NetworkTotals {
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly activationBytes: number;
}

export function totalsOf(layers: readonly LayerDescription[]): NetworkTotals {
  const sum = (value: (layer: LayerDescription) => number) => sumOf(layers.map(value));
  return {
    parameters: sum((layer) => layer.parameterCount),
    multiplyAdds: sum((layer) => layer.multiplyAdds),
    activationBytes: sum((layer) => layer.activationBytes),
  };
}

/**
 * Peak memory of the training process in bytes, an upper estimate for both engines. It adds the process with
 * its runtime and decoded images; six copies of the parameters (value, momentum, gradient, their updated
 * copies, transformed kernels); and every activation four times per patch of the batch, or ten times per
 * patch of a 32-patch evaluation. The factors are fitted: measured peaks of reference, no-pool1 and
 * lab-baseline with batches of 33 and 165 are 0.5 to 0.98 of the estimate.
 */
export function trainingStepBytes(network: Network, batch: number): number {
  const { parameters, activationBytes } = totalsOf(describeLayers(network));
  const copies = Math.max(4 * batch, 10 * 32);
  return processBytes + 6 * parameters * bytesPerFloat + copies * activationBytes;
}

const processBytes = 800 * 2 ** 20;
