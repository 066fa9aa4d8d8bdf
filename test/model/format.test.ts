import { expect, test } from 'vitest';
import {
  bytes,
  duration,
  fileSize,
  percent,
  pValueText,
  small,
  withSign,
  wrapped,
} from '../../model/format.ts';

test.each([
  [0, '0.0 s'],
  [4.24, '4.2 s'],
  [9.96, '10 s'],
  [48.4, '48 s'],
  [59.6, '1 min 00 s'],
  [725, '12 min 05 s'],
  [3599.6, '1 h 00 min'],
  [12_000, '3 h 20 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test.each([
  [1, '1 KiB'],
  [12_000, '12 KiB'],
  [3.4 * 2 ** 20, '3.4 MiB'],
  [1.25 * 2 ** 30, '1.25 GiB'],
])('%d bytes are %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

test.each([
  [300, '1 kB'],
  [45_600, '46 kB'],
  [148_500, '149 kB'],
  [999_000, '999 kB'],
  [999_001, '1.0 MB'],
  [17_780_000, '17.8 MB'],
])('a file of %d bytes has %s', (value, text) => {
  expect(fileSize(value)).toBe(text);
});

test('a file has its size in the numbers of a language', () => {
  expect(fileSize(17_780_000, 'es')).toBe('17,8 MB');
});

test('a small difference is written as in the messages of commands, with the decimal sign of a language', () => {
  expect(small(1.54e-8, 'en')).toBe('1.5e\u20118');
  expect(small(1.54e-8, 'es')).toBe('1,5e\u20118');
  expect(small(0, 'en')).toBe('0');
});

test('a difference has its sign, unless it is rounded to zero', () => {
  expect([0.0412, -0.003, 0, -0.0004].map((share) => withSign(share, percent))).toEqual([
    '+4.1\u00a0%',
    '\u22120.3\u00a0%',
    '0.0\u00a0%',
    '0.0\u00a0%',
  ]);
});

test('a text is broken between words, and a longer word has a line of its own', () => {
  expect(wrapped('one two three', '  ', 7)).toBe('one two\n  three');
  expect(wrapped('/a/long/path one', ' ', 7)).toBe('/a/long/path\n one');
});

test.each([
  [0.0312, '0.031'],
  [1, '1.000'],
  [0.001, '0.001'],
  [0.0004, '<\u00a00.001'],
])('a p-value of %d is %s', (value, text) => {
  expect(pValueText(value)).toBe(text);
});
