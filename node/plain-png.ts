/**
 * Small PNGs of the plainest form, read without libvips: its fixed cost is ten times what such an image takes, and a service that is
 * sent patches one by one has little else to do. Whatever is not plain or not whole is left to the decoder, and so is every verdict.
 * By the PNG specification, third edition: w3.org/TR/png-3.
 */
import { crc32, inflateSync } from 'node:zlib';
import type { Pixels } from '../model/image.ts';

/** Beyond this libvips is as fast. */
const maxPixels = 256 * 256;

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Chunks beside IHDR, IDAT and IEND that say nothing about the pixels' meaning as 8-bit sRGB. */
const harmlessChunks: ReadonlySet<string> = new Set(['sRGB', 'pHYs', 'tEXt', 'tIME']);
/** Of colour types 0 (grey) and 2 (RGB). */
const channelsOfType: Readonly<Record<number, 1 | 3>> = { 0: 1, 2: 3 };

/** The pixels of a small 8-bit grey or RGB PNG without alpha, palette, interlacing or colour profile; undefined for all else. */
export function readPlainPng(bytes: Uint8Array): Pixels | undefined {
  if (!signature.every((byte, i) => bytes[i] === byte)) return undefined;
  const chunks = readChunks(bytes);
  const [header, ...rest] = chunks ?? [];
  if (header?.type !== 'IHDR' || rest.at(-1)?.type !== 'IEND') return undefined;
  const size = plainSize(header.data);
  const body = rest.slice(0, -1);
  const isPlain = body.every(({ type }) => type === 'IDAT' || harmlessChunks.has(type));
  if (size === undefined || !isPlain) return undefined;
  const packed = body.filter(({ type }) => type === 'IDAT').map(({ data }) => data);
  const data = unfiltered(packed, size);
  return data && { ...size, data };
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** All chunks; undefined unless they fill the file and each has its checksum. */
function readChunks(bytes: Uint8Array): readonly Chunk[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks: Chunk[] = [];
  let at = signature.length;
  while (at + 12 <= bytes.length) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length || crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end))
      return undefined;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.push({ type, data: bytes.subarray(at + 8, end) });
    at = end + 4;
  }
  return at === bytes.length ? chunks : undefined;
}

type PlainSize = Pick<Pixels, 'width' | 'height'> & { readonly channels: 1 | 3 };

function plainSize(header: Uint8Array): PlainSize | undefined {
  if (header.length !== 13) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [bits, colourType = -1, compression, filter, interlace] = header.subarray(8);
  const channels = channelsOfType[colourType];
  const isPlain = bits === 8 && compression === 0 && filter === 0 && interlace === 0;
  const isSmall = width > 0 && height > 0 && width * height <= maxPixels;
  return isPlain && isSmall && channels !== undefined ? { width, height, channels } : undefined;
}

/** The rows after inflating and undoing their filters; undefined where there are not exactly as many as there should be. */
function unfiltered(
  packed: readonly Uint8Array[],
  { width, height, channels }: PlainSize,
): Uint8Array | undefined {
  const stride = width * channels;
  const filtered = inflated(packed, height * (stride + 1));
  if (filtered === undefined) return undefined;
  const pixels = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    const filter = filtered[start] as number;
    if (filter > 4) return undefined;
    unfilterRow(filter, filtered.subarray(start + 1, start + 1 + stride), pixels, y * stride, channels);
  }
  return pixels;
}

function inflated(packed: readonly Uint8Array[], expected: number): Uint8Array | undefined {
  try {
    // A stream that gives more is not plain; the limit keeps it from growing.
    const bytes = inflateSync(Buffer.concat(packed), { maxOutputLength: expected });
    return bytes.length === expected ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** Section 9: each byte plus what its neighbours to the left and above predict, modulo 256. */
function unfilterRow(
  filter: number,
  row: Uint8Array,
  pixels: Uint8Array,
  at: number,
  channels: number,
): void {
  const stride = row.length;
  const above = at - stride;
  for (let x = 0; x < stride; x++) {
    const left = x >= channels ? (pixels[at + x - channels] as number) : 0;
    const up = above >= 0 ? (pixels[above + x] as number) : 0;
    const upLeft = above >= 0 && x >= channels ? (pixels[above + x - channels] as number) : 0;
    pixels[at + x] = (row[x] as number) + prediction(filter, left, up, upLeft);
  }
}

function prediction(filter: number, left: number, up: number, upLeft: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    default:
      return paeth(left, up, upLeft);
  }
}

/** The neighbour nearest to left + up - upLeft, ties in this order. */
function paeth(left: number, up: number, upLeft: number): number {
  const estimate = left + up - upLeft;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - upLeft)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : upLeft;
}
