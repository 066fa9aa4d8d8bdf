/**
 * Zero mean and unit variance for every patch: y = (x - mean) / s with s = sqrt(variance + floor).
 *
 * The way back (as for batch normalisation, Ioffe and Szegedy 2015, section 3): the mean takes the mean of the gradient out, and the
 * deviation, of which y / count is the gradient, takes out the part along y:
 *
 *     dx = (dy - mean(dy) - y mean(dy y)) / s
 */
import type { Graph } from '../builder.ts';
import { graphFault, type Value } from '../value.ts';
import { type Activation, isWhole, type Pass } from './activation.ts';

export function addStandardise(graph: Graph, x: Activation, varianceFloor: number): Pass {
  if (!isWhole(x)) throw graphFault('standardise: rows or columns of its input are not valid');
  const share = graph.scalar(1 / (x.rows.valid * x.columns.valid));
  const mean = (value: Value, name: string) => {
    const sum = graph.sum(value, [0, 1], { keepsAxes: true, name: `${name}.sum` });
    return graph.node('Mul', [sum, share], { name });
  };
  const centred = graph.node('Sub', [x.value, mean(x.value, 'mean')], { name: 'centred' });
  const squared = graph.node('Mul', [centred, centred], { name: 'squared' });
  const floored = graph.node('Add', [mean(squared, 'variance'), graph.scalar(varianceFloor)]);
  const deviation = graph.node('Sqrt', [floored], { name: 'deviation' });
  const value = graph.node('Div', [centred, deviation], { name: 'output' });

  function input(outputGradient: Value): Value {
    const shifted = graph.node('Sub', [outputGradient, mean(outputGradient, 'gradient.mean')]);
    const along = mean(graph.node('Mul', [outputGradient, value]), 'gradient.along');
    const upright = graph.node('Sub', [shifted, graph.node('Mul', [value, along])]);
    return graph.node('Div', [upright, deviation], { name: 'input.gradient' });
  }
  return {
    output: { ...x, value },
    gradient: (outputGradient) => ({ parameters: {}, input: () => input(outputGradient) }),
  };
}
