/** Masks of winners, joined and made numbers of. */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';

/** Bools of one shape along an axis on which each has its own part. */
export interface MaskRow {
  readonly masks: readonly Value[];
  readonly axis: number;
}

/**
 * The masks of a row joined, 1 and 0. With `within`, another row, each mask counts only where that row, joined, does too. A processor joins
 * bools, a quarter as large as numbers; WebGPU cannot, so for a GPU the masks are numbers from the start.
 */
export function joinMasks(graph: Graph, { masks, axis }: MaskRow, name: string, within?: MaskRow): Value {
  if (graph.target === 'gpu') return joinNumbers(graph, { masks, axis }, name, within);
  const common = within && graph.node('Concat', within.masks, { axis: within.axis, name: `${name}.within` });
  const counted = common === undefined ? masks : masks.map((mask) => graph.node('And', [mask, common]));
  const won = graph.node('Concat', counted, { axis, name: `${name}.won` });
  return graph.node('Cast', [won], { to: graph.float, name: `${name}.mask` });
}

function joinNumbers(graph: Graph, { masks, axis }: MaskRow, name: string, within?: MaskRow): Value {
  const common = within && joinNumbers(graph, within, `${name}.within`);
  const numbers = masks.map((mask) => graph.node('Cast', [mask], { to: graph.float }));
  const counted = common === undefined ? numbers : numbers.map((one) => graph.node('Mul', [one, common]));
  return graph.node('Concat', counted, { axis, name: `${name}.mask` });
}
