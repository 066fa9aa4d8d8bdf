import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { TexturaError } from '../../model/error.ts';
import { greyFromPixels } from '../../model/image.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { readImageFile } from '../../node/image-file.ts';
import { bmpOfRgb } from '../support/bmp.ts';
import { rawFiles } from '../support/camera-raw.ts';
import { encoder, pngColourTypes, ppmOfRgb, rawPng, rawTiff, rgbPicture } from '../support/pictures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const [width, height] = [97, 66];
const picture = rgbPicture(width, height, 5);
const grey = greyFromPixels({ ...picture, channels: 3 });

async function fault(bytes: Uint8Array, name = 'photo', maxPixels?: number): Promise<TexturaError> {
  const limits = maxPixels === undefined ? undefined : { maxPixels };
  const error = await decodeImage(bytes, name, limits).catch((thrown: unknown) => thrown);
  if (!(error instanceof TexturaError)) throw new Error(`expected a fault, got ${String(error)}`);
  return error;
}

function withoutLast(bytes: Uint8Array, share: number): Uint8Array {
  return bytes.subarray(0, Math.floor(bytes.length * share));
}

describe('a file that is not a supported image is rejected by name', () => {
  const box = (...brands: string[]) => {
    const body = Buffer.from(`ftyp${brands[0]}\0\0\0\0${brands.join('')}`, 'latin1');
    return Buffer.concat([Buffer.from([0, 0, 0, 4 + body.length]), body, Buffer.alloc(40)]);
  };
  test.each<[string, Uint8Array, RegExp]>([
    ['text', Buffer.from('class,file\n'), /expected an image/],
    ['one byte', Buffer.from([0xff]), /expected an image/],
    ['a drawing', Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG/],
    ['a drawing without a prolog', Buffer.from('  <svg width="9" height="9"></svg>'), /SVG/],
    ['a page of the web', Buffer.from('<!DOCTYPE html><p>404</p>'), /expected an image/],
    ['a document', Buffer.from('%PDF-1.7\n'), /PDF/],
    ["a camera's raw file", rawFiles['Nikon raw'] as Buffer, /Nikon raw files.*convert it to JPEG or PNG/],
    ['a raw file of no make', rawFiles['DNG (camera raw)'] as Buffer, /DNG.*convert it to JPEG or PNG/],
    ["an iPhone's photograph", box('heic', 'mif1'), /HEIC.*convert it to JPEG or PNG/],
    ['a video', box('isom', 'mp42'), /expected an image/],
    ['a JPEG XL', Buffer.from([0xff, 0x0a, 1, 2]), /JPEG XL/],
    [
      'floating-point samples',
      rawTiff([{ width: 5, height: 3, bits: 32, sampleFormat: 3, samples: Buffer.alloc(60) }]),
      /8 or 16 bits, got float/,
    ],
  ])('%s', async (_, bytes, message) => {
    const error = await fault(bytes, 'photo.png');
    expect(error.code).toBe('image-type-unsupported');
    expect(error.message).toMatch(/^photo\.png: /);
    expect(error.message).toMatch(message);
  });
});

describe('a truncated file is an error, not half an image', () => {
  const kinds: readonly [string, (image: Sharp) => Sharp][] = [
    ['JPEG', (image) => image.jpeg()],
    ['progressive JPEG', (image) => image.jpeg({ progressive: true })],
    ['PNG', (image) => image.png()],
    ['interlaced PNG', (image) => image.png({ progressive: true })],
    ['WebP', (image) => image.webp()],
    ['GIF', (image) => image.gif()],
    ['TIFF', (image) => image.tiff({ compression: 'none' })],
    ['TIFF in JPEG', (image) => image.tiff()],
    ['AVIF', (image) => image.avif({ effort: 0 })],
  ];
  type Made = readonly [kind: string, make: () => Buffer | Promise<Buffer>];
  const files: readonly Made[] = [
    ...kinds.map(([kind, encode]): Made => [kind, () => encode(encoder(picture)).toBuffer()]),
    ['BMP', () => bmpOfRgb(picture)],
    ['PPM', () => ppmOfRgb(picture)],
  ];
  test.each(files)('%s', async (_, make) => {
    const bytes = await make();
    for (const share of [0.3, 0.6, 0.9]) {
      const error = await fault(withoutLast(bytes, share), 'photo');
      expect(error.code, `cut at ${share}`).toBe('image-damaged');
      expect(error.message).toMatch(/^photo: the \w+ file is truncated or corrupt \(.+\)$/);
    }
  });

  test('a JPEG truncated anywhere', async () => {
    const bytes = await encoder(picture).jpeg().toBuffer();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 3, max: bytes.length - 1 }), async (length) => {
        expect((await fault(bytes.subarray(0, length))).code).toBe('image-damaged');
      }),
      { numRuns: 40 },
    );
  });

  test('an empty file', async () => {
    const error = await fault(new Uint8Array(0), 'photo.jpg');
    expect([error.code, error.message]).toEqual(['image-damaged', 'photo.jpg: the file is empty (0 bytes)']);
  });

  test('a PNG with one wrong byte', async () => {
    const bytes = await encoder(picture).png().toBuffer();
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0x5a;
    expect((await fault(bytes)).code).toBe('image-damaged');
  });

  test('a JPEG whose data end in the middle', async () => {
    const bytes = await encoder(picture).jpeg().toBuffer();
    bytes.set([0xff, 0xd3], Math.floor(bytes.length * 0.7));
    expect((await fault(bytes)).code).toBe('image-damaged');
  });
});

describe('JPEG errors that do not affect pixels are ignored', () => {
  const startOfScan = (bytes: Buffer) => bytes.indexOf(Buffer.from([0xff, 0xda]));

  test('bytes between its segments', async () => {
    const bytes = await encoder(picture).jpeg().toBuffer();
    const at = startOfScan(bytes);
    const padded = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(4, 1), bytes.subarray(at)]);
    expect(await decodeImage(padded, 'photo')).toEqual(await decodeImage(bytes, 'photo'));
  });

  test("the wrong scan parameters of some phones' cameras", async () => {
    const bytes = await encoder(picture).jpeg().toBuffer();
    const phone = Buffer.from(bytes);
    // Ss, Se, Ah and Al end the header of the scan, which is 12 bytes long for three components.
    phone.fill(0, startOfScan(phone) + 11, startOfScan(phone) + 14);
    expect(phone.equals(bytes)).toBe(false);
    expect(await decodeImage(phone, 'photo')).toEqual(await decodeImage(bytes, 'photo'));
  });

  test('but the same file truncated is an error', async () => {
    const bytes = await encoder(picture).jpeg().toBuffer();
    bytes.fill(0, startOfScan(bytes) + 11, startOfScan(bytes) + 14);
    expect((await fault(withoutLast(bytes, 0.6))).code).toBe('image-damaged');
  });
});

test('an image above the pixel limit is rejected with its size before it is decoded', async () => {
  const bytes = await encoder(picture).png().toBuffer();
  const error = await fault(bytes, 'photo', width * height - 1);
  expect(error.code).toBe('image-too-large');
  expect(error.message).toBe('photo: expected 6401 pixels or fewer (--max-image-pixels), got 97x66 (6402)');
  expect(await decodeImage(bytes, 'photo', { maxPixels: width * height })).toEqual(grey);
});

test('an image with a giant size in its header is rejected', async () => {
  const giant = rawPng(60_000, 50_000, 8, pngColourTypes.grey, Buffer.alloc(50_000));
  const error = await fault(giant);
  expect([error.code, error.message]).toEqual([
    'image-too-large',
    'photo: expected 100000000 pixels or fewer (--max-image-pixels), got 60000x50000 (3000000000)',
  ]);
});

test.skipIf(process.platform === 'win32')(
  'a pipe is rejected immediately, without waiting for a writer',
  async () => {
    const path = join(await temporaryFolder(), 'pipe.png');
    spawnSync('mkfifo', [path]);
    await expect(readImageFile(path, 'pipe.png')).rejects.toMatchObject({
      code: 'file-unreadable',
      message: 'pipe.png: expected a file, got a folder, pipe or device',
    });
  },
);
