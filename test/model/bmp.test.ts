import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TexturaError } from '../../model/error.ts';
import type { Pixels } from '../../model/image.ts';
import { requireDecodedKind } from '../../model/image-kind.ts';
import { readPlainImage } from '../../model/plain-image.ts';
import { type BmpContent, bmpOf, bmpOfRgb, bmpPalette } from '../support/bmp.ts';
import { rgbPicture } from '../support/pictures.ts';

function read(bytes: Uint8Array, maxPixels = 10_000): Pixels | undefined {
  return readPlainImage(bytes, requireDecodedKind(bytes, 'photo'), 'photo', maxPixels);
}
const levels = (bytes: Uint8Array) => [...(read(bytes)?.data ?? [])];

function faultOf(bytes: Uint8Array, maxPixels?: number): TexturaError {
  try {
    read(bytes, maxPixels);
  } catch (error) {
    if (error instanceof TexturaError) return error;
    throw error;
  }
  throw new Error('expected a fault');
}

const [red, green, blue, white] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
] as const;
const four = bmpPalette([red, green, blue, white]);

describe('pixels of any number of bits, top row first', () => {
  test('24, with padded rows', () => {
    const picture = rgbPicture(7, 5, 3);
    expect(read(bmpOfRgb(picture))).toEqual({ ...picture, channels: 3 });
  });

  test('24, rows from the top', () => {
    const rows = Buffer.from([1, 2, 3, 0, 4, 5, 6, 0]);
    expect(levels(bmpOf({ width: 1, height: -2, bits: 24, rows }))).toEqual([3, 2, 1, 6, 5, 4]);
  });

  test('32, whose fourth byte is unused', () => {
    const rows = Buffer.from([1, 2, 3, 77, 4, 5, 6, 0]);
    expect(read(bmpOf({ width: 2, height: 1, bits: 32, rows }))).toMatchObject({
      channels: 3,
      data: Uint8Array.of(3, 2, 1, 6, 5, 4),
    });
  });

  test('16 with five each, and with masks of five, six and five', () => {
    const row = (...values: number[]) => Buffer.from(Uint16Array.from(values).buffer);
    const rows = row(0x7c00, 0x03e0, 0x001f, 0x4210);
    expect(levels(bmpOf({ width: 4, height: 1, bits: 16, rows }))).toEqual([
      ...red,
      ...green,
      ...blue,
      132,
      132,
      132,
    ]);
    const masks = Buffer.from(Uint32Array.of(0xf800, 0x07e0, 0x001f).buffer);
    expect(
      levels(
        bmpOf({
          width: 4,
          height: 1,
          bits: 16,
          compression: 3,
          tables: masks,
          rows: row(0xf800, 0x07e0, 0x001f, 0x8410),
        }),
      ),
    ).toEqual([...red, ...green, ...blue, 132, 130, 132]);
  });

  test('32 by masks of ten bits', () => {
    const masks = Buffer.from(Uint32Array.of(0x3ff00000, 0xffc00, 0x3ff).buffer);
    const rows = Buffer.from(Uint32Array.of((1023 << 20) | (512 << 10) | 4).buffer);
    const content: BmpContent = { width: 1, height: 1, bits: 32, compression: 3, tables: masks, rows };
    expect(levels(bmpOf(content))).toEqual([255, 128, 1]);
  });

  test('32 with alpha, unless no pixel uses it', () => {
    const content = {
      width: 2,
      height: 1,
      bits: 32,
      compression: 3,
      headerBytes: 108,
      masks: [0xff0000, 0xff00, 0xff, 0xff000000],
    } as const;
    const withAlpha = bmpOf({ ...content, rows: Buffer.from([1, 2, 3, 128, 4, 5, 6, 0]) });
    expect(read(withAlpha)).toMatchObject({ channels: 4, data: Uint8Array.of(3, 2, 1, 128, 6, 5, 4, 0) });
    const without = bmpOf({ ...content, rows: Buffer.from([1, 2, 3, 0, 4, 5, 6, 0]) });
    expect(read(without)).toMatchObject({ data: Uint8Array.of(3, 2, 1, 255, 6, 5, 4, 255) });
  });

  test.each([
    [8, [2, 0, 3, 1, 0, 0, 0, 0], 5],
    [4, [0x20, 0x31, 0x00, 0x00], 5],
    [2, [0b10001101, 0, 0, 0], 5],
  ])('%i by a palette', (bits, row, width) => {
    const expected = [...blue, ...red, ...white, ...green, ...red];
    const content = { width, height: 1, bits, colours: 4, tables: four, rows: Buffer.from(row) };
    expect(levels(bmpOf(content))).toEqual(expected);
  });

  test('1 with a palette, which can have any two colours', () => {
    const tables = bmpPalette([green, blue]);
    const rows = Buffer.from([0b01000000, 0, 0, 0]);
    expect(levels(bmpOf({ width: 3, height: 1, bits: 1, tables, rows }))).toEqual([
      ...green,
      ...blue,
      ...green,
    ]);
  });

  test("with OS/2's header, whose palette has three bytes per colour", () => {
    const tables = Buffer.from([30, 20, 10, 60, 50, 40]);
    const rows = Buffer.from([0b10000000, 0, 0, 0]);
    expect(levels(bmpOf({ width: 2, height: 1, bits: 1, headerBytes: 12, tables, rows }))).toEqual([
      40, 50, 60, 10, 20, 30,
    ]);
  });

  test('an index beyond the palette is black', () => {
    const content = { width: 2, height: 1, bits: 8, colours: 4, tables: four };
    expect(levels(bmpOf({ ...content, rows: Buffer.from([3, 200, 0, 0]) }))).toEqual([...white, 0, 0, 0]);
  });

  test('without the padding of the last row, which some programs omit', () => {
    const rows = Buffer.from([1, 2, 3, 0, 4, 5, 6]);
    expect(levels(bmpOf({ width: 1, height: 2, bits: 24, rows }))).toEqual([6, 5, 4, 3, 2, 1]);
  });
});

describe('run lengths', () => {
  // Two rows of five, the bottom one first.
  const expected = [
    ...red,
    ...red,
    ...blue,
    ...white,
    ...green,
    ...green,
    ...green,
    ...green,
    ...green,
    ...blue,
  ];
  const content = { width: 5, height: 2, colours: 4, tables: four };

  test('of bytes', () => {
    const rows = Buffer.from([4, 1, 1, 2, 0, 0, 2, 0, 0, 3, 2, 3, 1, 0, 0, 1]);
    expect(levels(bmpOf({ ...content, bits: 8, compression: 1, rows }))).toEqual(expected);
  });

  test('of half bytes', () => {
    const rows = Buffer.from([4, 0x11, 1, 0x20, 0, 0, 2, 0x00, 0, 3, 0x23, 0x10, 0, 1]);
    expect(levels(bmpOf({ ...content, bits: 4, compression: 2, rows }))).toEqual(expected);
  });

  test('that skip pixels leave them in the first colour', () => {
    const rows = Buffer.from([1, 3, 0, 2, 2, 1, 1, 1, 0, 1]);
    expect(levels(bmpOf({ ...content, bits: 8, compression: 1, rows }))).toEqual(
      [...Array(3).fill(red), green, red, white, ...Array(4).fill(red)].flat(),
    );
  });

  test('that cross the edge write nothing elsewhere', () => {
    const rows = Buffer.from([255, 1, 0, 0, 255, 2, 0, 0, 9, 3, 0, 1]);
    expect(levels(bmpOf({ ...content, bits: 8, compression: 1, rows }))).toEqual(
      [...Array(5).fill(blue), ...Array(5).fill(green)].flat(),
    );
  });

  test('that end too early are an error', () => {
    const rows = Buffer.from([4, 1, 1]);
    expect(faultOf(bmpOf({ ...content, bits: 8, compression: 1, rows })).message).toBe(
      'photo: the BMP file is truncated or corrupt (it ends within its run-length encoding)',
    );
  });
});

describe('an unreadable bitmap is rejected', () => {
  const whole = bmpOfRgb(rgbPicture(20, 10, 1));
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };

  test('truncated anywhere', () => {
    for (const length of [18, 30, 53, 54, 60, 300, whole.length - 1]) {
      const { code, message } = faultOf(whole.subarray(0, length));
      expect([length, code]).toEqual([length, 'image-damaged']);
      expect(message).toMatch(/^photo: the BMP file is truncated or corrupt \(.+\)$/);
    }
  });

  test('by its size before it allocates memory', () => {
    const giant = changed((bytes) => {
      bytes.writeInt32LE(2_000_000_000, 18);
      bytes.writeInt32LE(-2_000_000_000, 22);
    });
    expect(faultOf(giant)).toMatchObject({
      code: 'image-too-large',
      message: expect.stringContaining('got 2000000000x2000000000'),
    });
    expect(faultOf(whole, 199).code).toBe('image-too-large');
    expect(read(whole, 200)).toBeDefined();
  });

  test.each<[string, (bytes: Buffer) => void, string, RegExp]>([
    ['no width', (bytes) => bytes.writeInt32LE(0, 18), 'image-damaged', /0x10/],
    ['a negative width', (bytes) => bytes.writeInt32LE(-20, 18), 'image-damaged', /-20x10/],
    ['no height', (bytes) => bytes.writeInt32LE(0, 22), 'image-damaged', /20x0/],
    ['pixels beyond its end', (bytes) => bytes.writeUInt32LE(99_999, 10), 'image-damaged', /byte 99999/],
    ['pixels within its header', (bytes) => bytes.writeUInt32LE(20, 10), 'image-damaged', /byte 20/],
    ['a JPEG inside', (bytes) => bytes.writeUInt32LE(4, 30), 'image-type-unsupported', /compression 4/],
    ['64 bits per pixel', (bytes) => bytes.writeUInt16LE(64, 28), 'image-type-unsupported', /64 bits/],
    ['masks at 24 bits', (bytes) => bytes.writeUInt32LE(3, 30), 'image-type-unsupported', /masks at 24/],
  ])('with %s', (_, change, code, message) => {
    const fault = faultOf(changed(change));
    expect(fault.code).toBe(code);
    expect(fault.message).toMatch(message);
  });

  test('with a palette that does not fit before its pixels', () => {
    const content = { width: 2, height: 1, bits: 8, colours: 9, tables: four, rows: Buffer.alloc(4) };
    expect(faultOf(bmpOf(content)).message).toMatch(/has 9 colours, but there is space for 4/);
  });

  test('with a known code for any bytes', () => {
    const palette = bmpOf({
      width: 9,
      height: 4,
      bits: 4,
      compression: 2,
      tables: four,
      rows: Buffer.alloc(40, 5),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(whole, palette),
        fc.integer({ min: 18, max: 60 }),
        fc.uint8Array({ minLength: 1, maxLength: 6 }),
        (file, at, noise) => {
          const bytes = Buffer.from(file);
          bytes.set(noise, at);
          try {
            const pixels = read(bytes);
            expect(pixels?.data.length).toBe(
              (pixels?.width ?? 0) * (pixels?.height ?? 0) * (pixels?.channels ?? 0),
            );
          } catch (error) {
            expect(error).toBeInstanceOf(TexturaError);
            expect((error as TexturaError).code).toMatch(/^image-/);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
