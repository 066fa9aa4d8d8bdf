/**
 * Every layer in its two forms: as the few nodes of the portable graph, and as a pass of the training step with its gradient. A new
 * kind of layer gets a case in both functions; the compiler names them.
 */
import type { Layer, StandardiseLayer } from '../model/layer.ts';
import { graphNames } from '../model/model-file.ts';
import type { Operation } from '../model/operation.ts';
import type { Graph } from './builder.ts';
import { type Activation, asActivation, type Extent, isWhole, type Pass } from './step/activation.ts';
import { addConvolution, convolutionMethod } from './step/convolution.ts';
import { convolutionShape } from './step/convolution-shape.ts';
import { constantMatrix, type Matrix, transposed } from './step/matrix.ts';
import { addMaxPool } from './step/pooling.ts';
import type { Weights } from './step/stored-parameters.ts';
import { graphFault, type Value } from './value.ts';

/**
 * A layer of the portable graph: `x` and the output are `[N,channels,height,width]`, the last layer's output is the logits `[N,C]`.
 * `weights` are the layer's parameters in the order and shapes of its specification. `root` is the graph without a layer's scope.
 */
export function addPortableLayer(root: Graph, layer: Layer, x: Value, weights: readonly Value[]): Value {
  const graph = root.scope(layer.name);
  switch (layer.kind) {
    case 'standardise':
      return addPortableStandardise(graph, layer, x);
    case 'subtractMean':
      return graph.node('Sub', [x, graph.scalar(layer.meanGrey)], { name: 'output' });
    case 'convolution': {
      const kernel_shape = [layer.kernelPx, layer.kernelPx];
      return graph.node('Conv', [x, ...weights], { name: 'output', kernel_shape, ...unitWindow, group: 1 });
    }
    case 'relu':
      return graph.node('Relu', [x], { name: 'output' });
    case 'maxPool': {
      const kernel_shape = [layer.sizePx, layer.sizePx];
      return graph.node('MaxPool', [x], {
        name: 'output',
        kernel_shape,
        strides: kernel_shape,
        pads: noPads,
      });
    }
    case 'globalAverage': {
      // The mean of a single position is that position; the operators stay the same for every network.
      const mean = graph.node('GlobalAveragePool', [x], { name: 'mean' });
      return root.node('Flatten', [mean], { axis: 1, name: graphNames.logits });
    }
    default:
      throw layer satisfies never;
  }
}

const noPads = [0, 0, 0, 0];
const unitWindow = { strides: [1, 1], pads: noPads, dilations: [1, 1] };

/** (x - mean) / sqrt(variance + floor) of each patch, from operators without axes, which are the same in every opset. */
function addPortableStandardise(graph: Graph, { varianceFloor }: StandardiseLayer, x: Value): Value {
  const mean = graph.node('GlobalAveragePool', [x], { name: 'mean' });
  const centred = graph.node('Sub', [x, mean], { name: 'centred' });
  const squared = graph.node('Mul', [centred, centred], { name: 'squared' });
  const variance = graph.node('GlobalAveragePool', [squared], { name: 'variance' });
  const floored = graph.node('Add', [variance, graph.scalar(varianceFloor)], { name: 'floored' });
  const deviation = graph.node('Sqrt', [floored], { name: 'deviation' });
  return graph.node('Div', [centred, deviation], { name: 'output' });
}

/** An operation of the training step: a convolution has the max pooling that follows it inside. */
export type StepOperation =
  | Exclude<Operation, { kind: 'convolution' }>
  | {
      readonly kind: 'convolution';
      readonly name: string;
      readonly layer: Extract<Layer, { kind: 'convolution' }>;
      /** Side of the pooling's window, 1 for none. */
      readonly pool: number;
    };

/** Joins every max pooling that directly follows a convolution with it. */
export function stepOperationsOf(operations: readonly Operation[]): readonly StepOperation[] {
  const joined: StepOperation[] = [];
  for (const operation of operations) {
    const before = joined.at(-1);
    if (operation.kind === 'convolution') {
      joined.push({ kind: 'convolution', name: operation.name, layer: operation, pool: 1 });
    } else if (operation.kind === 'maxPool' && before?.kind === 'convolution' && before.pool === 1) {
      joined[joined.length - 1] = { ...before, pool: operation.sizePx };
    } else {
      joined.push(operation);
    }
  }
  return joined;
}

/** Adds the forward half of one operation; its pass adds the backward half when called. */
export function addStepOperation(
  root: Graph,
  operation: StepOperation,
  x: Activation,
  weights: Weights,
): Pass {
  const graph = root.scope(operation.name);
  switch (operation.kind) {
    case 'standardise':
      return addStandardise(graph, x, operation.varianceFloor);
    case 'subtractMean': {
      const value = graph.node('Sub', [x.value, graph.scalar(operation.meanGrey)], { name: 'output' });
      return { output: { ...x, value }, backward: (dY) => ({ parameters: {}, dX: () => dY }) };
    }
    case 'convolution': {
      const shape = convolutionShape(operation.layer, operation.pool, x);
      const method = convolutionMethod(x, shape, graph.target);
      return addConvolution(graph, x, shape, method, `${operation.name}.kernel`, weights);
    }
    case 'bias':
      return addBias(graph, x, `${operation.name}.bias`, weights);
    case 'relu':
      return addRelu(graph, x);
    case 'maxPool':
      return addMaxPool(graph, x, operation.sizePx);
    case 'globalAverage':
      return addGlobalAverage(graph, x);
    default:
      throw operation satisfies never;
  }
}

/**
 * Zero mean and unit variance for every patch: y = (x - mean) / s with s = sqrt(variance + floor).
 *
 * Backward (as for batch normalisation, Ioffe and Szegedy 2015, section 3): the mean removes the mean of dY; s, whose gradient with
 * respect to x is y / count, removes the part of dY along y:
 *
 *     dX = (dY - mean(dY) - y mean(dY y)) / s
 */
export function addStandardise(graph: Graph, x: Activation, varianceFloor: number): Pass {
  if (!isWhole(x)) throw graphFault('standardise: not all rows or columns of its input are valid');
  const share = graph.scalar(1 / (x.rows.valid * x.columns.valid));
  const mean = (value: Value, name: string) => {
    const sum = graph.sum(value, [0, 1], { keepsAxes: true, name: `${name}.sum` }); // [1, 1, 1, B]
    return graph.node('Mul', [sum, share], { name });
  };
  const centred = graph.node('Sub', [x.value, mean(x.value, 'mean')], { name: 'centred' });
  const squared = graph.node('Mul', [centred, centred], { name: 'squared' });
  const floored = graph.node('Add', [mean(squared, 'variance'), graph.scalar(varianceFloor)]);
  const deviation = graph.node('Sqrt', [floored], { name: 'deviation' });
  const y = graph.node('Div', [centred, deviation], { name: 'output' });

  function dX(dY: Value): Value {
    const centredGradient = graph.node('Sub', [dY, mean(dY, 'dY.mean')]);
    const along = mean(graph.node('Mul', [dY, y]), 'dY.along');
    const orthogonal = graph.node('Sub', [centredGradient, graph.node('Mul', [y, along])]);
    return graph.node('Div', [orthogonal, deviation], { name: 'dX' });
  }
  return { output: { ...x, value: y }, backward: (dY) => ({ parameters: {}, dX: () => dX(dY) }) };
}

/** y = x + bias of the channel; dB is the sum of its channel's dY. */
export function addBias(graph: Graph, x: Activation, name: string, weights: Weights): Pass {
  const column = graph.reshape(weights.bias(name), [x.channels, 1]);
  const value = graph.node('Add', [x.value, column], { name: 'biased' });
  return {
    output: { ...x, value },
    backward: (dY) => ({
      parameters: { [name]: graph.sum(dY, [0, 1, 3], { name: 'dB' }) },
      dX: () => dY,
    }),
  };
}

/** y = max(x, 0); dX is dY where y is positive, else 0. */
export function addRelu(graph: Graph, x: Activation): Pass {
  const value = graph.node('Relu', [x.value], { name: 'output' });
  const dX = (dY: Value) => {
    const isPositive = graph.node('Greater', [value, graph.scalar(0)], { name: 'positive' });
    const mask = graph.node('Cast', [isPositive], { to: graph.float, name: 'mask' });
    return graph.node('Mul', [mask, dY], { name: 'dX' });
  };
  return { output: { ...x, value }, backward: (dY) => ({ parameters: {}, dX: () => dX(dY) }) };
}

/** The mean over the valid positions, `[1, 1, channels, batch]`; dX is dY / positions at each of them. */
export function addGlobalAverage(graph: Graph, x: Activation): Pass {
  const single: Extent = { stored: 1, valid: 1 };
  if (x.rows.stored * x.columns.stored === 1) {
    return { output: x, backward: (dY) => ({ parameters: {}, dX: () => dY }) };
  }
  const shares = averagingRow(x);
  const positions = graph.reshape(x.value, [x.rows.stored * x.columns.stored, -1]);
  const mean = graph.node('MatMul', [constantMatrix(graph, shares), positions], { name: 'mean' });
  const output = { rows: single, columns: single, channels: x.channels };
  return {
    output: { ...output, value: asActivation(graph, mean, output, 'output') },
    backward: (dY) => ({
      parameters: {},
      dX() {
        const flat = graph.reshape(dY, [1, -1]);
        const everywhere = graph.node('MatMul', [constantMatrix(graph, transposed(shares)), flat]);
        return asActivation(graph, everywhere, x, 'dX');
      },
    }),
  };
}

function averagingRow({ rows, columns }: Activation): Matrix {
  const share = 1 / (rows.valid * columns.valid);
  const positions = Array.from({ length: rows.stored * columns.stored }, (_, at) => {
    const isValid = Math.floor(at / columns.stored) < rows.valid && at % columns.stored < columns.valid;
    return isValid ? share : 0;
  });
  return [positions];
}
