/**
 * Every layer in two forms: as nodes of the portable graph, and as a pass of the training step with its
 * gradient. A new kind of layer needs a case in both functions; the compiler reports a missing one.
 */
import { graphNames } from '../model/graph-names.ts';
import type {
  BatchNormLayer,
  ConvolutionLayer,
  GlobalStatisticsLayer,
  Layer,
  StandardiseLayer,
} from '../model/layer.ts';
import type { Operation } from '../model/operation.ts';
import type { Graph } from './builder.ts';
import { type Activation, asActivation, type Extent, isWhole, type Pass } from './step/activation.ts';
import { addBatchNorm, addGlobalStatistics, channelSum, positionMean } from './step/channel-statistics.ts';
import { addConvolution, convolutionMethod } from './step/convolution.ts';
import { convolutionShape } from './step/convolution-shape.ts';
import { constantMatrix, type Matrix, transposed } from './step/matrix.ts';
import { normalisedConvolution } from './step/normalised-convolution.ts';
import { addMaxPool } from './step/pooling.ts';
import type { Weights } from './step/stored-parameters.ts';
import { graphFault, type Value } from './value.ts';

/** Inputs of a layer of the portable graph. */
interface PortableInputs {
  /** Output of the previous layer, `[N,channels,height,width]`. */
  readonly x: Value;
  /** Outputs of all previous layers. */
  readonly outputs: ReadonlyMap<string, Value>;
  /** The layer's parameters, in the order and shapes of its specification. */
  readonly weights: readonly Value[];
}

/**
 * Adds a layer of the portable graph. Its output is `[N,channels,height,width]`; the last layer's output is
 * the logits `[N,C]`. `root` is the graph without the layer's scope. Errors: `internal` for a batch
 * normalisation, which has to be folded first (model/fold-batch-norm.ts).
 */
export function addPortableLayer(root: Graph, layer: Layer, { x, outputs, weights }: PortableInputs): Value {
  const graph = root.scope(layer.name);
  switch (layer.kind) {
    case 'standardise':
      return addPortableStandardise(graph, layer, x);
    case 'subtractMean':
      return graph.node('Sub', [x, graph.scalar(layer.meanGrey)], { name: 'output' });
    case 'convolution': {
      const kernel_shape = [layer.kernelPx, layer.kernelPx];
      const strides = [layer.stridePx ?? 1, layer.stridePx ?? 1];
      const window = { kernel_shape, strides, pads: noPads, dilations: [1, 1] };
      return graph.node('Conv', [x, ...weights], { name: 'output', ...window, group: 1 });
    }
    case 'batchNorm':
      throw graphFault(`${layer.name}: expected a folded network`);
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
    case 'globalStatistics':
      return addPortableStatistics(graph, layer, outputs);
    case 'globalAverage': {
      // The mean of a single position is redundant, but this way every network uses the same operators.
      const mean = graph.node('GlobalAveragePool', [x], { name: 'mean' });
      return root.node('Flatten', [mean], { axis: 1, name: graphNames.logits });
    }
    default:
      throw layer satisfies never;
  }
}

const noPads = [0, 0, 0, 0];

/**
 * (x - mean) / sqrt(variance + floor) of each patch, in operators without axes, which are the same in every
 * opset.
 */
function addPortableStandardise(graph: Graph, { varianceFloor }: StandardiseLayer, x: Value): Value {
  const mean = graph.node('GlobalAveragePool', [x], { name: 'mean' });
  const centred = graph.node('Sub', [x, mean], { name: 'centred' });
  const squared = graph.node('Mul', [centred, centred], { name: 'squared' });
  const variance = graph.node('GlobalAveragePool', [squared], { name: 'variance' });
  const floored = graph.node('Add', [variance, graph.scalar(varianceFloor)], { name: 'floored' });
  const deviation = graph.node('Sqrt', [floored], { name: 'deviation' });
  return graph.node('Div', [centred, deviation], { name: 'output' });
}

/** Means, then deviations if the layer has them, of each source's channels: `[N,channels,1,1]`. */
function addPortableStatistics(
  graph: Graph,
  { of, varianceFloor, deviations }: GlobalStatisticsLayer,
  outputs: ReadonlyMap<string, Value>,
): Value {
  const statistics = of.flatMap((source) => {
    const own = graph.scope(source);
    const mean = own.node('GlobalAveragePool', [outputOfLayer(outputs, source)], { name: 'mean' });
    if (deviations === false) return [mean];
    const centred = own.node('Sub', [outputOfLayer(outputs, source), mean], { name: 'centred' });
    const squared = own.node('Mul', [centred, centred], { name: 'squared' });
    const variance = own.node('GlobalAveragePool', [squared], { name: 'variance' });
    const floored = own.node('Add', [variance, graph.scalar(varianceFloor)], { name: 'floored' });
    return [mean, own.node('Sqrt', [floored], { name: 'deviation' })];
  });
  return graph.node('Concat', statistics, { axis: 1, name: 'output' });
}

function outputOfLayer<T>(outputs: ReadonlyMap<string, T>, layer: string): T {
  const output = outputs.get(layer);
  if (output === undefined) throw graphFault(`no layer ${layer} to read`);
  return output;
}

/**
 * An operation of the training step. A convolution includes a max pooling that follows it, and the first one a
 * batch normalisation.
 */
type StepOperation =
  | Exclude<Operation, { kind: 'convolution' }>
  | {
      readonly kind: 'convolution';
      readonly name: string;
      readonly layer: ConvolutionLayer;
      /** Side of the pooling window, 1 for no pooling. */
      readonly pool: number;
      readonly norm?: BatchNormLayer;
      /** The last of its layers. */
      readonly last: string;
    };

/**
 * Merges max poolings, and the batch normalisation of the first convolution, into the convolution that they
 * directly follow. A layer that another layer reads by name stays the last of its operation.
 */
export function stepOperationsOf(operations: readonly Operation[]): readonly StepOperation[] {
  const sources = new Set(
    operations.flatMap((operation) => (operation.kind === 'globalStatistics' ? operation.of : [])),
  );
  const first = operations.find(({ kind }) => kind === 'convolution');
  const joined: StepOperation[] = [];
  for (const operation of operations) {
    const { kind, name } = operation;
    const before = joined.at(-1);
    const isBare = before?.kind === 'convolution' && before.last === before.name && !sources.has(before.name);
    if (kind === 'convolution') {
      joined.push({ kind, name, layer: operation, pool: 1, last: name });
    } else if (isBare && kind === 'maxPool') {
      joined[joined.length - 1] = { ...before, pool: operation.sizePx, last: name };
    } else if (isBare && kind === 'batchNorm' && before.layer === first) {
      joined[joined.length - 1] = { ...before, norm: operation, last: name };
    } else {
      joined.push(operation);
    }
  }
  return joined;
}

/** Inputs of an operation of the step. */
interface StepInputs {
  /** Output of the previous operation. */
  readonly x: Activation;
  /** Outputs of all previous operations, by layer. */
  readonly outputs: ReadonlyMap<string, Activation>;
  readonly weights: Weights;
}

/** Adds the forward half of an operation. `backward` of its pass adds the backward half. */
export function addStepOperation(
  root: Graph,
  operation: StepOperation,
  { x, outputs, weights }: StepInputs,
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
      const { name, layer, pool, norm } = operation;
      const inputs = { x, kernel: `${name}.kernel`, weights };
      const shape = convolutionShape(layer, pool, x);
      if (norm !== undefined) return normalisedConvolution(root, inputs, shape, { name, norm });
      return addConvolution(graph, inputs, shape, convolutionMethod(x, shape, graph.target));
    }
    case 'bias':
      return addBias(graph, x, `${operation.name}.bias`, weights);
    case 'batchNorm':
      return addBatchNorm(graph, x, operation, weights);
    case 'relu':
      return addRelu(graph, x);
    case 'maxPool':
      return addMaxPool(graph, x, operation.sizePx);
    case 'globalStatistics':
      return addGlobalStatistics(
        graph,
        operation.of.map((source) => ({ source, input: outputOfLayer(outputs, source) })),
        operation,
      );
    case 'globalAverage':
      return addGlobalAverage(graph, x);
    default:
      throw operation satisfies never;
  }
}

/**
 * Scales every patch to zero mean and unit variance: y = (x - mean) / s with s = sqrt(variance + floor).
 *
 * Backward (as for batch normalisation, Ioffe and Szegedy 2015, section 3): the mean removes the mean of dY;
 * s, whose gradient with respect to x is y / count, removes the part of dY along y:
 *
 *     dX = (dY - mean(dY) - y mean(dY y)) / s
 */
export function addStandardise(graph: Graph, x: Activation, varianceFloor: number): Pass {
  if (!isWhole(x)) throw graphFault('standardise: expected an input whose rows and columns are all valid');
  const share = graph.scalar(1 / (x.rows.valid * x.columns.valid));
  const mean = (value: Value, name: string) => positionMean(graph, value, share, name); // [1, 1, 1, B]
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

/** y = x + bias of the channel; dB is the sum of dY over the channel. */
export function addBias(graph: Graph, x: Activation, name: string, weights: Weights): Pass {
  const column = graph.reshape(weights.vector(name), [x.channels, 1]);
  const value = graph.node('Add', [x.value, column], { name: 'biased' });
  return {
    output: { ...x, value },
    backward: (dY) => ({
      parameters: { [name]: channelSum(graph, dY, 'dB') },
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
