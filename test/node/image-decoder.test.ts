import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { TexturaError } from '../../model/error.ts';
import { greyFromPixels } from '../../model/image.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import {
  encoder,
  greyAsRgb,
  oriented,
  pngChunk,
  pngColourTypes,
  pngPixels,
  type RgbPicture,
  rawPng,
  rawTiff,
  rgbPicture,
} from '../support/pictures.ts';
import { tolerances } from '../tolerances.ts';

const [width, height] = [97, 66];
const picture = rgbPicture(width, height, 5);
const grey = greyFromPixels({ ...picture, channels: 3 });

async function fault(bytes: Uint8Array, name = 'photo', maxPixels?: number): Promise<TexturaError> {
  const limits = maxPixels === undefined ? undefined : { maxPixels };
  const error = await decodeImage(bytes, name, limits).catch((thrown: unknown) => thrown);
  if (!(error instanceof TexturaError)) throw new Error(`expected a fault, got ${String(error)}`);
  return error;
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] as number))), 0);
}

function withoutLast(bytes: Uint8Array, share: number): Uint8Array {
  return bytes.subarray(0, Math.floor(bytes.length * share));
}

describe('every kind of file gives the grey levels of its pixels', () => {
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

  test('a JPEG in four inks, not inverted, to what inks can print', async () => {
    const bytes = await encoder(picture).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(4);
    const image = await decodeImage(bytes, 'photo');
    expect(largestDifference(image.data, grey.data)).toBeLessThanOrEqual(tolerances.fourInkLevels);
  });

  test('a colour profile is converted to sRGB and not ignored', async () => {
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

  test('a 1-channel JPEG equals the RGB JPEG to what compression loses', async () => {
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

describe('16 bits a sample come out as 256 levels, equal to the 8-bit twin within 1', () => {
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

describe('EXIF orientation is applied as a viewer does', () => {
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

  test('a TIFF of two pages of unlike sizes', async () => {
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

test('what is transparent is white, and half transparent half way to it', async () => {
  const pixels = Buffer.from([10, 200, 30, 0, 10, 200, 30, 128, 10, 200, 30, 255]);
  const image = await decodeImage(rawPng(3, 1, 8, pngColourTypes.rgba, pixels), 'photo');
  expect(image).toEqual(greyFromPixels({ data: pixels, width: 3, height: 1, channels: 4 }));
  expect(image.data[0]).toBe(255);
});

test('the kind is told by content: a PNG called .jpg is a PNG', async () => {
  expect(await decodeImage(await encoder(picture).png().toBuffer(), 'photo.jpg')).toEqual(grey);
});

describe('what is no image that can be decoded is refused by name', () => {
  const box = (...brands: string[]) => {
    const body = Buffer.from(`ftyp${brands[0]}\0\0\0\0${brands.join('')}`, 'latin1');
    return Buffer.concat([Buffer.from([0, 0, 0, 4 + body.length]), body, Buffer.alloc(40)]);
  };
  test.each([
    ['text', Buffer.from('class,file\n'), /expected an image/],
    ['one byte', Buffer.from([0xff]), /expected an image/],
    ['a drawing', Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG/],
    ['a drawing without a prolog', Buffer.from('  <svg width="9" height="9"></svg>'), /SVG/],
    ['a page of the web', Buffer.from('<!DOCTYPE html><p>404</p>'), /expected an image/],
    ['a document', Buffer.from('%PDF-1.7\n'), /PDF/],
    ['a bitmap', Buffer.from('BM\x46\0\0\0', 'latin1'), /BMP.*convert it to JPEG or PNG/],
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

describe('a cut file is damaged, not half an image', () => {
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
  test.each(kinds)('%s', async (_, encode) => {
    const bytes = await encode(encoder(picture)).toBuffer();
    for (const share of [0.3, 0.6, 0.9]) {
      const error = await fault(withoutLast(bytes, share), 'photo');
      expect(error.code, `cut at ${share}`).toBe('image-damaged');
      expect(error.message).toMatch(/^photo: expected a whole \w+, got a cut or damaged one \(.+\)$/);
    }
  });

  test('a JPEG wherever it is cut', async () => {
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

describe('faults of a JPEG that touch no pixel are let pass', () => {
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

  test('but the same file cut is damaged', async () => {
    const bytes = await encoder(picture).jpeg().toBuffer();
    bytes.fill(0, startOfScan(bytes) + 11, startOfScan(bytes) + 14);
    expect((await fault(withoutLast(bytes, 0.6))).code).toBe('image-damaged');
  });
});

test('an image of more pixels than the limit is refused with its size before it is decoded', async () => {
  const bytes = await encoder(picture).png().toBuffer();
  const error = await fault(bytes, 'photo', width * height - 1);
  expect(error.code).toBe('image-too-large');
  expect(error.message).toBe('photo: expected 6401 pixels or fewer, got 97x66 (6402)');
  expect(await decodeImage(bytes, 'photo', { maxPixels: width * height })).toEqual(grey);
});

test('an image that announces a giant size is refused from its header', async () => {
  const giant = rawPng(60_000, 50_000, 8, pngColourTypes.grey, Buffer.alloc(50_000));
  const error = await fault(giant);
  expect([error.code, error.message]).toEqual([
    'image-too-large',
    'photo: expected 100000000 pixels or fewer, got 60000x50000 (3000000000)',
  ]);
});

test('many at once give what each gives alone', async () => {
  const pictures: readonly RgbPicture[] = Array.from({ length: 24 }, (_, i) => rgbPicture(70 + i, 90 - i, i));
  const files = await Promise.all(pictures.map((one) => encoder(one).png().toBuffer()));
  const images = await Promise.all(files.map((file, i) => decodeImage(file, `${i}`)));
  expect(images).toEqual(pictures.map((one) => greyFromPixels({ ...one, channels: 3 })));
});
