/**
 * Small PNGs of the plainest form, read without libvips: its fixed cost is a multiple of what such an image takes, and a service that is
 * sent patches one by one has little else to do. Whatever is not plain or not whole is left to the decoder, and so is every verdict.
 */
import { decode } from 'fast-png';
import type { Pixels } from '../model/image.ts';

/** Beyond this libvips is as fast. */
const maxPixels = 128 * 128;
/** Of a file beside its compressed pixels, which no encoder makes larger than they are: what it inflates to stays small. */
const maxExtraBytes = 1024;

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Chunks that say nothing about the pixels' meaning as 8-bit sRGB. */
const harmlessChunks: ReadonlySet<string> = new Set(['IHDR', 'IDAT', 'IEND', 'sRGB', 'pHYs', 'tEXt', 'tIME']);
/** Of colour types 0 (grey) and 2 (RGB). */
const channelsOfType: Readonly<Record<number, 1 | 3>> = { 0: 1, 2: 3 };

/** The pixels of a small 8-bit grey or RGB PNG without alpha, palette, interlacing or colour profile; undefined for all else. */
export function readPlainPng(bytes: Uint8Array): Pixels | undefined {
  const size = plainSize(bytes);
  if (size === undefined || !hasHarmlessChunks(bytes)) return undefined;
  try {
    const { data } = decode(bytes, { checkCrc: true });
    const expected = size.width * size.height * size.channels;
    return data instanceof Uint8Array && data.length === expected ? { ...size, data } : undefined;
  } catch {
    return undefined;
  }
}

type PlainSize = Pick<Pixels, 'width' | 'height'> & { readonly channels: 1 | 3 };

/** What the header says, where that is small and plain (PNG specification, third edition, section 11.2.1). */
function plainSize(bytes: Uint8Array): PlainSize | undefined {
  if (bytes.length < 33 || !signature.every((byte, i) => bytes[i] === byte)) return undefined;
  const view = viewOf(bytes);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [bits, colourType = -1, compression, filter, interlace] = bytes.subarray(24, 29);
  const channels = channelsOfType[colourType];
  const isPlain = bits === 8 && compression === 0 && filter === 0 && interlace === 0;
  const isSmall = width > 0 && height > 0 && width * height <= maxPixels;
  if (!isPlain || !isSmall || channels === undefined) return undefined;
  const mostBytes = (width * channels + 1) * height + maxExtraBytes;
  return bytes.length <= mostBytes ? { width, height, channels } : undefined;
}

/** Whether the file is chunks that are known here and nothing else, the last of them its end. */
function hasHarmlessChunks(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  let type = '';
  let at = signature.length;
  while (at + 12 <= bytes.length && type !== 'IEND') {
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!harmlessChunks.has(type)) return false;
    at += 12 + view.getUint32(at);
  }
  return type === 'IEND' && at === bytes.length;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
