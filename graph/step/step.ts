/**
 * A whole step of training as one plain ONNX graph: forward, loss, backward, update. Stock onnxruntime runs it. Options of the step
 * are inputs, so that one session serves a run.
 *
 * What goes in and out, with B the batch:
 *
 *     patches       uint8 [B,64,64]       grey 0..255; float for a GPU, where WebGPU has no bytes
 *     labels        int32 [B]             class indices
 *     weights       float [B]             1 / count for each patch of the batch, 0 for rows that only fill it up
 *     learningRate, momentum, weightDecay   float []
 *     LAYER.kernel, LAYER.bias, and with .velocity behind it the momentum of each
 *  -> logits        float [B, classes]    from before the step
 *     LAYER.kernel.next, LAYER.kernel.velocity.next, ...
 *
 * Kernels are `[taps, filters, channels]` (`parameter-layout.ts`), so no weight is turned around on the way.
 */
import { parameterSpecs } from '../../model/description.ts';
import type { ParameterSpec } from '../../model/layer.ts';
import { defaultOpset, type Opset } from '../../model/model-file.ts';
import { inputPx, type Network } from '../../model/network.ts';
import { createGraph, type Graph, type Target } from '../builder.ts';
import type { FloatDtype } from '../tensor.ts';
import { type Dimension, graphFault, type Value } from '../value.ts';
import { type Activation, activation, type Pass } from './activation.ts';
import { lossGradient, patchesFirst } from './head-and-loss.ts';
import { addOperation, type Operation, operationsOf } from './layers.ts';
import { heldShape } from './parameter-layout.ts';
import { type StepInputs, updateParameter } from './update.ts';
import { type Weights, weightsInGraph } from './weights.ts';

export interface StepGraphSettings {
  /** Patches in a batch. */
  readonly batch: number;
  readonly opset?: Opset;
  /** `float64` for checks of gradients. */
  readonly float?: FloatDtype;
  /** What will run it; `cpu` where left out. */
  readonly target?: Target;
}

/** Names of the inputs and outputs of a step. */
export const stepNames = {
  patches: 'patches',
  labels: 'labels',
  weights: 'weights',
  learningRate: 'learningRate',
  momentum: 'momentum',
  weightDecay: 'weightDecay',
  logits: 'logits',
  velocity: (parameter: string) => `${parameter}.velocity`,
  next: (value: string) => `${value}.next`,
  prepared: (kernel: string) => `${kernel}.prepared`,
} as const;

/** Builds the step of a network for batches of one size. */
export function trainingStepGraph(
  network: Network,
  { batch, opset = defaultOpset, float = 'float32', target = 'cpu' }: StepGraphSettings,
): Graph {
  const graph = createGraph({ name: `${network.name} step`, opset, float, target });
  const patches = patchesInput(graph, batch);
  const labels = graph.input(stepNames.labels, 'int32', [batch]);
  const patchWeights = graph.input(stepNames.weights, float, [batch]);
  const settings: StepInputs = {
    learningRate: graph.input(stepNames.learningRate, float, []),
    momentum: graph.input(stepNames.momentum, float, []),
    weightDecay: graph.input(stepNames.weightDecay, float, []),
  };
  const specs = parameterSpecs(network);
  const values = parameterInputs(graph, specs, (name) => name);
  const velocities = parameterInputs(graph, specs, stepNames.velocity);

  const passes = forwardPasses(graph, network, pixelsOf(graph, patches), weightsInGraph(values));
  const logits = patchesFirst(graph, outputOf(passes), stepNames.logits);
  const lossByLogits = lossGradient(graph.scope('loss'), logits, labels, patchWeights);
  const gradients = backward(passes, lossByLogits, specs.length);

  graph.output(logits);
  for (const { name, decays } of specs) {
    const gradient = gradients.get(name);
    if (gradient === undefined) throw graphFault(`no gradient for ${name}`);
    const held = { parameter: values(name), velocity: velocities(name), gradient };
    const next = updateParameter(graph.scope(name), held, decays, settings);
    graph.output(next.parameter);
    graph.output(next.velocity);
  }
  return graph;
}

function parameterInputs(
  graph: Graph,
  specs: readonly ParameterSpec[],
  nameOf: (parameter: string) => string,
): (name: string) => Value {
  const inputs = new Map(
    specs.map(({ name, shape }) => [name, graph.input(nameOf(name), graph.float, heldShape(shape))]),
  );
  return (name) => {
    const value = inputs.get(name);
    if (value === undefined) throw graphFault(`no parameter ${name}`);
    return value;
  };
}

/** The input for patches `[batch,64,64]`. */
export function patchesInput(graph: Graph, batch: Dimension): Value {
  const dtype = graph.target === 'gpu' ? graph.float : 'uint8';
  return graph.input(stepNames.patches, dtype, [batch, inputPx, inputPx]);
}

/** Patches `[B,64,64]` to float `[64,64,1,B]`; bytes are turned before they become numbers, which are four times as large. */
export function pixelsOf(graph: Graph, patches: Value): Activation {
  const flat = graph.reshape(patches, [-1, inputPx ** 2]);
  const turned = graph.node('Transpose', [flat], { perm: [1, 0], name: 'turned' });
  const pixels =
    turned.dtype === graph.float ? turned : graph.node('Cast', [turned], { to: graph.float, name: 'pixels' });
  return activation(graph.reshape(pixels, [inputPx, inputPx, 1, -1]));
}

/** The forward half: one pass an operation, the last of which gives the logits. */
export function forwardPasses(
  graph: Graph,
  network: Network,
  pixels: Activation,
  weights: Weights,
): readonly Pass[] {
  let x = pixels;
  return operationsOf(network.layers).map((operation: Operation) => {
    const pass = addOperation(graph, operation, x, weights);
    x = pass.output;
    return pass;
  });
}

/** What the last pass gives. Errors: `internal` for a network without layers. */
export function outputOf(passes: readonly Pass[]): Activation {
  const last = passes.at(-1);
  if (last === undefined) throw graphFault('a network without layers');
  return last.output;
}

/** The way back, until every parameter has its gradient: what lies before the first parameter needs none. */
function backward(
  passes: readonly Pass[],
  lossByLogits: Value,
  parameters: number,
): ReadonlyMap<string, Value> {
  const gradients = new Map<string, Value>();
  let outputGradient = () => lossByLogits;
  for (const pass of passes.toReversed()) {
    if (gradients.size === parameters) break;
    const layer = pass.gradient(outputGradient());
    for (const [name, value] of Object.entries(layer.parameters)) gradients.set(name, value);
    outputGradient = layer.input;
  }
  return gradients;
}
