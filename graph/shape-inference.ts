/** Infers the output shapes of the ONNX operators that the graphs use (onnx.ai, "Operators"). */
import { integersOf } from './tensor.ts';
import {
  axisOf,
  type Dimension,
  graphFault,
  knownSize,
  product,
  shapeText,
  sizeFactors,
  type Value,
} from './value.ts';

type Sizes = readonly Dimension[];

/** Multidirectional broadcasting: shapes are aligned at the last axis; a size of 1 is repeated. */
export function broadcastShapes(shapes: readonly Sizes[]): Sizes {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const [stretched = 1, ...others] = new Set(sizes.filter((size) => size !== 1));
    if (others.length > 0) throw graphFault(`${shapes.map(shapeText).join(' and ')} do not broadcast`);
    return stretched;
  });
}

/** Stacks of matrices `[..., m, k]` x `[..., k, n]`; the leading axes broadcast. */
export function matMulShape(a: Sizes, b: Sizes): Sizes {
  if (a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-2)) {
    throw graphFault(`${shapeText(a)} x ${shapeText(b)}: inner sizes differ`);
  }
  return [...broadcastShapes([a.slice(0, -2), b.slice(0, -2)]), a.at(-2) ?? 1, b.at(-1) ?? 1];
}

export function transposeShape(shape: Sizes, permutation: readonly number[]): Sizes {
  const isPermutation = shape.every((_, axis) => permutation.includes(axis));
  if (permutation.length !== shape.length || !isPermutation) {
    throw graphFault(`[${permutation}] does not permute the axes of ${shapeText(shape)}`);
  }
  return permutation.map((axis) => shape[axis] ?? 1);
}

/** The shape after Reshape: in `target` 0 keeps the input's size and one -1 takes the remaining size. */
export function reshapeShape(shape: Sizes, target: readonly number[]): Sizes {
  const mismatch = () => graphFault(`${shapeText(shape)} does not reshape to [${target}]`);
  const copied = target.map((size, axis) => (size === 0 ? (shape[axis] ?? 1) : size));
  const given = copied.filter((size) => size !== -1);
  const rest = quotient(shape, given);
  if (rest === undefined || (given.length === copied.length && rest !== 1)) throw mismatch();
  return copied.map((size) => (size === -1 ? rest : size));
}

/** The product of `sizes` divided by the product of `divisors`; undefined if the result is not a size. */
function quotient(sizes: Sizes, divisors: Sizes): Dimension | undefined {
  const [dividend, divisor] = [sizeFactors(sizes), sizeFactors(divisors)];
  const left = [...dividend.symbols];
  for (const symbol of divisor.symbols) {
    if (!left.includes(symbol)) return undefined;
    left.splice(left.indexOf(symbol), 1);
  }
  const ratio = dividend.known / divisor.known;
  return Number.isInteger(ratio) ? product([ratio, ...left]) : undefined;
}

export function concatShape(shapes: readonly Sizes[], axis: number): Sizes {
  const [first = []] = shapes;
  const at = axisOf(axis, first.length);
  const alike = shapes.every(
    (shape) => shape.length === first.length && shape.every((size, i) => i === at || size === first[i]),
  );
  if (!alike) throw graphFault(`${shapes.map(shapeText).join(', ')} differ outside axis ${axis}`);
  const [only = 1, ...others] = shapes.map((shape) => shape[at] ?? 1);
  const sum = others.reduce(
    (total: Dimension, size) => knownSize(total, 'a joined axis') + knownSize(size, 'a joined axis'),
    only,
  );
  return first.with(at, sum);
}

export function splitShapes(shape: Sizes, axis: number, sizes: readonly number[]): readonly Sizes[] {
  const at = axisOf(axis, shape.length);
  if (sizes.reduce((sum, size) => sum + size, 0) !== shape[at]) {
    throw graphFault(`axis ${axis} of ${shapeText(shape)} does not split into [${sizes}]`);
  }
  return sizes.map((size) => shape.with(at, size));
}

/** The axis is replaced by the axes of the indices. */
export function gatherShape(shape: Sizes, indices: Sizes, axis: number): Sizes {
  const at = axisOf(axis, shape.length);
  return [...shape.slice(0, at), ...indices, ...shape.slice(at + 1)];
}

export function reduceShape(shape: Sizes, axes: readonly number[], keepsAxes: boolean): Sizes {
  const reduced = new Set(axes.map((axis) => axisOf(axis, shape.length)));
  return keepsAxes
    ? shape.map((size, axis) => (reduced.has(axis) ? 1 : size))
    : shape.filter((_, axis) => !reduced.has(axis));
}

interface Window {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  /** Padding at the beginning of each axis, then at the end of each axis, as in ONNX. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** Spatial sizes after sliding a window; an incomplete last step is dropped. */
export function slideShape(spatial: Sizes, { size, strides, pads, dilations }: Window): readonly number[] {
  const rank = spatial.length;
  const fits = [size, strides, dilations].every(({ length }) => length === rank) && pads.length === 2 * rank;
  if (!fits) throw graphFault(`a window of ${size.length} axes does not match ${shapeText(spatial)}`);
  return spatial.map((input, axis) => {
    const padded = knownSize(input, 'a spatial size') + (pads[axis] ?? 0) + (pads[axis + rank] ?? 0);
    const reach = (dilations[axis] ?? 1) * ((size[axis] ?? 1) - 1) + 1;
    const steps = Math.floor((padded - reach) / (strides[axis] ?? 1)) + 1;
    if (steps < 1) throw graphFault(`a window of [${size}] does not fit into ${shapeText(spatial)}`);
    return steps;
  });
}

export function padShape(shape: Sizes, pads: readonly number[]): Sizes {
  if (pads.length !== 2 * shape.length) throw graphFault(`${pads.length} pads for ${shapeText(shape)}`);
  return shape.map((size, axis) => {
    const added = (pads[axis] ?? 0) + (pads[axis + shape.length] ?? 0);
    return added === 0 ? size : knownSize(size, 'a padded axis') + added;
  });
}

/** Slices with step 1; ends past the axis are clamped. */
export function sliceShape(
  shape: Sizes,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
): Sizes {
  return axes.reduce((sliced: Sizes, axis, i) => {
    const at = axisOf(axis, shape.length);
    const size = knownSize(shape[at], 'a sliced axis');
    const clamp = (position: number) =>
      Math.min(Math.max(position < 0 ? position + size : position, 0), size);
    return sliced.with(at, Math.max(clamp(ends[i] ?? size) - clamp(starts[i] ?? 0), 0));
  }, shape);
}

/** The integers of a constant input. */
export function constantIntegers(value: Value, what: string): readonly number[] {
  if (value.constant === undefined) throw graphFault(`${what} must be a constant, got ${value.name}`);
  return integersOf(value.constant);
}
