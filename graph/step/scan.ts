/**
 * Several training steps as one ONNX graph: a `Scan` whose body is the graph of a step. A GPU then keeps the
 * parameters between the steps of a run, instead of copying them from and to the host at each.
 *
 * Inputs and outputs are those of a step (step.ts), by the same names. Per-step values have a first axis for
 * the steps, of any size K:
 *
 *     patches [K,B,64,64], labels [K,B], weights [K,B], learningRate and the other settings [K]
 *  -> logits  [K,B,classes]
 */
import { parameterSpecs } from '../../model/description.ts';
import type { Network } from '../../model/network.ts';
import { createGraph, type Graph } from '../builder.ts';
import { graphFault, type Value } from '../value.ts';
import { type StepGraphSettings, stepNames, trainingStepGraph } from './step.ts';

/** Names in the body must differ from those outside. */
const bodyScope = 'step';
const bodyPrefix = `${bodyScope}.`;

/** Builds the steps of a network on batches of one size. */
export function scannedStepsGraph(network: Network, settings: StepGraphSettings): Graph {
  const step = trainingStepGraph(network, { ...settings, scope: bodyScope });
  const { opset, float, target } = step;
  const { inputs, outputs, ...content } = step.content();
  const states = parameterSpecs(network).flatMap(({ name, isTrained }) =>
    isTrained ? [name, stepNames.momentumOf(name)] : [name],
  );
  const isState = ({ name }: Value) => states.includes(name.slice(bodyPrefix.length));
  const scanned = inputs.filter((input) => !isState(input));
  const body = {
    ...content,
    inputs: [...states.map((name) => bodyValue(inputs, name)), ...scanned],
    outputs: [...states.map(stepNames.next), stepNames.logits].map((name) => bodyValue(outputs, name)),
  };

  const graph = createGraph({ name: `${network.name} steps`, opset, float, target });
  const outer = body.inputs.map((input) => {
    const shape = isState(input) ? input.shape : ['K', ...input.shape];
    return graph.input(input.name.slice(bodyPrefix.length), input.dtype, shape);
  });
  const results = graph.nodes('Scan', outer, {
    body,
    num_scan_inputs: scanned.length,
    names: body.outputs.map(({ name }) => name.slice(bodyPrefix.length)),
  });
  for (const result of results) graph.output(result);
  return graph;
}

function bodyValue(values: readonly Value[], name: string): Value {
  const value = values.find((candidate) => candidate.name === bodyPrefix + name);
  if (value === undefined) throw graphFault(`the step has no ${name}`);
  return value;
}
