/**
 * The forward half of the step by itself, for evaluation between steps: one graph makes the weights ready, once after they changed, the
 * other one computes the logits of any number of patches with them.
 */
import { parameterSpecs } from '../../model/description.ts';
import { defaultOpset } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import { createGraph, type Graph, type Target } from '../builder.ts';
import type { Value } from '../value.ts';
import { patchesFirst } from './head-and-loss.ts';
import { heldShape } from './parameter-layout.ts';
import { forwardPasses, outputOf, patchesInput, pixelsOf, stepNames } from './step.ts';
import { type Weights, weightsInGraph } from './weights.ts';

export interface EvaluationGraphs {
  /** From every kernel as a step holds it, by its name, to LAYER.kernel.prepared. */
  readonly preparation: Graph;
  /** From `patches` `[N,64,64]`, as a step takes them, the prepared kernels and the biases to `logits` `[N,C]`. */
  readonly forward: Graph;
}

export function evaluationGraphs(network: Network, target: Target = 'cpu'): EvaluationGraphs {
  const settings = { opset: defaultOpset, float: 'float32', target } as const;
  const preparation = createGraph({ name: `${network.name} preparation`, ...settings });
  const forward = createGraph({ name: `${network.name} forward`, ...settings });
  const patches = patchesInput(forward, 'N');
  const weights = preparedWeights(preparation, forward, network);
  const passes = forwardPasses(forward, network, pixelsOf(forward, patches), weights);
  forward.output(patchesFirst(forward, outputOf(passes), stepNames.logits));
  return { preparation, forward };
}

/** Weights that one graph prepares and another takes as inputs. */
function preparedWeights(preparation: Graph, forward: Graph, network: Network): Weights {
  const shapes = new Map(parameterSpecs(network).map(({ name, shape }) => [name, heldShape(shape)]));
  const input = (graph: Graph, name: string): Value => graph.input(name, graph.float, shapes.get(name) ?? []);
  const held = weightsInGraph((name) => input(preparation, name));
  return {
    bias: (name) => input(forward, name),
    kernel(_, name, mix, order) {
      const prepared = held.kernel(preparation.scope(name), name, mix, order);
      const output = preparation.node('Identity', [prepared], { name: stepNames.prepared(name) });
      preparation.output(output);
      return forward.input(output.name, forward.float, output.shape);
    },
  };
}
