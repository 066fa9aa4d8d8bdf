import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareCodePoints, compareNames } from '../../model/code-point-order.ts';

const codePoints = (text: string) => Array.from(text, (letter) => letter.codePointAt(0) as number);

test('texts are ordered by code points, which UTF-16 units are not', () => {
  const texts = ['\u{1f9f1}', '\uff5e', 'zebra', 'Zebra', 'é', '10', '2', '1'];
  expect([...texts].sort(compareCodePoints)).toEqual([
    '1',
    '10',
    '2',
    'Zebra',
    'zebra',
    'é',
    '\uff5e',
    '\u{1f9f1}',
  ]);
  expect([...texts].sort()).not.toEqual([...texts].sort(compareCodePoints));
});

test('the order is that of the code points for any two texts', () => {
  const text = fc.string({ unit: 'binary', maxLength: 6 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const [left, right] = [codePoints(a), codePoints(b)];
      const at = left.findIndex((point, i) => point !== right[i]);
      const expected = at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
      expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected));
    }),
  );
});

test('both Unicode normalizations of a name have the same place in the order', () => {
  const names = ['Z', 'Größe', 'Grz', 'Gro\u0308ße'];
  expect([...names].sort(compareNames)).toEqual(['Grz', 'Gro\u0308ße', 'Größe', 'Z']);
});
