/** Constant matrices of a graph, as lists of rows. */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';

export type Matrix = readonly (readonly number[])[];

/** The `[rows, columns]` matrix of `entry(row, column)`. */
export function matrixOf(
  rows: number,
  columns: number,
  entry: (row: number, column: number) => number,
): Matrix {
  return Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => entry(i, j)));
}

export function transposed(matrix: Matrix): Matrix {
  return matrixOf(columnsOf(matrix), matrix.length, (i, j) => matrix[j]?.[i] ?? 0);
}

/** Kronecker product: a block matrix whose block (i, j) is entry (i, j) of `a` times `b`. */
export function kronecker(a: Matrix, b: Matrix): Matrix {
  const [rows, columns] = [b.length, columnsOf(b)];
  return matrixOf(
    a.length * rows,
    columnsOf(a) * columns,
    (i, j) => (a[Math.floor(i / rows)]?.[Math.floor(j / columns)] ?? 0) * (b[i % rows]?.[j % columns] ?? 0),
  );
}

function columnsOf(matrix: Matrix): number {
  return matrix[0]?.length ?? 0;
}

/** The matrix as a constant of a graph. */
export function constantMatrix(graph: Graph, matrix: Matrix): Value {
  return graph.floats(matrix.flat(), [matrix.length, columnsOf(matrix)]);
}
