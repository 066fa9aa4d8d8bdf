/**
 * What a network is, layer by layer, before anything is trained: shapes, parameters, multiply-adds, memory, receptive field.
 * The paper's authors ran out of memory; the last function says beforehand what a training step will need.
 */
import { type Layer, type ParameterSpec, ruleOf, type Shape, volume } from './layer.ts';
import { inputPx, type Network } from './network.ts';

const bytesPerFloat = 4;

export interface LayerDescription {
  readonly layer: Layer;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly parameters: readonly ParameterSpec[];
  readonly parameterCount: number;
  /** Multiply-adds of one forward pass of one patch. */
  readonly multiplyAdds: number;
  /** Bytes of the layer's output for one patch in float32. */
  readonly activationBytes: number;
  /** Side of the square of the patch that one output value sees. */
  readonly receptiveFieldPx: number;
  /** Distance in the patch between the fields of neighbouring output values. */
  readonly stridePx: number;
}

/**
 * Describes each layer in order.
 *
 * Receptive field of a chain (Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill 2019,
 * equation 2): r grows by (size - 1) x the stride so far, the stride multiplies.
 */
export function describeLayers(network: Network): readonly LayerDescription[] {
  let inputShape: Shape = [1, inputPx, inputPx];
  let receptiveFieldPx = 1;
  let stridePx = 1;
  return network.layers.map((layer) => {
    const rule = ruleOf(layer);
    const outputShape = rule.outputShape(layer, inputShape);
    const parameters = rule.parameters(layer, inputShape);
    const window = rule.window(layer);
    receptiveFieldPx += (window.sizePx - 1) * stridePx;
    stridePx *= window.stridePx;
    const description: LayerDescription = {
      layer,
      inputShape,
      outputShape,
      parameters,
      parameterCount: parameters.reduce((sum, { shape }) => sum + volume(shape), 0),
      multiplyAdds: rule.multiplyAdds(layer, inputShape),
      activationBytes: volume(outputShape) * bytesPerFloat,
      receptiveFieldPx,
      stridePx,
    };
    inputShape = outputShape;
    return description;
  });
}

/** Every parameter of the network, in layer order, kernel before bias. */
export function parameterSpecs(network: Network): readonly ParameterSpec[] {
  return describeLayers(network).flatMap(({ parameters }) => parameters);
}

export interface NetworkTotals {
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly activationBytes: number;
}

export function totalsOf(layers: readonly LayerDescription[]): NetworkTotals {
  const sum = (value: (layer: LayerDescription) => number) =>
    layers.reduce((total, layer) => total + value(layer), 0);
  return {
    parameters: sum((layer) => layer.parameterCount),
    multiplyAdds: sum((layer) => layer.multiplyAdds),
    activationBytes: sum((layer) => layer.activationBytes),
  };
}

/**
 * Peak memory of the training process in bytes, as an upper estimate for both engines: the process with its runtime and decoded images; six
 * copies of the parameters (value, momentum, gradient, their updated copies, transformed kernels); and of every activation four
 * copies for each patch of the batch, or ten for each of the 32 patches of an evaluation. The factors are fitted: measured peaks of
 * reference, no-pool1 and lab-baseline at batches of 33 and 165 are 0.5 to 0.98 of it.
 */
export function trainingStepBytes(network: Network, batch: number): number {
  const { parameters, activationBytes } = totalsOf(describeLayers(network));
  const copies = Math.max(4 * batch, 10 * 32);
  return processBytes + 6 * parameters * bytesPerFloat + copies * activationBytes;
}

const processBytes = 800 * 2 ** 20;
