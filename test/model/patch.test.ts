import fc from 'fast-check';
import { expect, test } from 'vitest';
import { centrePatch, cutPatch, gridLimit, patchGrid } from '../../model/patch.ts';
import { pictureOf } from '../support/pictures.ts';

test('a patch of 64 source pixels is copied', () => {
  const source = pictureOf(70, 80, (x, y) => (3 * x + 7 * y) % 256);
  const patch = cutPatch(source, { x: 5, y: 11 }, 64);
  expect(patch[0]).toBe(3 * 5 + 7 * 11);
  expect(patch[63 * 64 + 63]).toBe((3 * 68 + 7 * 74) % 256);
  expect(patch[64]).toBe((3 * 5 + 7 * 12) % 256);
});

test('a patch of 128 source pixels averages squares of 2x2, rounded half up', () => {
  const source = pictureOf(131, 140, (x, y) => (x === 3 && y === 2 ? 2 : x === 5 && y === 2 ? 1 : 0));
  const patch = cutPatch(source, { x: 3, y: 2 }, 128);
  // 2 / 4 = 0.5 rounds up to 1; 1 / 4 rounds down.
  expect([patch[0], patch[1], patch[2]]).toEqual([1, 0, 0]);
});

test('a patch of 96 source pixels shares the pixel between two cells', () => {
  // Each cell is 1.5 pixels wide: the first has pixel 0 whole and half of pixel 1, the second the other half
  // and pixel 2.
  const source = pictureOf(96, 96, (x) => (x === 1 ? 90 : x === 2 ? 30 : 0));
  const patch = cutPatch(source, { x: 0, y: 0 }, 96);
  expect([patch[0], patch[1], patch[2]]).toEqual([30, 50, 0]);
});

test('a patch smaller than 64 repeats pixels by their share', () => {
  const source = pictureOf(32, 32, (x) => x);
  const patch = cutPatch(source, { x: 0, y: 0 }, 32);
  expect([...patch.subarray(0, 6)]).toEqual([0, 0, 1, 1, 2, 2]);
});

test('averaging keeps a flat image flat and stays within its levels', () => {
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 200 }), fc.integer({ min: 0, max: 255 }), (patchPx, level) => {
      const patch = cutPatch(
        pictureOf(patchPx, patchPx, () => level),
        { x: 0, y: 0 },
        patchPx,
      );
      return patch.every((value) => value === level);
    }),
    { numRuns: 25 },
  );
});

test('a 320x240 image has a grid of 5x3 that reaches every edge', () => {
  const grid = patchGrid(320, 240, 64);
  expect(grid).toHaveLength(15);
  expect(grid.slice(0, 6)).toEqual([
    { x: 0, y: 0 },
    { x: 64, y: 0 },
    { x: 128, y: 0 },
    { x: 192, y: 0 },
    { x: 256, y: 0 },
    { x: 0, y: 88 },
  ]);
  expect(grid.at(-1)).toEqual({ x: 256, y: 176 });
});

test('an image of exactly one patch has one, a slightly larger one two', () => {
  expect(patchGrid(64, 64, 64)).toEqual([{ x: 0, y: 0 }]);
  expect(patchGrid(65, 64, 64)).toEqual([
    { x: 0, y: 0 },
    { x: 1, y: 0 },
  ]);
});

test('every grid lies inside its image, touches its edges, has 15 patches at most and no patch twice', () => {
  const side = fc.integer({ min: 40, max: 5000 });
  fc.assert(
    fc.property(side, side, fc.integer({ min: 16, max: 40 }), (width, height, patchPx) => {
      const grid = patchGrid(width, height, patchPx);
      expect(grid.length).toBeLessThanOrEqual(gridLimit);
      expect(new Set(grid.map(({ x, y }) => `${x} ${y}`)).size).toBe(grid.length);
      const xs = grid.map(({ x }) => x);
      const ys = grid.map(({ y }) => y);
      expect(Math.min(...xs, ...ys)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...xs)).toBeLessThanOrEqual(width - patchPx);
      expect(Math.max(...ys)).toBeLessThanOrEqual(height - patchPx);
      if (new Set(xs).size > 1) expect([Math.min(...xs), Math.max(...xs)]).toEqual([0, width - patchPx]);
    }),
  );
});

test('a very long strip still gets 15 patches', () => {
  expect(patchGrid(100_000, 64, 64)).toHaveLength(15);
  expect(patchGrid(64, 100_000, 64)).toHaveLength(15);
});

test('the centre patch is in the middle', () => {
  expect(centrePatch(101, 80, 64)).toEqual({ x: 18, y: 8 });
});

test('a side shorter than a patch is an error with the size', () => {
  expect(() => patchGrid(63, 200, 64)).toThrow('the image is 63x200; each side must have 64 pixels or more');
  expect(() => centrePatch(200, 63, 64)).toThrow('200x63');
});
