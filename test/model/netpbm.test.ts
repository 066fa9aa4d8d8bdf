import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TexturaError } from '../../model/error.ts';
import type { Pixels } from '../../model/image.ts';
import { requireDecodedKind } from '../../model/image-kind.ts';
import { readPlainImage } from '../../model/plain-image.ts';

function read(content: string | Uint8Array, maxPixels = 10_000): Pixels | undefined {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  return readPlainImage(bytes, requireDecodedKind(bytes, 'photo'), 'photo', maxPixels);
}

function faultOf(content: string | Uint8Array, maxPixels?: number): TexturaError {
  try {
    read(content, maxPixels);
  } catch (error) {
    if (error instanceof TexturaError) return error;
    throw error;
  }
  throw new Error('expected a fault');
}

const binary = (head: string, ...samples: number[]) =>
  Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(samples)]);

describe('all six forms are read', () => {
  test.each<[string, string | Uint8Array, readonly number[], number]>([
    ['PBM as text, 1 black, with spaces or without', 'P1\n3 2\n1 0 1\n0\t01\n', [0, 255, 0, 255, 255, 0], 1],
    ['PGM as text', 'P2 2 2 255 0 7\n100 255', [0, 7, 100, 255], 1],
    ['PPM as text', 'P3\n1 2\n255\n1 2 3\n4 5 6\n', [1, 2, 3, 4, 5, 6], 3],
    [
      'binary PBM, with rows of whole bytes',
      binary('P4\n9 2\n', 0b10000001, 0x80, 0b01111110, 0),
      [0, 255, 255, 255, 255, 255, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255],
      1,
    ],
    ['PGM as bytes', binary('P5\n2 2\n255\n', 0, 7, 100, 255), [0, 7, 100, 255], 1],
    ['PPM as bytes', binary('P6\n2 1\n255\n', 1, 2, 3, 4, 5, 6), [1, 2, 3, 4, 5, 6], 3],
    ['PGM of 0..15', binary('P5 3 1 15 ', 0, 1, 15), [0, 17, 255], 1],
    ['PGM of 12 bits', binary('P5 3 1 4095 ', 0, 15, 8, 0, 15, 255), [0, 128, 255], 1],
    ['PGM of 16 bits', binary('P5 3 1 65535 ', 0, 255, 128, 0, 255, 255), [0, 128, 255], 1],
    ['PPM of 16 bits as text', 'P3 1 1 65535 256 32768 65535', [1, 128, 255], 3],
    ['with comments', binary('P5 # made by hand\n#\n2 # wide\n1\n#x\n255\n', 35, 10), [35, 10], 1],
    ['with carriage returns', binary('P5\r\n2 1\r\n255\n', 13, 10), [13, 10], 1],
    ['with a second picture behind it', binary('P5 1 1 255 ', 9, 0x50, 0x35), [9], 1],
  ])('%s', (_, content, levels, channels) => {
    const pixels = read(content);
    expect([[...(pixels?.data ?? [])], pixels?.channels]).toEqual([levels, channels]);
  });

  test('12-bit data in a 16-bit file is stretched, data with a stated range is not', () => {
    const samples = [0, 7, 1, 0, 15, 255];
    expect(read(binary('P5 3 1 65535 ', ...samples))).toMatchObject({
      data: Uint8Array.of(0, 16, 255),
      stretchedFromBits: 12,
    });
    expect(read(binary('P5 3 1 4096 ', ...samples))?.stretchedFromBits).toBeUndefined();
  });

  test('text and binary forms give the same pixels', () => {
    const range = fc.constantFrom(1, 3, 200, 255, 256, 1000, 4095, 65_535);
    fc.assert(
      fc.property(range, fc.array(fc.nat(), { minLength: 1, maxLength: 50 }), (largest, numbers) => {
        const samples = numbers.map((number) => number % (largest + 1));
        const text = `P2\n${samples.length} 1 ${largest}\n${samples.join('\n')}\n`;
        const bytes = samples.flatMap((sample) => (largest > 255 ? [sample >> 8, sample & 255] : [sample]));
        expect(read(text)).toEqual(read(binary(`P5\n${samples.length} 1 ${largest}\n`, ...bytes)));
      }),
    );
  });
});

describe('an unreadable file is rejected', () => {
  test.each<[string, string | Uint8Array, string, RegExp]>([
    ['cut in its header', 'P5\n12', 'image-damaged', /the PGM file.*ends where a number is expected/],
    ['cut before its pixels', 'P5\n4 3\n255\n', 'image-damaged', /4x3 pixels need 12 bytes, the file has 0/],
    [
      'cut in its pixels',
      binary('P6\n4 3\n255\n', 1, 2, 3),
      'image-damaged',
      /the PPM file.*need 36 bytes, the file has 3/,
    ],
    [
      'cut in its bits',
      binary('P4\n9 3\n', 1, 2, 3),
      'image-damaged',
      /the PBM file.*need 6 bytes, the file has 3/,
    ],
    [
      'cut in its text',
      'P2 3 3 255 1 2 3 4 5 6 7 8     ',
      'image-damaged',
      /ends where a number is expected/,
    ],
    ['cut to nothing', 'P3 3', 'image-damaged', /ends where a number is expected/],
    [
      'with words for numbers',
      'P2 2 1 255 one two',
      'image-damaged',
      /something else where a number is expected/,
    ],
    ['with a 2 for a bit', 'P1 2 2 0 1 2 0', 'image-damaged', /where 0 or 1 is expected/],
    ['with a sample beyond its range', 'P2 2 1 100 7 101', 'image-damaged', /101 where 100 is the largest/],
    ['with a byte beyond its range', binary('P5 2 1 100 ', 7, 101), 'image-damaged', /101 where 100/],
    ['without width', 'P5 0 3 255\n', 'image-damaged', /0x3 pixels/],
    ['without range', 'P5 1 1 0 \n\n', 'image-damaged', /the maximum value in its header is 0/],
    ['with more than 16 bits', binary('P5 1 1 65536 ', 0, 0, 0), 'image-type-unsupported', /65536/],
    ['with a number without end', `P5 ${'9'.repeat(3000)} 1 255 `, 'image-damaged', /too large/],
    ['with sizes of a giant', 'P5 2000000000 2000000000 255 \n', 'image-too-large', /2000000000x2000000000/],
  ])('%s', (_, content, code, message) => {
    const fault = faultOf(content);
    expect([fault.code, fault.message.startsWith('photo: ')]).toEqual([code, true]);
    expect(fault.message).toMatch(message);
  });

  test('above the pixel limit, and read at it', () => {
    const content = binary('P5 2 2 255 ', 1, 2, 3, 4);
    expect(faultOf(content, 3).code).toBe('image-too-large');
    expect(read(content, 4)).toBeDefined();
  });

  test('with a known code for any bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 4, 5, 6), bytes, (form, noise) => {
        try {
          read(binary(`P${form} 1`, ...noise));
        } catch (error) {
          expect(error).toBeInstanceOf(TexturaError);
          expect((error as TexturaError).code).toMatch(/^image-/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('unsupported relatives are rejected by name', () => {
  expect(faultOf('P7\nWIDTH 1\nHEIGHT 1\n').message).toMatch(/^photo: PAM files are not supported/);
  expect(faultOf('Pf\n1 1\n-1.0\n').message).toMatch(/^photo: PFM files are not supported/);
});
