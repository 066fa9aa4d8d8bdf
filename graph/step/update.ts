/**
 * Stochastic gradient descent with momentum (Sutskever et al. 2013, in the form that MatConvNet and PyTorch use):
 *
 *     v <- momentum v + gradient + weightDecay p       (no decay on biases)
 *     p <- p - learningRate v
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';

/** Scalars of a step. */
export interface StepInputs {
  readonly learningRate: Value;
  readonly momentum: Value;
  readonly weightDecay: Value;
}

export interface Updated {
  readonly parameter: Value;
  readonly velocity: Value;
}

/** `decays`: whether weight decay pulls on the parameter. `graph` is scoped by the parameter's name. */
export function updateParameter(
  graph: Graph,
  { parameter, velocity, gradient }: { parameter: Value; velocity: Value; gradient: Value },
  decays: boolean,
  { learningRate, momentum, weightDecay }: StepInputs,
): Updated {
  const kept = graph.node('Mul', [velocity, momentum], { name: 'kept' });
  const pull = decays
    ? graph.node('Add', [gradient, graph.node('Mul', [parameter, weightDecay], { name: 'decay' })])
    : gradient;
  const next = graph.node('Add', [kept, pull], { name: nextNames.velocity });
  const moved = graph.node('Mul', [next, learningRate], { name: 'move' });
  return {
    parameter: graph.node('Sub', [parameter, moved], { name: nextNames.parameter }),
    velocity: next,
  };
}

const nextNames = { parameter: 'next', velocity: 'velocity.next' } as const;
