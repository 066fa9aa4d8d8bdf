/** Pictures and picture files for tests, with pixels that identify position and channel. */
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import type { GreyImage } from '../../model/image.ts';
import { drawTexture } from '../../textures/textures.ts';

export interface RgbPicture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A grey picture with a level for each place. */
export function pictureOf(width: number, height: number, level: (x: number, y: number) => number): GreyImage {
  const data = Uint8Array.from({ length: width * height }, (_, i) => level(i % width, Math.floor(i / width)));
  return { data, width, height };
}

/** A picture that no rotation, flip or swap of channels leaves as it is, and that differs with `variety`. */
export function rgbPicture(width: number, height: number, variety = 0): RgbPicture {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      data[at] = 40 + (150 * x) / width + (variety % 50);
      data[at + 1] = 20 + (200 * y) / height;
      data[at + 2] = (variety * 37) % 256;
    }
  }
  return { data, width, height };
}

/** A picture of three equal channels, and so of one. */
export function greyAsRgb({ data, width, height }: RgbPicture): RgbPicture {
  return { data: data.map((_, i) => data[i - (i % 3)] as number), width, height };
}

export function encoder({ data, width, height }: RgbPicture): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** A PPM as bytes. */
export function ppmOfRgb({ data, width, height }: RgbPicture): Buffer {
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), data]);
}

/** A PGM of 16 bits from samples. */
export function pgmOf16(samples: Uint16Array, width: number): Buffer {
  const bytes = Buffer.from(samples.slice().buffer).swap16();
  return Buffer.concat([Buffer.from(`P5\n${width} ${samples.length / width}\n65535\n`), bytes]);
}

/** The bytes of a small PNG; different for each `variety` up to 12,800. */
export function pngFile(variety: number, width = 70, height = 66): Promise<Buffer> {
  return encoder(rgbPicture(width, height, variety))
    .png({ compressionLevel: 1 })
    .toBuffer();
}

export const pngColourTypes = { grey: 0, rgb: 2, palette: 3, greyAlpha: 4, rgba: 6 } as const;

/** A PNG from packed rows of samples (big-endian for 16 bits), by the specification and without a library. */
export function rawPng(
  width: number,
  height: number,
  bits: 1 | 8 | 16,
  type: number,
  rows: Buffer,
  before: readonly Buffer[] = [],
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = bits;
  header[9] = type;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...before,
    pngChunk('IDAT', pngPixels(height, rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Rows with filter 0, deflated. */
export function pngPixels(height: number, rows: Buffer): Buffer {
  const stride = rows.length / height;
  const filtered = Array.from({ length: height }, (_, y) =>
    Buffer.concat([Buffer.alloc(1), rows.subarray(y * stride, (y + 1) * stride)]),
  );
  return deflateSync(Buffer.concat(filtered));
}

export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(8 + body.length);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return chunk;
}

export interface TiffPage {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  /** 1 unsigned, 2 signed, 3 floating point. */
  readonly sampleFormat: number;
  readonly samples: Buffer;
}

/** A little-endian, uncompressed, single-channel TIFF of one or more pages (TIFF 6.0, section 2). */
export function rawTiff(pages: readonly TiffPage[]): Buffer {
  const head = Buffer.from('II*\0\0\0\0\0', 'latin1');
  const parts: Buffer[] = [head];
  let length = head.length;
  let link: { readonly buffer: Buffer; readonly at: number } = { buffer: head, at: 4 };
  for (const { width, height, bits, sampleFormat, samples } of pages) {
    const tags: readonly (readonly [tag: number, type: number, value: number])[] = [
      [256, 4, width],
      [257, 4, height],
      [258, 3, bits],
      [259, 3, 1],
      [262, 3, 1],
      [273, 4, length],
      [277, 3, 1],
      [278, 4, height],
      [279, 4, samples.length],
      [339, 3, sampleFormat],
    ];
    const directory = Buffer.alloc(2 + 12 * tags.length + 4);
    directory.writeUInt16LE(tags.length, 0);
    tags.forEach(([tag, type, value], i) => {
      directory.writeUInt16LE(tag, 2 + 12 * i);
      directory.writeUInt16LE(type, 4 + 12 * i);
      directory.writeUInt32LE(1, 6 + 12 * i);
      directory.writeUInt32LE(value, 10 + 12 * i);
    });
    link.buffer.writeUInt32LE(length + samples.length, link.at);
    link = { buffer: directory, at: directory.length - 4 };
    parts.push(samples, directory);
    length += samples.length + directory.length;
  }
  return Buffer.concat(parts);
}

/**
 * How a viewer shows a picture with an EXIF orientation (Exif 2.32, table 6): the stored pixels, moved by
 * hand.
 */
export function oriented({ data, width, height }: GreyImage, orientation: number): GreyImage {
  const swapped = orientation >= 5;
  const shown = { width: swapped ? height : width, height: swapped ? width : height };
  const out = new Uint8Array(data.length);
  for (let y = 0; y < shown.height; y++) {
    for (let x = 0; x < shown.width; x++) {
      const [storedX, storedY] = storedAt(x, y, width, height, orientation);
      out[y * shown.width + x] = data[storedY * width + storedX] as number;
    }
  }
  return { data: out, ...shown };
}

function storedAt(
  x: number,
  y: number,
  width: number,
  height: number,
  orientation: number,
): [number, number] {
  const right = width - 1;
  const bottom = height - 1;
  const places: Readonly<Record<number, [number, number]>> = {
    1: [x, y],
    2: [right - x, y],
    3: [right - x, bottom - y],
    4: [x, bottom - y],
    5: [y, x],
    6: [y, bottom - x],
    7: [right - y, bottom - x],
    8: [right - y, x],
  };
  return places[orientation] ?? [x, y];
}

/** A coloured picture with structure at every scale. */
export function colourPicture(width: number, height: number): Sharp {
  const { data } = drawTexture('marble', 6, 2, width, height);
  const { data: other } = drawTexture('plaid', 6, 3, width, height);
  const pixels = Buffer.from(Array.from(data).flatMap((level, i) => [level, other[i] ?? 0, 255 - level]));
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}
