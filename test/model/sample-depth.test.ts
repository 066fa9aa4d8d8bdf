import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { levelTable, pixelsFromDeep, stretchText } from '../../model/sample-depth.ts';

const read = (values: readonly number[], channels: 1 | 2 | 3 | 4 = 1) =>
  pixelsFromDeep({
    data: Uint16Array.from(values),
    width: values.length / channels,
    height: 1,
    channels,
  });

describe('16-bit samples are read as the smallest of 8, 10, 12 and 16 bits that holds them all', () => {
  test.each<[string, readonly number[], readonly number[], number | undefined]>([
    ['the whole range', [0, 255, 256, 40_000, 65_535], [0, 0, 1, 156, 255], undefined],
    ['12 bits', [0, 15, 16, 2049, 4095], [0, 0, 1, 128, 255], 12],
    ['10 bits', [0, 3, 4, 513, 1023], [0, 0, 1, 128, 255], 10],
    ['8 bits', [0, 3, 4, 129, 255], [0, 3, 4, 129, 255], 8],
    ['nothing', [0, 0], [0, 0], undefined],
  ])('%s', (_, samples, levels, bits) => {
    const { data, stretchedFromBits } = read(samples);
    expect([...data]).toEqual(levels);
    expect(stretchedFromBits).toBe(bits);
  });

  test('a dark picture with one sample of 4096 is a 16-bit picture', () => {
    expect(read([17, 300, 4096])).toMatchObject({ data: Uint8Array.of(0, 1, 16) });
  });

  test.each([256, 257])('a dark picture converted from 8 bits by %i equals the 8-bit original', (factor) => {
    const twin = [0, 3, 9, 14, 15];
    const { data, stretchedFromBits } = read(twin.map((level) => level * factor));
    expect([...data]).toEqual(twin);
    expect(stretchedFromBits).toBeUndefined();
  });

  test('all colours count, alpha does not and is never stretched', () => {
    expect([...read([1, 2000, 3, 32_768], 4).data]).toEqual([0, 125, 0, 128]);
    expect([...read([1, 5000, 3, 65_535], 4).data]).toEqual([0, 19, 0, 255]);
    expect([...read([2001, 65_535, 16, 0], 2).data]).toEqual([125, 255, 1, 0]);
    expect(read([70, 900, 3, 1, 2, 4095], 3).stretchedFromBits).toBe(12);
  });

  test('unscaled 12-bit data gives the levels of the 8-bit original', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4095 }), { minLength: 1 }), (samples) => {
        const { data } = read([...samples, 4095]);
        expect([...data]).toEqual([...samples, 4095].map((sample) => sample >> 4));
      }),
    );
  });

  test('the message says what was done', () => {
    expect(stretchText(12)).toBe(
      '16-bit samples that use a sixteenth of the range (none is above 4095), ' +
        'read as 12-bit data: stretched by 16',
    );
  });
});

describe('a stated range becomes 256 levels', () => {
  test.each([
    [1, [0, 255]],
    [2, [0, 128, 255]],
    [3, [0, 85, 170, 255]],
    [5, [0, 51, 102, 153, 204, 255]],
  ])('of 0..%i', (largest, levels) => {
    expect([...levelTable(largest)]).toEqual(levels);
  });

  test.each([255, 1023, 4095, 65_535])('of 0..%i uses the upper eight bits', (largest) => {
    const shift = Math.log2(largest + 1) - 8;
    expect(levelTable(largest).every((level, sample) => level === sample >> shift)).toBe(true);
  });

  test.each([256, 1000, 40_000])('of 0..%i evenly, black to white', (largest) => {
    const levels = levelTable(largest);
    expect([levels[0], levels[largest], new Set(levels).size]).toEqual([0, 255, 256]);
    levels.forEach((level, sample) => {
      expect(Math.abs(level - (255 * sample) / largest)).toBeLessThanOrEqual(1);
    });
  });
});
