/** Constant tensors of a graph, stored as the little-endian bytes that an ONNX file stores. */
import { TexturaError } from '../model/error.ts';
import { volume } from '../model/layer.ts';
import { float16Bits, float16Value } from './float16.ts';
import { type Dtype, dtypes } from './onnx/format.ts';

/** Float type of a graph: float32, or float64 for gradient checks. */
export type FloatDtype = 'float32' | 'float64';

export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

/** All but float16, which has a function of its own, so that the page leaves it out. */
type WrittenDtype = Exclude<Dtype, 'float16'>;

const writers: { readonly [D in WrittenDtype]: (view: DataView, at: number, value: number) => void } = {
  float32: (view, at, value) => view.setFloat32(at, value, true),
  float64: (view, at, value) => view.setFloat64(at, value, true),
  uint8: (view, at, value) => view.setUint8(at, value),
  int8: (view, at, value) => view.setInt8(at, value),
  int32: (view, at, value) => view.setInt32(at, value, true),
  int64: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  bool: (view, at, value) => view.setUint8(at, value === 0 ? 0 : 1),
};

/**
 * A tensor of `values` in row-major order; integers must be whole, bools 0 or 1. Errors: `internal` if the
 * count differs.
 */
export function tensorOf(dtype: WrittenDtype, shape: readonly number[], values: ArrayLike<number>): Tensor {
  if (values.length !== volume(shape)) {
    throw new TexturaError(
      'internal',
      `tensor [${shape}]: expected ${volume(shape)} values, got ${values.length}`,
    );
  }
  const size = dtypes[dtype].bytes;
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  const write = writers[dtype];
  for (let i = 0; i < values.length; i++) write(view, i * size, values[i] as number);
  return { dtype, shape, bytes };
}

/** `values` in row-major order, rounded to float16. */
export function float16Tensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  const bytes = new Uint8Array(2 * volume(shape));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setUint16(2 * i, float16Bits(values[i] as number), true);
  return { dtype: 'float16', shape, bytes };
}

const readers: { readonly [D in Dtype]: (view: DataView, at: number) => number } = {
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
  float16: (view, at) => float16Value(view.getUint16(at, true)),
  uint8: (view, at) => view.getUint8(at),
  int8: (view, at) => view.getInt8(at),
  int32: (view, at) => view.getInt32(at, true),
  int64: (view, at) => Number(view.getBigInt64(at, true)),
  bool: (view, at) => view.getUint8(at),
};

/** The values of a tensor in row-major order. */
export function valuesOf({ dtype, shape, bytes }: Tensor): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: volume(shape) }, (_, i) => readers[dtype](view, i * dtypes[dtype].bytes));
}

/** As `valuesOf`, of int64 values only, without the readers of all types, which the page leaves out. */
export function integersOf({ bytes }: Tensor): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
}

export function sameTensor(a: Tensor, b: Tensor): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, i) => size === b.shape[i]) &&
    a.bytes.every((byte, i) => byte === b.bytes[i])
  );
}

/** FNV-1a hash of type, shape and bytes. */
export function tensorHash({ dtype, shape, bytes }: Tensor): number {
  let hash = 0x811c9dc5 ^ dtypes[dtype].code;
  for (const size of shape) hash = Math.imul(hash ^ size, 0x01000193);
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
