/**
 * Where a pass takes its weights from. Inside a step a kernel is `[taps, filters, channels]`, taps row by row, so that what every
 * algorithm does to a kernel first is one matrix product over the taps.
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { constantMatrix, type Matrix } from './matrix.ts';

/** The two axes behind the taps: as they are held, or turned around for the way back. */
export type KernelOrder = 'filters-channels' | 'channels-filters';

export interface Weights {
  /** `mix` `[rows, taps]` times the kernel: `[rows, filters, channels]` or turned; without `mix` the kernel itself. */
  kernel(graph: Graph, name: string, mix: Matrix | undefined, order: KernelOrder): Value;
  /** `[filters]`. */
  bias(name: string): Value;
}

/** Weights that are values of the same graph, such as its inputs. */
export function weightsInGraph(parameter: (name: string) => Value): Weights {
  return {
    bias: parameter,
    kernel(graph, name, mix, order) {
      const held = parameter(name);
      const isTurned = order === 'channels-filters';
      const kernel = isTurned ? graph.node('Transpose', [held], { perm: [0, 2, 1], name: 'turned' }) : held;
      if (mix === undefined) return kernel;
      const [taps = 1, ...sizes] = kernel.shape as readonly number[];
      const mixed = graph.node('MatMul', [constantMatrix(graph, mix), graph.reshape(kernel, [taps, -1])]);
      return graph.reshape(mixed, [mix.length, ...sizes]);
    },
  };
}
