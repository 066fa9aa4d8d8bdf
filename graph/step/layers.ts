/** A network as the passes of a step, in the order of computing. */
import type { Layer } from '../../model/layer.ts';
import type { Graph } from '../builder.ts';
import type { Activation, Pass } from './activation.ts';
import { addBias, addRelu } from './bias-and-relu.ts';
import { type ConvolutionShape, convolutionShape } from './convolution-shape.ts';
import { type ConvolutionMethod, convolutionMethod } from './cost-model.ts';
import { directConvolution } from './direct-convolution.ts';
import { averagePositions } from './head-and-loss.ts';
import { addMaxPool } from './max-pool.ts';
import { addStandardise } from './standardise.ts';
import { addSubtractMean } from './subtract-mean.ts';
import type { Weights } from './weights.ts';
import { winogradConvolution } from './winograd-convolution.ts';

/** A layer, or a part of one: a convolution has its bias apart and the max pooling that follows it inside. */
export type Operation =
  | Exclude<Layer, { kind: 'convolution' }>
  | { readonly kind: 'bias'; readonly name: string }
  | {
      readonly kind: 'convolution';
      readonly name: string;
      readonly layer: Extract<Layer, { kind: 'convolution' }>;
      readonly pool: number;
    };

/**
 * The operations of a network. Every max pooling moves before the bias and the ReLU that it follows: both grow with each value
 * (float rounding included), so the maximum of a window stays the maximum, and the results are the same bits for less work.
 * One that then stands behind a convolution becomes a part of it.
 */
export function operationsOf(layers: readonly Layer[]): readonly Operation[] {
  const operations: Operation[] = [];
  for (const layer of layers) {
    if (layer.kind === 'convolution') {
      const { name } = layer;
      operations.push({ kind: 'convolution', name, layer, pool: 1 }, { kind: 'bias', name });
    } else if (layer.kind === 'maxPool') {
      insertPooling(operations, layer);
    } else {
      operations.push(layer);
    }
  }
  return operations;
}

function insertPooling(operations: Operation[], layer: Extract<Layer, { kind: 'maxPool' }>): void {
  const at = operations.findLastIndex(({ kind }) => kind !== 'bias' && kind !== 'relu') + 1;
  const before = operations[at - 1];
  if (before?.kind === 'convolution' && before.pool === 1) {
    operations[at - 1] = { ...before, pool: layer.sizePx };
  } else {
    operations.splice(at, 0, layer);
  }
}

/** Adds the forward half of one operation; its way back waits in the pass. */
export function addOperation(root: Graph, operation: Operation, x: Activation, weights: Weights): Pass {
  const graph = root.scope(operation.name);
  switch (operation.kind) {
    case 'standardise':
      return addStandardise(graph, x, operation.varianceFloor);
    case 'subtractMean':
      return addSubtractMean(graph, x, operation.meanGrey);
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
    case 'softmax':
      return averagePositions(graph, x);
    default:
      throw operation satisfies never;
  }
}

/** A convolution with its pooling by the given method. `kernel` is the parameter's name. */
export function addConvolution(
  graph: Graph,
  x: Activation,
  shape: ConvolutionShape,
  method: ConvolutionMethod,
  kernel: string,
  weights: Weights,
): Pass {
  switch (method.kind) {
    case 'direct':
      return directConvolution(graph, x, shape, kernel, weights);
    case 'winograd':
      return winogradConvolution(graph, x, shape, method.tilePx, kernel, weights);
    default:
      throw method satisfies never;
  }
}
