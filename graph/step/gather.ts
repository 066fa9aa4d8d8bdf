/** Gathers rows of an activation by position, and its transpose, scatter-add (col2im). */
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
 * The transpose of `gatherRows`: `gradient` `[positions, width]` to `[rows, width]`. Each row is the sum of
 * its copies' gradients, always in the same order; a row without copies is zero. It is a gather of each row's
 * copies and a sum, because the order of additions in scatter operators is not fixed.
 */
export function scatterAddRows(graph: Graph, gradient: Value, positions: Positions, rows: number): Value {
  if (isIdentity(positions, rows)) return gradient;
  const copies: number[][] = Array.from({ length: rows }, () => []);
  positions.forEach((row, place) => {
    copies[row]?.push(place);
  });
  const most = Math.max(...copies.map(({ length }) => length));
  const zeroRow = positions.length;
  const padded = copies.map((places) => [...places, ...Array(most - places.length).fill(zeroRow)]);
  const isFull = copies.every(({ length }) => length === most);
  const source = isFull ? gradient : withZeroRow(graph, gradient, 'dPixels.padded');
  const indices = graph.constant(tensorOf('int64', [rows, most], padded.flat()));
  // [rows, most, width]
  const gathered = graph.node('Gather', [source, indices], { axis: 0, name: 'dPixels.gathered' });
  return graph.sum(gathered, [1], { name: 'dPixels' });
}

/** `[rows, width]` to `[rows + 1, width]` with a last row of zeros. */
function withZeroRow(graph: Graph, x: Value, name: string): Value {
  return graph.node('Pad', [x, graph.integers([0, 0, 1, 0])], { mode: 'constant', name });
}

function isIdentity(positions: Positions, rows: unknown): boolean {
  return positions.length === rows && positions.every((row, place) => row === place);
}
