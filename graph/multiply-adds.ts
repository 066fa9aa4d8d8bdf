/** What a graph multiplies, so that its cost can be told before it runs. */
import type { GraphNode } from './builder.ts';
import { knownSize, type ValueType } from './value.ts';

/** Multiply-adds of a node whose sizes are all known: those of a matrix product; other operators count as none. */
export function multiplyAddsOf({ operator, inputs: [left], outputs: [product] }: GraphNode): number {
  if (operator !== 'MatMul' || left === undefined || product === undefined) return 0;
  return volumeOf(product) * knownSize(left.shape.at(-1), 'the inner size of a product');
}

function volumeOf({ shape }: ValueType): number {
  return shape.reduce<number>((count, size) => count * knownSize(size, 'a size of a product'), 1);
}
