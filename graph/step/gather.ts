/** Gathering rows of an activation by their positions, and the transpose of it: scatter-add (the step from columns to image, col2im). */
import type { Graph } from '../builder.ts';
import { tensorOf } from '../tensor.ts';
import type { Value } from '../value.ts';

/** For each row of the result, the row of the source that it copies. */
export type Positions = readonly number[];

/** `x` `[rows, ...]` to `[positions, ...]`. */
export function gatherRows(graph: Graph, x: Value, positions: Positions, name: string): Value {
  if (isIdentity(positions, x.shape[0])) return x;
  const indices = graph.constant(tensorOf('int64', [positions.length], positions));
  return graph.node('Gather', [x, indices], { axis: 0, name });
}

/**
 * The transpose of `gatherRows`: `gradient` `[positions, width]` to `[rows, width]`, each row the sum of its copies' gradients, always
 * added in the same order; a row without copies gets zeros. Written as a gather of each row's copies and a sum over them, because
 * scatter operators add in no fixed order.
 */
export function scatterAddRows(
  graph: Graph,
  gradient: Value,
  positions: Positions,
  rows: number,
  name: string,
): Value {
  if (isIdentity(positions, rows)) return gradient;
  const copies: number[][] = Array.from({ length: rows }, () => []);
  positions.forEach((row, place) => {
    copies[row]?.push(place);
  });
  const most = Math.max(...copies.map(({ length }) => length));
  const zeroRow = positions.length;
  const padded = copies.map((places) => [...places, ...Array(most - places.length).fill(zeroRow)]);
  const isFull = copies.every(({ length }) => length === most);
  const source = isFull ? gradient : withZeroRow(graph, gradient, `${name}.padded`);
  const indices = graph.constant(tensorOf('int64', [rows, most], padded.flat()));
  const gathered = graph.node('Gather', [source, indices], { axis: 0, name: `${name}.gathered` }); // [rows, most, width]
  return graph.sum(gathered, [1], { name });
}

/** `[rows, width]` to `[rows + 1, width]` with a last row of zeros. */
function withZeroRow(graph: Graph, x: Value, name: string): Value {
  return graph.node('Pad', [x, graph.integers([0, 0, 1, 0])], { mode: 'constant', name });
}

function isIdentity(positions: Positions, rows: unknown): boolean {
  return positions.length === rows && positions.every((row, place) => row === place);
}
