/** Bias and ReLU: both act place by place. After a max pooling they give what they would have given before it, for less work. */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import type { Activation, Pass } from './activation.ts';
import type { Weights } from './weights.ts';

/** y = x + bias of the channel; the bias gets the sum of its channel's gradients. */
export function addBias(graph: Graph, x: Activation, name: string, weights: Weights): Pass {
  const column = graph.reshape(weights.bias(name), [x.channels, 1]);
  const value = graph.node('Add', [x.value, column], { name: 'biased' });
  return {
    output: { ...x, value },
    gradient: (outputGradient) => ({
      parameters: { [name]: graph.sum(outputGradient, [0, 1, 3], { name: 'bias.gradient' }) },
      input: () => outputGradient,
    }),
  };
}

/** y = max(x, 0); the gradient passes where y is positive. */
export function addRelu(graph: Graph, x: Activation): Pass {
  const value = graph.node('Relu', [x.value], { name: 'output' });
  const input = (outputGradient: Value) => {
    const isPositive = graph.node('Greater', [value, graph.scalar(0)], { name: 'positive' });
    const mask = graph.node('Cast', [isPositive], { to: graph.float, name: 'mask' });
    return graph.node('Mul', [mask, outputGradient], { name: 'gradient' });
  };
  return {
    output: { ...x, value },
    gradient: (outputGradient) => ({ parameters: {}, input: () => input(outputGradient) }),
  };
}
