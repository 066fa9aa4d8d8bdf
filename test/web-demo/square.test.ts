import fc from 'fast-check';
import { expect, test } from 'vitest';
import { carriedOver, centred, fitted, moved, scaled } from '../../web-demo/page/stage/square.ts';

const size = { width: 640, height: 480 };

test('the square starts in the middle of the picture, and scales around its own', () => {
  expect(centred(64, size)).toEqual({ x: 288, y: 208, sidePx: 64 });
  expect(scaled({ x: 288, y: 208, sidePx: 64 }, 128, size)).toEqual({ x: 256, y: 176, sidePx: 128 });
});

test('it stops at the edges of the picture', () => {
  expect(moved({ x: 600, y: 3, sidePx: 64 }, 50, -50, size)).toEqual({ x: 576, y: 0, sidePx: 64 });
});

test('it keeps its relative position when the picture is rotated', () => {
  const rotated = { width: 480, height: 640 };
  expect(carriedOver({ x: 288, y: 208, sidePx: 64 }, 64, size, rotated)).toEqual({
    x: 208,
    y: 288,
    sidePx: 64,
  });
});

test('it grows again after a picture that was too small for it', () => {
  const small = { width: 40, height: 30 };
  const shrunk = carriedOver({ x: 288, y: 208, sidePx: 64 }, 64, size, small);
  expect(shrunk.sidePx).toBe(30);
  expect(carriedOver(shrunk, 64, small, size)).toEqual({ x: 288, y: 208, sidePx: 64 });
});

test('it always lies inside, in whole pixels', () => {
  const number = fc.double({ min: -3000, max: 3000, noNaN: true });
  const side = fc.integer({ min: 1, max: 2000 });
  fc.assert(
    fc.property(number, number, number, side, side, (x, y, sidePx, width, height) => {
      const square = fitted({ x, y, sidePx }, { width, height });
      expect(Object.values(square).every(Number.isInteger)).toBe(true);
      expect(square.x).toBeGreaterThanOrEqual(0);
      expect(square.y).toBeGreaterThanOrEqual(0);
      expect(square.x + square.sidePx).toBeLessThanOrEqual(width);
      expect(square.y + square.sidePx).toBeLessThanOrEqual(height);
    }),
  );
});
