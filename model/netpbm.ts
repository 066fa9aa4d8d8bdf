/**
 * Decodes PBM, PGM and PPM, as text and binary (Netpbm's pbm(5), pgm(5), ppm(5)), which microscopes,
 * scientific tools and texture sets write. Neither the libvips that comes with sharp nor browsers decode
 * them, so trainer, service and page share this decoder.
 */
import type { Pixels } from './image.ts';
import {
  type Damaged,
  damagedImage,
  type ImageKind,
  requirePixelLimit,
  unsupportedForm,
} from './image-kind.ts';
import { levelTable, pixelsFromDeep } from './sample-depth.ts';

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Maximum sample value; 1 for a PBM, in which 1 is black. */
  readonly largest: number;
  readonly isBitmap: boolean;
  readonly isText: boolean;
  /** Byte offset of the samples. */
  readonly start: number;
}

/**
 * Decodes the first image of the file. Messages call it `name`.
 * Errors: `image-damaged`, `image-type-unsupported`, and `image-too-large` before it allocates the pixels.
 */
export function readNetpbm(bytes: Uint8Array, kind: ImageKind, name: string, maxPixels: number): Pixels {
  const damaged = (reason: string) => damagedImage(kind, name, reason);
  const picture = headerOf(bytes, damaged);
  const { width, height, channels, largest, isBitmap, isText, start } = picture;
  if (largest > 65_535) throw unsupportedForm(kind, name, `its maximum value is ${largest}, more than 65535`);
  requirePixelLimit(picture, name, maxPixels);
  const count = width * height * channels;
  // Text needs a digit per sample and, except in a PBM, white space between samples.
  const leastBytes = isText ? (isBitmap ? count : 2 * count - 1) : rasterBytes(picture);
  const restBytes = Math.max(0, bytes.length - start);
  if (restBytes < leastBytes) {
    throw damaged(`${width}x${height} pixels need ${leastBytes} bytes, the file has ${restBytes}`);
  }
  const samples = isText
    ? textSamples(bytes, picture, damaged)
    : isBitmap
      ? bitSamples(bytes, picture)
      : byteSamples(bytes, picture);
  if (samples instanceof Uint16Array && largest === 65_535) {
    return pixelsFromDeep({ data: samples, width, height, channels });
  }
  const levels = levelTable(largest);
  const data = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const sample = samples[i] as number;
    if (sample > largest) throw damaged(`a sample of ${sample} where ${largest} is the largest`);
    const level = levels[sample] as number;
    data[i] = isBitmap ? 255 - level : level;
  }
  return { data, width, height, channels };
}

function headerOf(bytes: Uint8Array, damaged: Damaged): Picture {
  const form = (bytes[1] ?? 0) - 0x30;
  const isBitmap = form % 3 === 1;
  const reader = { at: 2 };
  const width = nextNumber(bytes, reader, damaged);
  const height = nextNumber(bytes, reader, damaged);
  const largest = isBitmap ? 1 : nextNumber(bytes, reader, damaged);
  if (width === 0 || height === 0) throw damaged(`its header says ${width}x${height} pixels`);
  if (largest === 0) throw damaged('the maximum value in its header is 0');
  const isText = form <= 3;
  // The header ends in one byte of white space; in text forms more may follow.
  return { width, height, channels: form % 3 === 0 ? 3 : 1, largest, isBitmap, isText, start: reader.at + 1 };
}

const [lineFeed, carriageReturn, hash, zero] = [0x0a, 0x0d, 0x23, 0x30];
const isSpace = (byte: number | undefined) =>
  byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13);
const isDigit = (byte: number | undefined) => byte !== undefined && byte >= zero && byte < zero + 10;

/** Skips white space and comments. */
function skipSpace(bytes: Uint8Array, reader: { at: number }): void {
  for (;;) {
    if (isSpace(bytes[reader.at])) reader.at++;
    else if (bytes[reader.at] !== hash) return;
    else while (reader.at < bytes.length && !isLineEnd(bytes[reader.at])) reader.at++;
  }
}

const isLineEnd = (byte: number | undefined) => byte === lineFeed || byte === carriageReturn;

/** Reads the next number. Errors: `damaged` for a number that no header can contain. */
function nextNumber(bytes: Uint8Array, reader: { at: number }, damaged: Damaged): number {
  skipSpace(bytes, reader);
  let value = 0;
  const start = reader.at;
  for (; isDigit(bytes[reader.at]); reader.at++) {
    value = 10 * value + (bytes[reader.at] as number) - zero;
    if (value > 2 ** 31) throw damaged('it contains a number that is too large');
  }
  if (reader.at > start) return value;
  throw damaged(
    reader.at < bytes.length
      ? 'it has something else where a number is expected'
      : 'it ends where a number is expected',
  );
}

function textSamples(
  bytes: Uint8Array,
  { width, height, channels, largest, isBitmap, start }: Picture,
  damaged: Damaged,
): Uint8Array | Uint16Array {
  const count = width * height * channels;
  const samples = largest > 255 ? new Uint16Array(count) : new Uint8Array(count);
  const reader = { at: start };
  for (let i = 0; i < count; i++) {
    const sample = isBitmap ? nextBit(bytes, reader, damaged) : nextNumber(bytes, reader, damaged);
    if (sample > largest) throw damaged(`a sample of ${sample} where ${largest} is the largest`);
    samples[i] = sample;
  }
  return samples;
}

/** A PBM's digits need no white space between them. */
function nextBit(bytes: Uint8Array, reader: { at: number }, damaged: Damaged): number {
  skipSpace(bytes, reader);
  const bit = (bytes[reader.at++] ?? 0) - zero;
  if (bit !== 0 && bit !== 1) throw damaged('it has something else where 0 or 1 is expected');
  return bit;
}

const rowBytesOfBits = (width: number) => Math.ceil(width / 8);

function rasterBytes({ width, height, channels, largest, isBitmap }: Picture): number {
  return isBitmap ? rowBytesOfBits(width) * height : width * height * channels * (largest > 255 ? 2 : 1);
}

/** Eight pixels per byte, most significant bit first; rows are padded to whole bytes. */
function bitSamples(bytes: Uint8Array, { width, height, start }: Picture): Uint8Array {
  const samples = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const row = start + y * rowBytesOfBits(width);
    for (let x = 0; x < width; x++) samples[i++] = ((bytes[row + (x >> 3)] as number) >> (7 - (x & 7))) & 1;
  }
  return samples;
}

/** One byte per sample, or two in big-endian order. */
function byteSamples(bytes: Uint8Array, picture: Picture): Uint8Array | Uint16Array {
  const { largest, start } = picture;
  const raster = bytes.subarray(start, start + rasterBytes(picture));
  if (largest <= 255) return raster;
  const samples = new Uint16Array(raster.length / 2);
  for (let i = 0; i < samples.length; i++) {
    samples[i] = ((raster[2 * i] as number) << 8) | (raster[2 * i + 1] as number);
  }
  return samples;
}
