/**
 * A whole training step as one standard ONNX graph: forward, loss, backward, update. Stock onnxruntime runs
 * it. The optimiser's settings are inputs, so that a run needs only one session.
 *
 * Inputs and outputs, with B the batch:
 *
 *     patches       uint8 [B,64,64]       grey 0..255; float for WebGPU, which has no uint8
 *     labels        int32 [B]             class indices
 *     weights       float [B]             1 / count for each patch of the batch, 0 for padding rows
 *     learningRate, momentum, weightDecay   float []
 *     statisticsRate                        float [], only with batch normalisation
 *     LAYER.kernel, LAYER.bias, ..., and LAYER.kernel.momentum, ...: their momentum buffers
 *     LAYER.mean, LAYER.variance            running averages of a batch normalisation
 *  -> logits        float [B, classes]    before the update
 *     LAYER.kernel.next, LAYER.kernel.momentum.next, ..., LAYER.mean.next, ...
 *
 * Batch statistics include every row of the batch, so a network with batch normalisation must not get padding
 * rows.
 *
 * Kernels are `[positions, filters, channels]` (stored-parameters.ts), so that weights need no transpose.
 */
import { parameterSpecs, trainedSpecs } from '../../model/description.ts';
import type { ParameterSpec } from '../../model/layer.ts';
import { defaultOpset } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import { operationsOf } from '../../model/operation.ts';
import { inputPx } from '../../model/patch.ts';
import { createGraph, type Graph, type Target } from '../builder.ts';
import { addStepOperation, stepOperationsOf } from '../layers.ts';
import { type FloatDtype, tensorOf } from '../tensor.ts';
import { type Dimension, graphFault, type Value } from '../value.ts';
import { type Activation, activation, type Pass } from './activation.ts';
import { storedShape, type Weights, weightsInGraph } from './stored-parameters.ts';

export interface StepGraphSettings {
  /** Number of patches in a batch. */
  readonly batch: number;
  /** `float64` for gradient checks. */
  readonly float?: FloatDtype;
  /** Default `cpu`. */
  readonly target?: Target;
  /** Scope of every name, for a graph inside another; default none. */
  readonly scope?: string;
}

/** Names of the inputs and outputs of a step. */
export const stepNames = {
  patches: 'patches',
  labels: 'labels',
  weights: 'weights',
  learningRate: 'learningRate',
  momentum: 'momentum',
  weightDecay: 'weightDecay',
  statisticsRate: 'statisticsRate',
  logits: 'logits',
  /** The momentum buffer of a parameter. */
  momentumOf: (parameter: string) => `${parameter}.momentum`,
  next: (value: string) => `${value}.next`,
  prepared: (kernel: string) => `${kernel}.prepared`,
} as const;

/** Builds the step of a network for batches of one size. */
export function trainingStepGraph(
  network: Network,
  { batch, float = 'float32', target = 'cpu', scope }: StepGraphSettings,
): Graph {
  const whole = createGraph({ name: `${network.name} step`, opset: defaultOpset, float, target });
  const graph = scope === undefined ? whole : whole.scope(scope);
  const patches = patchesInput(graph, batch);
  const labels = graph.input(stepNames.labels, 'int32', [batch]);
  const patchWeights = graph.input(stepNames.weights, float, [batch]);
  const optimiser: OptimiserInputs = {
    learningRate: graph.input(stepNames.learningRate, float, []),
    momentum: graph.input(stepNames.momentum, float, []),
    weightDecay: graph.input(stepNames.weightDecay, float, []),
  };
  const specs = trainedSpecs(network);
  const averages = parameterSpecs(network).filter(({ isTrained }) => !isTrained);
  const values = parameterInputs(graph, specs, (name) => name);
  const buffers = parameterInputs(graph, specs, stepNames.momentumOf);

  const passes = forwardPasses(graph, network, pixelsOf(graph, patches), weightsInGraph(values));
  const logits = patchesFirst(graph, outputOf(passes), stepNames.logits);
  const dLogits = lossGradient(graph.scope('loss'), logits, labels, patchWeights);
  const gradients = backward(graph, passes, dLogits, specs.length);

  graph.output(logits);
  for (const { name, decays } of specs) {
    const gradient = gradients.get(name);
    if (gradient === undefined) throw graphFault(`no gradient for ${name}`);
    const stored = { parameter: values(name), buffer: buffers(name), gradient };
    const next = updateParameter(graph.scope(name), stored, decays, optimiser);
    graph.output(next.parameter);
    graph.output(next.buffer);
  }
  if (averages.length > 0) updateAverages(graph, averages, passes);
  return graph;
}

/** average <- average + statisticsRate (batch statistic - average) */
function updateAverages(graph: Graph, averages: readonly ParameterSpec[], passes: readonly Pass[]): void {
  const rate = graph.input(stepNames.statisticsRate, graph.float, []);
  const statistics = new Map(passes.flatMap((pass) => Object.entries(pass.statistics ?? {})));
  for (const { name, shape } of averages) {
    const statistic = statistics.get(name);
    if (statistic === undefined) throw graphFault(`no statistic for ${name}`);
    const average = graph.input(name, graph.float, shape);
    const difference = graph.node('Sub', [graph.reshape(statistic, shape), average]);
    const change = graph.node('Mul', [difference, rate]);
    graph.output(graph.node('Add', [average, change], { name: stepNames.next(name) }));
  }
}

function parameterInputs(
  graph: Graph,
  specs: readonly ParameterSpec[],
  nameOf: (parameter: string) => string,
): (name: string) => Value {
  const inputs = new Map(
    specs.map(({ name, shape }) => [name, graph.input(nameOf(name), graph.float, storedShape(shape))]),
  );
  return (name) => {
    const value = inputs.get(name);
    if (value === undefined) throw graphFault(`no parameter ${name}`);
    return value;
  };
}

/** The input for patches `[batch,64,64]`. */
export function patchesInput(graph: Graph, batch: Dimension): Value {
  const dtype = graph.target === 'webgpu' ? graph.float : 'uint8';
  return graph.input(stepNames.patches, dtype, [batch, inputPx, inputPx]);
}

/**
 * Patches `[B,64,64]` to float `[64,64,1,B]`. Bytes are transposed before the cast, because floats are four
 * times as large.
 */
export function pixelsOf(graph: Graph, patches: Value): Activation {
  const flat = graph.reshape(patches, [-1, inputPx ** 2]);
  const batchLast = graph.node('Transpose', [flat], { perm: [1, 0], name: 'batchLast' });
  const pixels =
    batchLast.dtype === graph.float
      ? batchLast
      : graph.node('Cast', [batchLast], { to: graph.float, name: 'pixels' });
  return activation(graph.reshape(pixels, [inputPx, inputPx, 1, -1]));
}

/** The pass of an operation, with the name of its last layer. */
type NamedPass = Pass & { readonly name: string };

/** The forward half: one pass per operation; the last one computes the logits. */
export function forwardPasses(
  graph: Graph,
  network: Network,
  pixels: Activation,
  weights: Weights,
): readonly NamedPass[] {
  let x = pixels;
  const outputs = new Map<string, Activation>();
  return stepOperationsOf(operationsOf(network.layers)).map((operation) => {
    const pass = addStepOperation(graph, operation, { x, outputs, weights });
    x = pass.output;
    const name = operation.kind === 'convolution' ? operation.last : operation.name;
    outputs.set(name, x);
    return { ...pass, name };
  });
}

/** The output of the last pass. Errors: `internal` for a network without layers. */
export function outputOf(passes: readonly Pass[]): Activation {
  const last = passes.at(-1);
  if (last === undefined) throw graphFault('expected one or more layers');
  return last.output;
}

/** `[1, 1, classes, batch]` to `[batch, classes]`. */
export function patchesFirst(graph: Graph, x: Activation, name: string): Value {
  return graph.node('Transpose', [graph.reshape(x.value, [x.channels, -1])], { perm: [1, 0], name });
}

/**
 * dLogits, `[1, 1, classes, batch]`. The loss is the cross-entropy of the softmax, weighted patch by patch:
 * with p = softmax(logits),
 *
 *     dLogits = weight (p - one-hot of the label)
 *
 * `logits` is `[batch, classes]`, `labels` int32 `[batch]`, `weights` float `[batch]`: 1 / count for the mean
 * over a batch, 0 for padding rows.
 */
function lossGradient(graph: Graph, logits: Value, labels: Value, weights: Value): Value {
  const [, classes] = logits.shape as readonly number[];
  const indices = Int32Array.from({ length: classes ?? 0 }, (_, i) => i);
  const every = graph.constant(tensorOf('int32', [1, indices.length], indices));
  const isLabel = graph.node('Equal', [graph.reshape(labels, [-1, 1]), every]); // [B, classes]
  const oneHot = graph.node('Cast', [isLabel], { to: graph.float, name: 'oneHot' });
  const probabilities = graph.node('Softmax', [logits], { axis: 1, name: 'probabilities' });
  const surplus = graph.node('Sub', [probabilities, oneHot], { name: 'surplus' });
  const weighted = graph.node('Mul', [surplus, graph.reshape(weights, [-1, 1])], { name: 'weighted' });
  const batchLast = graph.node('Transpose', [weighted], { perm: [1, 0], name: 'dLogits' });
  return graph.reshape(batchLast, [1, 1, indices.length, -1]);
}

/** The backward half. It stops when every parameter has a gradient, because earlier layers need none. */
function backward(
  graph: Graph,
  passes: readonly NamedPass[],
  dLogits: Value,
  parameters: number,
): ReadonlyMap<string, Value> {
  const gradients = new Map<string, Value>();
  /** Gradients of outputs that a later layer reads by name. */
  const dNamed = new Map<string, () => Value>();
  let dNext = () => dLogits;
  for (const { name, backward } of passes.toReversed()) {
    if (gradients.size === parameters) break;
    const fromNext = dNext();
    const fromReader = dNamed.get(name);
    dNamed.delete(name);
    const dY =
      fromReader === undefined
        ? fromNext
        : graph.scope(name).node('Add', [fromNext, fromReader()], { name: 'dY' });
    const layer = backward(dY);
    for (const [parameter, value] of Object.entries(layer.parameters)) gradients.set(parameter, value);
    for (const [source, dSource] of Object.entries(layer.dSources ?? {})) dNamed.set(source, dSource);
    dNext = layer.dX;
  }
  return gradients;
}

/** Scalar inputs of a step. */
interface OptimiserInputs {
  readonly learningRate: Value;
  readonly momentum: Value;
  readonly weightDecay: Value;
}

/**
 * Stochastic gradient descent with momentum (Sutskever et al. 2013, in the form of MatConvNet and PyTorch),
 * for one parameter p and its momentum buffer v:
 *
 *     v <- momentum v + gradient + weightDecay p       (no decay on biases)
 *     p <- p - learningRate v
 *
 * `decays`: whether weight decay applies. `graph` is scoped by the parameter's name.
 */
function updateParameter(
  graph: Graph,
  { parameter, buffer, gradient }: { parameter: Value; buffer: Value; gradient: Value },
  decays: boolean,
  { learningRate, momentum, weightDecay }: OptimiserInputs,
): { readonly parameter: Value; readonly buffer: Value } {
  const decayed = graph.node('Mul', [buffer, momentum], { name: 'momentum.decayed' });
  const withDecay = decays
    ? graph.node('Add', [gradient, graph.node('Mul', [parameter, weightDecay], { name: 'decay' })])
    : gradient;
  const next = graph.node('Add', [decayed, withDecay], { name: 'momentum.next' });
  const change = graph.node('Mul', [next, learningRate], { name: 'change' });
  return { parameter: graph.node('Sub', [parameter, change], { name: 'next' }), buffer: next };
}
