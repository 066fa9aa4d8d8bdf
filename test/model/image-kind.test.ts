import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageKindOf } from '../../model/image-kind.ts';
import { type RawDirectory, rawFiles, tiffOf } from '../support/camera-raw.ts';

const page: RawDirectory = { width: 80, height: 70, photometric: 2 };
const kindOf = (bytes: Uint8Array | string) =>
  imageKindOf(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);

describe('camera raw files in the TIFF container are detected by their directories', () => {
  test.each(Object.entries(rawFiles))('%s', (name, bytes) => {
    expect(kindOf(bytes)).toMatchObject({ name, decoder: undefined, family: 'camera-raw' });
  });

  test('of an unknown maker, without text from the file', () => {
    const bytes = tiffOf([
      { ...page, make: '\u001b[2JEvil', subImages: [{ ...page, photometric: 32_803, width: 200 }] },
    ]);
    expect(kindOf(bytes)?.name).toBe('Camera raw');
  });

  test('with the directory at the end of the file', () => {
    const bytes = tiffOf([{ ...page, make: 'NIKON', subImages: [{ ...page, photometric: 32_803 }] }], {
      padding: 20_000,
    });
    expect(kindOf(bytes)?.name).toBe('Nikon raw');
  });

  test('a thumbnail as the first page of a larger picture, of any maker', () => {
    const thumbnail = { ...page, isReduced: true };
    const large = { ...page, width: 300 };
    expect(kindOf(tiffOf([{ ...page, subImages: [large] }]))?.name).toBe(
      'TIFF whose first page is a thumbnail',
    );
    expect(kindOf(tiffOf([thumbnail, large]))?.name).toBe('TIFF whose first page is a thumbnail');
    expect(kindOf(tiffOf([{ ...thumbnail, make: 'NIKON', subImages: [large] }]))?.name).toBe('Nikon raw');
  });
});

describe('an ordinary TIFF stays one', () => {
  test.each<[string, readonly RawDirectory[]]>([
    ['from a scanner or an edited photograph, with the name of its maker', [{ ...page, make: 'EPSON' }]],
    ['that was converted from a Nikon', [{ ...page, make: 'NIKON CORPORATION' }]],
    [
      'of a pyramid, whose smaller levels are sub-images',
      [{ ...page, make: 'Hamamatsu', subImages: [{ ...page, width: 40, height: 35, isReduced: true }] }],
    ],
    ['of several pages of unlike sizes', [page, { ...page, width: 300 }]],
    [
      'with a thumbnail after it',
      [
        { ...page, make: 'Canon' },
        { ...page, width: 20, height: 18, isReduced: true },
      ],
    ],
    ['that is nothing but a thumbnail', [{ ...page, isReduced: true }]],
  ])('%s', (_, pages) => {
    for (const endian of ['II', 'MM'] as const) {
      expect(kindOf(tiffOf(pages, { endian }))).toMatchObject({ name: 'TIFF', decoder: 'native' });
    }
  });

  test('with any damage to its directories, quickly', () => {
    const whole = tiffOf([{ ...page, subImages: [page, page] }, page]);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, noise) => {
        const bytes = Buffer.from(whole);
        bytes.set(noise.subarray(0, bytes.length - at), at);
        expect(['TIFF', undefined]).toContain(
          kindOf(bytes)?.name.replace(/^(.* raw|DNG.*|TIFF whose.*)$/, 'TIFF'),
        );
      }),
    );
  });

  test('whose directories form a circle', () => {
    const bytes = tiffOf([page]);
    // The directory's link to the next page leads to itself.
    const at = bytes.readUInt32LE(4);
    bytes.writeUInt32LE(at, at + 2 + 12 * bytes.readUInt16LE(at));
    expect(kindOf(bytes)?.name).toBe('TIFF');
  });
});

describe('other raw files are detected by their first bytes', () => {
  test.each([
    ['Canon raw', 'II*\0\x10\0\0\0CR\x02\0'],
    ['Canon raw', '\0\0\0\x18ftypcrx \0\0\0\x01crx isom'],
    ['Canon raw', 'II\x1a\0\0\0HEAPCCDR'],
    ['Olympus raw', 'IIRO\x08\0\0\0'],
    ['Olympus raw', 'IIRS\x08\0\0\0'],
    ['Olympus raw', 'MMOR\0\0\0\x08'],
    ['Panasonic raw', 'IIU\0\x18\0\0\0'],
    ['Fujifilm raw', 'FUJIFILMCCD-RAW 0201'],
    ['Minolta raw', '\0MRM\0\0\0\0'],
    ['Sigma raw', 'FOVb\0\0\x02\0'],
    ['Phase One raw', 'II*\0\x08\0\0\0IIIITwaR'],
  ])('%s', (name, head) => {
    expect(kindOf(head)).toMatchObject({ name, decoder: undefined, family: 'camera-raw' });
  });

  test('and not by pixels that look like them', () => {
    expect(kindOf(`II*\0\x20\0\0\0${'I'.repeat(24)}`)?.name).toBe('TIFF');
  });
});

test.each([
  ['a text that begins with P5', 'P5 is the fifth\n'],
  ['a text that begins with BM', 'BMW and others, a list of makers\n'],
  ['a table', 'P2\tname\n'],
])('%s is no image', (_, text) => {
  expect(kindOf(text)).toBeUndefined();
});
