import { expect, test } from 'vitest';
import { cutPatch, patchBytes } from '../../model/patch.ts';
import { largestDifference as differenceOfCheck, selfCheckPatches } from '../../model/self-check.ts';
import { drawTexture } from '../../textures/textures.ts';
import {
  classShares,
  likeliestClasses,
  listedShares,
  nearestPosition,
  scaledPicture,
  slidingSidePx,
} from '../../web-demo/page/see/heat-map.ts';

/** Two classes on 2 rows of 3 positions. */
const map = {
  probabilities: Float32Array.of(0.9, 0.8, 0.1, 0.7, 0.2, 0.4, 0.1, 0.2, 0.9, 0.3, 0.8, 0.6),
  rows: 2,
  columns: 3,
  fieldPx: 64,
  stridePx: 16,
  inferMs: 1,
};

test('a heat map has the most likely class of each position, and the share of each class', () => {
  const likeliest = likeliestClasses(map);
  expect([...likeliest]).toEqual([0, 0, 1, 0, 1, 1]);
  expect(classShares(likeliest)).toEqual([
    { index: 0, share: 0.5 },
    { index: 1, share: 0.5 },
  ]);
  expect(classShares(Uint16Array.of(4, 2, 4))).toEqual([
    { index: 4, share: 2 / 3 },
    { index: 2, share: 1 / 3 },
  ]);
});

test('a position whose probabilities are all zero shows none of the classes, whose index is the last plus one', () => {
  const probabilities = Float32Array.from(map.probabilities, (value, i) => (i % 6 === 4 ? 0 : value));
  expect([...likeliestClasses({ ...map, probabilities })]).toEqual([0, 0, 1, 0, 2, 1]);
});

test('the legend lists the largest classes and that of the square, and what the others are together', () => {
  // Classes 0, 1, 2 and 3 at 4, 3, 2 and 1 of the 10 positions.
  const likeliest = Uint16Array.of(0, 0, 0, 0, 1, 1, 1, 2, 2, 3);
  const indices = ({ listed }: ReturnType<typeof listedShares>) => listed.map(({ index }) => index);
  const largest = listedShares(likeliest, 1, 2);
  expect(indices(largest)).toEqual([0, 1]);
  expect(largest.others).toEqual({ count: 2, share: expect.closeTo(0.3) });
  const withSquare = listedShares(likeliest, 3, 2);
  expect(indices(withSquare)).toEqual([0, 1, 3]);
  expect(withSquare.others).toEqual({ count: 1, share: expect.closeTo(0.2) });
  expect(listedShares(likeliest, 3, 4).others).toEqual({ count: 0, share: expect.closeTo(0) });
});

test('the position of a square is the nearest one, also outside the map', () => {
  expect(nearestPosition(map, 23, 9)).toBe(4);
  expect(nearestPosition(map, 25, 7)).toBe(2);
  expect(nearestPosition(map, 400, 400)).toBe(5);
});

test('a scaled picture contains the patches of its tiles bit-exactly', () => {
  const picture = drawTexture('knit', 4, 1, 320, 290);
  expect(scaledPicture(picture, 64)).toBe(picture);
  const scaled = scaledPicture(picture, 100);
  expect([scaled.width, scaled.height]).toEqual([205, 186]);
  const patch = cutPatch(picture, { x: 100, y: 0 }, 100);
  for (let row = 0; row < 64; row++) {
    const start = row * scaled.width + 64;
    expect(scaled.data.subarray(start, start + 64)).toEqual(patch.subarray(row * 64, (row + 1) * 64));
  }
  // The last tile ends with the picture.
  const last = cutPatch(picture, { x: 220, y: 190 }, 100);
  expect(scaled.data.at(-1)).toBe(last.at(-1));
});

test('a large picture is scaled down to a limited number of pixels', () => {
  expect(slidingSidePx({ width: 640, height: 480 }, 64)).toBe(64);
  expect(slidingSidePx({ width: 640, height: 480 }, 200)).toBe(200);
  const side = slidingSidePx({ width: 4000, height: 3000 }, 64);
  expect((4000 * 3000 * 64 ** 2) / side ** 2).toBeLessThanOrEqual(640 * 480);
});

test('a self-check finds the largest difference, and missing or NaN values are infinitely wrong', () => {
  const patch = Buffer.from(Uint8Array.from({ length: patchBytes }, (_, i) => i % 251)).toString('base64');
  const selfCheck = [
    { patch, probabilities: [0.25, 0.75] },
    { patch, probabilities: [0.5, 0.5] },
  ];
  expect(selfCheckPatches(selfCheck)).toHaveLength(2 * patchBytes);
  expect(selfCheckPatches(selfCheck)[patchBytes + 250]).toBe(250);
  expect(differenceOfCheck(selfCheck, Float32Array.of(0.25, 0.75, 0.5, 0.375))).toBe(0.125);
  expect(differenceOfCheck(selfCheck, Float32Array.of(0.25, 0.75, 0.5, Number.NaN))).toBe(
    Number.POSITIVE_INFINITY,
  );
  expect(differenceOfCheck(selfCheck, Float32Array.of(0.25, 0.75))).toBe(Number.POSITIVE_INFINITY);
  expect(differenceOfCheck([], new Float32Array())).toBe(Number.POSITIVE_INFINITY);
});
