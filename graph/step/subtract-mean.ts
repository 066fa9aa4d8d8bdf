/** One grey level off every pixel: y = x - mean, and dx = dy. */
import type { Graph } from '../builder.ts';
import type { Activation, Pass } from './activation.ts';

export function addSubtractMean(graph: Graph, x: Activation, meanGrey: number): Pass {
  const value = graph.node('Sub', [x.value, graph.scalar(meanGrey)], { name: 'output' });
  return {
    output: { ...x, value },
    gradient: (outputGradient) => ({ parameters: {}, input: () => outputGradient }),
  };
}
