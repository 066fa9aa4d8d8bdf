import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { readPlainPng } from '../../node/plain-png.ts';
import { pngChunk, pngColourTypes, pngFile, rawPng } from '../support/pictures.ts';

/** A PNG with a filter of its own for each row. */
function filteredPng(
  width: number,
  height: number,
  channels: 1 | 3,
  values: Uint8Array,
  filters: readonly number[],
): Buffer {
  const stride = width * channels;
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.concat([
      Buffer.from([filters[y % filters.length] ?? 0]),
      values.subarray(y * stride, (y + 1) * stride),
    ]),
  );
  const type = channels === 1 ? pngColourTypes.grey : pngColourTypes.rgb;
  const png = rawPng(width, height, 8, type, Buffer.alloc(height * stride));
  const header = png.subarray(0, 8 + 25);
  return Buffer.concat([
    header,
    pngChunk('IDAT', deflateSync(Buffer.concat(rows))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

const decoded = (bytes: Uint8Array) => sharp(bytes).raw().toBuffer({ resolveWithObject: true });

describe('a plain PNG', () => {
  test('has the pixels that libvips reads, with any filters', { timeout: 60_000 }, async () => {
    const png = fc.record({
      width: fc.integer({ min: 1, max: 9 }),
      height: fc.integer({ min: 1, max: 7 }),
      channels: fc.constantFrom(1 as const, 3 as const),
      values: fc.uint8Array({ minLength: 189, maxLength: 189 }),
      filters: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(png, async ({ width, height, channels, values, filters }) => {
        const bytes = filteredPng(width, height, channels, values, filters);
        const own = readPlainPng(bytes);
        const picture = sharp(bytes);
        const { data } = await (channels === 1 ? picture.toColourspace('b-w') : picture)
          .raw()
          .toBuffer({ resolveWithObject: true });
        expect(own).toMatchObject({ width, height, channels });
        expect(Buffer.from(own?.data ?? []).equals(data)).toBe(true);
      }),
      { numRuns: 100, seed: 3 },
    );
  });

  test('is what sharp writes by default', async () => {
    const bytes = await pngFile(1, 70, 66);
    const { data } = await decoded(bytes);
    expect(Buffer.from(readPlainPng(bytes)?.data ?? []).equals(data)).toBe(true);
  });

  test('can contain text and times', async () => {
    const bytes = await pngFile(2, 64, 64);
    const at = bytes.indexOf('IDAT') - 4;
    const text = Buffer.concat([
      bytes.subarray(0, at),
      pngChunk('tEXt', Buffer.from('a\0b')),
      bytes.subarray(at),
    ]);
    expect(readPlainPng(text)).toEqual(readPlainPng(bytes));
  });
});

describe('the native decoder gets', () => {
  const good = pngFile(3, 64, 64);
  const inserted = (type: string) => async () => {
    const bytes = await good;
    const at = bytes.indexOf('IDAT') - 4;
    return Buffer.concat([bytes.subarray(0, at), pngChunk(type, Buffer.from('0123')), bytes.subarray(at)]);
  };
  const grey = Buffer.alloc(64 * 64, 9);
  test.each<readonly [string, () => Promise<Buffer>]>([
    ['one that is cut', async () => (await good).subarray(0, -20)],
    ['one with something behind it', async () => Buffer.concat([await good, Buffer.from('x')])],
    [
      'one with a wrong checksum',
      async () => Buffer.from((await good).map((byte, i, all) => (i === all.length - 20 ? byte ^ 1 : byte))),
    ],
    ['one with a colour profile', inserted('iCCP')],
    ['one with EXIF', inserted('eXIf')],
    ['one with transparency', inserted('tRNS')],
    ['one that is animated', inserted('acTL')],
    ['one with gamma', inserted('gAMA')],
    ['one of 16 bits', async () => rawPng(64, 64, 16, pngColourTypes.grey, Buffer.alloc(2 * 64 * 64))],
    ['one of 1 bit', async () => rawPng(64, 64, 1, pngColourTypes.grey, Buffer.alloc(8 * 64))],
    ['one with alpha', async () => rawPng(64, 64, 8, pngColourTypes.greyAlpha, Buffer.alloc(2 * 64 * 64))],
    [
      'one with too few rows',
      async () => rawPng(64, 65, 8, pngColourTypes.grey, Buffer.concat([grey, Buffer.alloc(1)])),
    ],
    ['one that is large', () => pngFile(4, 300, 300)],
    ['a filter that there is not', async () => filteredPng(5, 4, 1, new Uint8Array(20), [5])],
    ['another kind of file', async () => Buffer.from('GIF89a')],
    ['nothing', async () => Buffer.alloc(0)],
  ])('%s', async (_, make) => {
    expect(readPlainPng(await make())).toBeUndefined();
  });
});
