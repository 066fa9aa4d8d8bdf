/** Taking rows of an activation by their positions, and its transpose: giving each row back the sum of what was taken from it. */
import type { Graph } from '../builder.ts';
import { tensorOf } from '../tensor.ts';
import type { Value } from '../value.ts';

/** For each place of the result the row that it shows. */
export type Positions = readonly number[];

/** `x` `[rows, ...]` to `[positions, ...]`. */
export function takeRows(graph: Graph, x: Value, positions: Positions, name: string): Value {
  if (isIdentity(positions, x.shape[0])) return x;
  const indices = graph.constant(tensorOf('int64', [positions.length], positions));
  return graph.node('Gather', [x, indices], { axis: 0, name });
}

/**
 * The transpose of `takeRows`: `gradient` `[positions, width]` to `[rows, width]`. Row by row the places that showed it are taken and
 * summed, always in the same order; a row that was never taken gets zeros.
 */
export function giveRowsBack(
  graph: Graph,
  gradient: Value,
  positions: Positions,
  rows: number,
  name: string,
): Value {
  if (isIdentity(positions, rows)) return gradient;
  const takers: number[][] = Array.from({ length: rows }, () => []);
  positions.forEach((row, place) => {
    takers[row]?.push(place);
  });
  const most = Math.max(...takers.map(({ length }) => length));
  const nobody = positions.length;
  const padded = takers.map((places) => [...places, ...Array(most - places.length).fill(nobody)]);
  const isFull = takers.every(({ length }) => length === most);
  const source = isFull ? gradient : withZeroRow(graph, gradient, `${name}.padded`);
  const indices = graph.constant(tensorOf('int64', [rows, most], padded.flat()));
  const taken = graph.node('Gather', [source, indices], { axis: 0, name: `${name}.taken` });
  return graph.sum(taken, [1], { name });
}

/** `[rows, width]` to `[rows + 1, width]` with a last row of zeros. */
function withZeroRow(graph: Graph, x: Value, name: string): Value {
  return graph.node('Pad', [x, graph.integers([0, 0, 1, 0])], { mode: 'constant', name });
}

function isIdentity(positions: Positions, rows: unknown): boolean {
  return positions.length === rows && positions.every((row, place) => row === place);
}
