import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { greyFromPixels } from '../../model/image.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { bmpOfRgb } from '../support/bmp.ts';
import {
  encoder,
  greyAsRgb,
  oriented,
  pgmOf16,
  pngChunk,
  pngColourTypes,
  pngPixels,
  ppmOfRgb,
  type RgbPicture,
  rawPng,
  rawTiff,
  rgbPicture,
} from '../support/pictures.ts';
import { tolerances } from '../tolerances.ts';

const [width, height] = [97, 66];
const picture = rgbPicture(width, height, 5);
const grey = greyFromPixels({ ...picture, channels: 3 });

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] as number))), 0);
}

describe('every format gives the grey levels of its pixels', () => {
  test.each([
    ['PNG', () => encoder(picture).png()],
    ['interlaced PNG', () => encoder(picture).png({ progressive: true })],
    ['lossless WebP', () => encoder(picture).webp({ lossless: true })],
    ['uncompressed TIFF', () => encoder(picture).tiff({ compression: 'none' })],
    ['LZW TIFF', () => encoder(picture).tiff({ compression: 'lzw' })],
    ['deflated TIFF', () => encoder(picture).tiff({ compression: 'deflate' })],
  ])('a %s to the bit', async (_, encode) => {
    const image = await decodeImage(await encode().toBuffer(), 'photo');
    expect(image).toEqual(grey);
  });

  test.each([
    ['BMP', bmpOfRgb(picture)],
    ['PPM', ppmOfRgb(picture)],
  ])('a %s to the bit', async (_, bytes) => {
    expect(await decodeImage(bytes, 'photo')).toEqual(grey);
  });

  test.each([
    ['JPEG', () => encoder(picture).jpeg({ quality: 95 })],
    ['progressive JPEG', () => encoder(picture).jpeg({ quality: 95, progressive: true })],
    ['WebP', () => encoder(picture).webp({ quality: 95 })],
    ['AVIF', () => encoder(picture).avif({ quality: 90, effort: 0 })],
    ['AVIF of 10 bits', () => encoder(picture).avif({ quality: 90, effort: 0, bitdepth: 10 })],
  ])('a %s to what its compression loses', async (_, encode) => {
    const image = await decodeImage(await encode().toBuffer(), 'photo');
    expect([image.width, image.height]).toEqual([width, height]);
    expect(largestDifference(image.data, grey.data)).toBeLessThanOrEqual(tolerances.lossyImageLevels);
  });

  test('a CMYK JPEG, not inverted, within the printable range', async () => {
    const bytes = await encoder(picture).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(4);
    const image = await decodeImage(bytes, 'photo');
    expect(largestDifference(image.data, grey.data)).toBeLessThanOrEqual(tolerances.fourInkLevels);
  });

  test('a colour profile is converted to sRGB', async () => {
    const bytes = await encoder(picture).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
    expect(largestDifference(stored, picture.data)).toBeGreaterThan(3);
    const image = await decodeImage(bytes, 'photo');
    expect(largestDifference(image.data, grey.data)).toBeLessThanOrEqual(2);
  });
});

describe('a picture without colour is the same in any number of channels', () => {
  const rgb = greyAsRgb(picture);
  const expected = greyFromPixels({ ...rgb, channels: 3 });
  const oneChannel = Buffer.from(expected.data);
  const withAlpha = Buffer.from([...expected.data].flatMap((level) => [level, 255]));

  test.each<[string, () => Promise<Buffer> | Buffer]>([
    ['RGB PNG', () => encoder(rgb).png().toBuffer()],
    ['1-channel PNG', () => rawPng(width, height, 8, pngColourTypes.grey, oneChannel)],
    ['grey PNG with alpha', () => rawPng(width, height, 8, pngColourTypes.greyAlpha, withAlpha)],
    ['palette PNG', () => rawPng(width, height, 8, pngColourTypes.palette, oneChannel, [greyPalette()])],
    ['RGB PNG with alpha', () => encoder(rgb).ensureAlpha().png().toBuffer()],
    ['1-channel TIFF', () => rawTiff([{ width, height, bits: 8, sampleFormat: 1, samples: oneChannel }])],
  ])('%s', async (_, encode) => {
    expect(await decodeImage(await encode(), 'photo')).toEqual(expected);
  });

  test('a 1-channel JPEG equals the RGB JPEG up to compression loss', async () => {
    const one = await encoder(rgb).toColourspace('b-w').jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(one).metadata()).channels).toBe(1);
    const image = await decodeImage(one, 'photo');
    expect(largestDifference(image.data, expected.data)).toBeLessThanOrEqual(tolerances.lossyImageLevels);
  });

  test('a 1-bit PNG is black and white', async () => {
    // Rows of 11 pixels in two bytes: 10110000 111 and 00000001 010.
    const rows = Buffer.from([0b10110000, 0b11100000, 0b00000001, 0b01000000]);
    const image = await decodeImage(rawPng(11, 2, 1, pngColourTypes.grey, rows), 'photo');
    const bits = '1011000011100000001010';
    expect([...image.data]).toEqual(Array.from(bits, (bit) => (bit === '1' ? 255 : 0)));
  });

  function greyPalette(): Buffer {
    return pngChunk('PLTE', Buffer.from(Array.from({ length: 768 }, (_, i) => Math.floor(i / 3))));
  }
});

describe('16-bit samples become 256 levels, within 1 of the 8-bit original', () => {
  test.each([
    ['grey', pngColourTypes.grey, 1],
    ['RGB', pngColourTypes.rgb, 3],
    ['grey with alpha', pngColourTypes.greyAlpha, 2],
    ['RGB with alpha', pngColourTypes.rgba, 4],
  ])('a %s ramp PNG', async (_, type, channels) => {
    const [columns, rows] = [256, 5];
    const samples = Buffer.alloc(columns * rows * channels * 2);
    for (let i = 0; i < columns * rows * channels; i++) {
      const isAlpha = channels % 2 === 0 && i % channels === channels - 1;
      const level = Math.floor(i / channels) % columns;
      samples.writeUInt16BE(isAlpha ? 65_535 : level * 256 + (level % 3) * 60, 2 * i);
    }
    const image = await decodeImage(rawPng(columns, rows, 16, type, samples), 'ramp');
    const twin = Uint8Array.from({ length: columns * rows }, (__, i) => i % columns);
    expect(largestDifference(image.data, twin)).toBeLessThanOrEqual(1);
    expect(new Set(image.data).size).toBe(256);
  });

  test('a grey TIFF', async () => {
    const samples = Buffer.from(Uint16Array.from({ length: 256 * 3 }, (_, i) => (i % 256) * 257).buffer);
    const bytes = rawTiff([{ width: 256, height: 3, bits: 16, sampleFormat: 1, samples }]);
    const image = await decodeImage(bytes, 'ramp');
    expect([...image.data]).toEqual(Array.from({ length: 256 * 3 }, (_, i) => i % 256));
  });
});

describe('fewer bits in a 16-bit file are stretched, equally in every format', () => {
  const [columns, rows] = [70, 66];
  const twin = Uint8Array.from({ length: columns * rows }, (_, i) => (i * 7) % 256);
  const samples = Uint16Array.from(twin, (level, i) => level * 16 + (i % 16));
  const bigEndian = Buffer.from(samples.slice().buffer).swap16();
  const rgbSamples = Uint16Array.from(
    { length: 3 * samples.length },
    (_, i) => samples[Math.floor(i / 3)] ?? 0,
  );

  test.each<[string, () => Buffer | Promise<Buffer>]>([
    ['grey PNG', () => rawPng(columns, rows, 16, pngColourTypes.grey, bigEndian)],
    [
      'RGB PNG',
      () => rawPng(columns, rows, 16, pngColourTypes.rgb, Buffer.from(rgbSamples.slice().buffer).swap16()),
    ],
    [
      'TIFF',
      () =>
        rawTiff([
          { width: columns, height: rows, bits: 16, sampleFormat: 1, samples: Buffer.from(samples.buffer) },
        ]),
    ],
    ['PGM', () => pgmOf16(samples, columns)],
  ])('12 bits in a %s', async (_, make) => {
    expect(await decodeImage(await make(), 'sensor')).toEqual({
      data: twin,
      width: columns,
      height: rows,
      stretchedFromBits: 12,
    });
  });

  test('an ordinary dark picture does not change', async () => {
    const dark = samples.map((sample, i) => (i === 17 ? 4096 : sample));
    const image = await decodeImage(pgmOf16(dark, columns), 'dark');
    const png = rawPng(columns, rows, 16, pngColourTypes.grey, Buffer.from(dark.slice().buffer).swap16());
    expect(await decodeImage(png, 'dark')).toEqual(image);
    expect([...image.data]).toEqual([...dark].map((sample) => sample >> 8));
    expect(image.stretchedFromBits).toBeUndefined();
  });
});

describe('EXIF orientation is applied as in viewers', () => {
  const formats: readonly [string, (image: Sharp) => Sharp][] = [
    ['JPEG', (image) => image.jpeg()],
    ['PNG', (image) => image.png()],
    ['WebP', (image) => image.webp()],
    ['TIFF', (image) => image.tiff({ compression: 'none' })],
  ];
  test.each(formats)('all eight in a %s', async (_, encode) => {
    const stored = await decodeImage(await encode(encoder(picture)).toBuffer(), 'stored');
    for (let orientation = 1; orientation <= 8; orientation++) {
      const bytes = await encode(encoder(picture).withMetadata({ orientation })).toBuffer();
      const image = await decodeImage(bytes, 'turned');
      expect(image, `orientation ${orientation}`).toEqual(oriented(stored, orientation));
    }
  });
});

describe('of several frames or pages the first is read', () => {
  const frames = [picture, rgbPicture(width, height, 140), rgbPicture(width, height, 201)];

  async function joined(): Promise<Sharp> {
    const pages = await Promise.all(frames.map((frame) => encoder(frame).png().toBuffer()));
    return sharp(pages, { join: { animated: true } });
  }

  test('an animated WebP', async () => {
    const bytes = await (await joined()).webp({ lossless: true }).toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(3);
    expect(await decodeImage(bytes, 'moving')).toEqual(grey);
  });

  test('an animated GIF', async () => {
    const bytes = await (await joined()).gif().toBuffer();
    const still = await encoder(picture).gif().toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(3);
    const [first, last] = [await decodeImage(bytes, 'moving'), await decodeImage(still, 'still')];
    expect([first.width, first.height]).toEqual([width, height]);
    expect(largestDifference(first.data, last.data)).toBeLessThanOrEqual(tolerances.paletteLevels);
  });

  test('an animated PNG', async () => {
    const control = Buffer.alloc(8);
    control.writeUInt32BE(2, 0);
    const second = pngPixels(height, Buffer.from(frames[1]?.data ?? []));
    const bytes = rawPng(width, height, 8, pngColourTypes.rgb, Buffer.from(picture.data), [
      pngChunk('acTL', control),
      pngChunk('fcTL', frameControl(0)),
    ]);
    const end = bytes.length - 12;
    const moving = Buffer.concat([
      bytes.subarray(0, end),
      pngChunk('fcTL', frameControl(1)),
      pngChunk('fdAT', Buffer.concat([Buffer.from([0, 0, 0, 2]), second])),
      bytes.subarray(end),
    ]);
    expect(await decodeImage(moving, 'moving')).toEqual(grey);
  });

  test('a TIFF with two pages of different sizes', async () => {
    const page = (w: number, h: number, level: number) => ({
      width: w,
      height: h,
      bits: 8,
      sampleFormat: 1,
      samples: Buffer.alloc(w * h, level),
    });
    const bytes = rawTiff([page(9, 4, 77), page(6, 11, 200)]);
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    expect(await decodeImage(bytes, 'pages')).toEqual({
      data: new Uint8Array(36).fill(77),
      width: 9,
      height: 4,
    });
  });

  function frameControl(sequence: number): Buffer {
    const control = Buffer.alloc(26);
    control.writeUInt32BE(sequence, 0);
    control.writeUInt32BE(width, 4);
    control.writeUInt32BE(height, 8);
    control.writeUInt16BE(1, 20);
    control.writeUInt16BE(10, 22);
    return control;
  }
});

test('transparent pixels are white, and half-transparent ones are halfway to white', async () => {
  const pixels = Buffer.from([10, 200, 30, 0, 10, 200, 30, 128, 10, 200, 30, 255]);
  const image = await decodeImage(rawPng(3, 1, 8, pngColourTypes.rgba, pixels), 'photo');
  expect(image).toEqual(greyFromPixels({ data: pixels, width: 3, height: 1, channels: 4 }));
  expect(image.data[0]).toBe(255);
});

test('the type is detected from content: a PNG named .jpg is a PNG', async () => {
  expect(await decodeImage(await encoder(picture).png().toBuffer(), 'photo.jpg')).toEqual(grey);
});

test('concurrent decoding gives the same results as sequential decoding', async () => {
  const pictures: readonly RgbPicture[] = Array.from({ length: 24 }, (_, i) => rgbPicture(70 + i, 90 - i, i));
  const files = await Promise.all(pictures.map((one) => encoder(one).png().toBuffer()));
  const images = await Promise.all(files.map((file, i) => decodeImage(file, `${i}`)));
  expect(images).toEqual(pictures.map((one) => greyFromPixels({ ...one, channels: 3 })));
});
