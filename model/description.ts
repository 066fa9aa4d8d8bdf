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
 * Peak memory of one training step in bytes, as an upper estimate: every activation of the batch is kept for the backward
 * pass; on the way back the largest layer holds its output's gradient, its input's gradient and a workspace as large as its
 * unfolded input (kernelPx^2 copies, at most 16 patches at a time); each parameter has a value, a momentum, a gradient and
 * an updated copy.
 */
export function trainingStepBytes(network: Network, batch: number): number {
  const layers = describeLayers(network);
  const { parameters, activationBytes } = totalsOf(layers);
  const backward = layers.map(({ layer, inputShape, activationBytes: output }) => {
    const input = volume(inputShape) * bytesPerFloat;
    const unfolded = layer.kind === 'convolution' ? layer.kernelPx ** 2 * input * Math.min(batch, 16) : 0;
    return batch * (input + output) + unfolded;
  });
  return batch * activationBytes + Math.max(...backward) + 4 * parameters * bytesPerFloat;
}
