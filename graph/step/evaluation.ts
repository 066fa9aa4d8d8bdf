/**
 * The forward half of the step, for evaluation between steps, as two graphs: one transforms the weights once
 * after they change, the other computes the logits of any number of patches from them.
 */
import { parameterSpecs } from '../../model/description.ts';
import { defaultOpset } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import { createGraph, type Graph, type Target } from '../builder.ts';
import type { Value } from '../value.ts';
import { forwardPasses, outputOf, patchesFirst, patchesInput, pixelsOf, stepNames } from './step.ts';
import { storedShape, type Weights, weightsInGraph } from './stored-parameters.ts';

interface EvaluationGraphs {
  /** From every kernel, named and stored as in a step, to LAYER.kernel.prepared. */
  readonly preparation: Graph;
  /**
   * From `patches` `[N,64,64]`, typed as in a step, the prepared kernels and the biases to `logits` `[N,C]`.
   */
  readonly forward: Graph;
}

export function evaluationGraphs(network: Network, target: Target): EvaluationGraphs {
  const settings = { opset: defaultOpset, float: 'float32', target } as const;
  const preparation = createGraph({ name: `${network.name} preparation`, ...settings });
  const forward = createGraph({ name: `${network.name} forward`, ...settings });
  const patches = patchesInput(forward, 'N');
  const weights = preparedWeights(preparation, forward, network);
  const passes = forwardPasses(forward, network, pixelsOf(forward, patches), weights);
  forward.output(patchesFirst(forward, outputOf(passes), stepNames.logits));
  return { preparation, forward };
}

/** Weights that one graph prepares and another has as inputs. */
function preparedWeights(preparation: Graph, forward: Graph, network: Network): Weights {
  const shapes = new Map(parameterSpecs(network).map(({ name, shape }) => [name, storedShape(shape)]));
  const input = (graph: Graph, name: string): Value => graph.input(name, graph.float, shapes.get(name) ?? []);
  const stored = weightsInGraph((name) => input(preparation, name));
  return {
    vector: (name) => input(forward, name),
    kernel(_, name, transform, order) {
      const prepared = stored.kernel(preparation.scope(name), name, transform, order);
      const output = preparation.node('Identity', [prepared], { name: stepNames.prepared(name) });
      preparation.output(output);
      return forward.input(output.name, forward.float, output.shape);
    },
  };
}
