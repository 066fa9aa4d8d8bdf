/**
 * The safetensors format (huggingface.co/docs/safetensors): 8 bytes of header length (little-endian), a JSON
 * header, then the tensors. Supports only the types that Textura stores: float32, int32 and bytes.
 */
import { z } from 'zod';
import { TexturaError } from './error.ts';
import { volume } from './layer.ts';

const kinds = {
  F32: { bytes: 4, view: Float32Array },
  I32: { bytes: 4, view: Int32Array },
  U8: { bytes: 1, view: Uint8Array },
} as const;

type StoredType = keyof typeof kinds;
type TensorData = Float32Array | Int32Array | Uint8Array;

export interface StoredTensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: TensorData;
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const tensorEntry = z.strictObject({
  dtype: z.enum(Object.keys(kinds) as [StoredType, ...StoredType[]]),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const metadataEntry = z.record(z.string(), z.string());

/** Encodes tensors in the order given; the same input gives the same bytes. */
export function encodeTensors({ tensors, metadata }: TensorFile): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    if (data.length !== volume(shape)) {
      throw new TexturaError(
        'internal',
        `tensor ${name}: [${shape}] needs ${volume(shape)} values, got ${data.length}`,
      );
    }
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // The format requires tensors aligned to 8 bytes, so the header is padded with spaces.
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8 + text.length, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(text, 8);
  let at = 8 + headerBytes;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/** Decodes a file. Errors: `file-damaged`, naming `where` and what is wrong. */
export function decodeTensors(file: Uint8Array, where: string): TensorFile {
  const damaged = (what: string, cause?: unknown) =>
    new TexturaError('file-damaged', `${where}: not a valid safetensors file: ${what}`, { cause });
  if (file.length < 8) throw damaged(`${file.length} bytes`);
  const headerBytes = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  if (headerBytes > file.length - 8)
    throw damaged(`its header ends ${headerBytes - file.length + 8} bytes past the end`);
  let header: Record<string, unknown>;
  try {
    header = z
      .record(z.string(), z.unknown())
      .parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, 8 + headerBytes))));
  } catch (cause) {
    throw damaged('its header is not JSON', cause);
  }
  const body = file.subarray(8 + headerBytes);
  const { __metadata__: rawMetadata = {}, ...entries } = header;
  const metadata = metadataEntry.safeParse(rawMetadata);
  if (!metadata.success) throw damaged('its metadata is not an object of strings');
  const tensors = Object.entries(entries).map(([name, raw]): [string, StoredTensor] => {
    const entry = tensorEntry.safeParse(raw);
    if (!entry.success) throw damaged(`the entry of ${name} is invalid`, entry.error);
    const {
      dtype,
      shape,
      data_offsets: [start, end],
    } = entry.data;
    const expected = volume(shape) * kinds[dtype].bytes;
    if (end - start !== expected || end > body.length) {
      throw damaged(
        `${name}: expected ${expected} bytes for ${dtype} [${shape}], got ${Math.max(0, Math.min(end, body.length) - start)}`,
      );
    }
    // A copy is aligned at any offset of `file` in its buffer. (`slice` does not copy a Node Buffer.)
    const copy = new Uint8Array(body.subarray(start, end));
    return [name, { shape, data: new kinds[dtype].view(copy.buffer) }];
  });
  return { tensors: new Map(tensors), metadata: metadata.data };
}

function dtypeOf(data: TensorData): StoredType {
  if (data instanceof Float32Array) return 'F32';
  return data instanceof Int32Array ? 'I32' : 'U8';
}
