/** Values of a graph: name, element type and shape, known while the graph is built. */
import { TexturaError } from '../model/error.ts';
import type { Dtype } from './onnx/format.ts';
import type { Tensor } from './tensor.ts';

/** A size, or the name of a size that is known only at run time, such as the batch `N`. */
export type Dimension = number | string;

export interface ValueType {
  readonly dtype: Dtype;
  readonly shape: readonly Dimension[];
}

export interface Value extends ValueType {
  /** Unique in its graph, derived from the layer, e.g. `conv2.output`. */
  readonly name: string;
  /** The content of a constant, so that shapes, axes and sizes that are inputs can be read. */
  readonly constant: Tensor | undefined;
}

/** An error in building a graph; the builder adds the node's name. */
export function graphFault(message: string): TexturaError {
  return new TexturaError('internal', message);
}

/** `[N,20,60,60]`, for messages. */
export function shapeText(shape: readonly Dimension[]): string {
  return `[${shape.join(',')}]`;
}

/** `axis` counted from the front; negative ones count from the back. */
export function axisOf(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || counted < 0 || counted >= rank) {
    throw graphFault(`axis ${axis} of a value with ${rank} axes`);
  }
  return counted;
}

/** A size as a number times names: `20*N` is 20 and N. */
interface SizeFactors {
  readonly known: number;
  readonly symbols: readonly string[];
}

export function sizeFactors(sizes: readonly Dimension[]): SizeFactors {
  const parts = sizes.flatMap((size) => String(size).split('*'));
  const isCount = (part: string) => /^\d+$/.test(part);
  return {
    known: parts.filter(isCount).reduce((total, part) => total * Number(part), 1),
    symbols: parts.filter((part) => !isCount(part)),
  };
}

/** Product of sizes, such as 600, `N` or `20*N`. */
export function product(sizes: readonly Dimension[]): Dimension {
  const { known, symbols } = sizeFactors(sizes);
  if (symbols.length === 0) return known;
  return [...(known === 1 ? [] : [known]), ...symbols].join('*');
}

/** A size that must be a number while building. */
export function knownSize(size: Dimension | undefined, what: string): number {
  if (typeof size === 'number') return size;
  throw graphFault(`${what} must be known while building, got ${size}`);
}
