import { expect, test } from 'vitest';
import { areBlurred, pictureQuality } from '../../../training/inspection/picture-quality.ts';
import { pictureOf } from '../../support/pictures.ts';

test('a flat picture has no deviation and no sharpness', () => {
  expect(pictureQuality(pictureOf(5, 4, () => 200))).toEqual({
    deviation: 0,
    blackShare: 0,
    whiteShare: 0,
    sharpness: undefined,
  });
});

test('black and white pixels are counted, and others near them are not', () => {
  const levels = [0, 0, 255, 1, 254];
  const { blackShare, whiteShare } = pictureQuality(pictureOf(10, 4, (x) => levels[x % 5] ?? 0));
  expect([blackShare, whiteShare]).toEqual([0.4, 0.2]);
});

test('of a chessboard the Laplacian is 8 times the deviation everywhere', () => {
  const chess = pictureQuality(pictureOf(9, 6, (x, y) => ((x + y) % 2 === 0 ? 90 : 110)));
  expect(chess.deviation).toBeCloseTo(10, 9);
  expect(chess.sharpness).toBeCloseTo(Math.log(64), 9);
});

test('sharpness does not depend on contrast', () => {
  const wave = (amplitude: number) => pictureOf(40, 30, (x, y) => 128 + amplitude * ((x * 7 + y * 3) % 5));
  expect(pictureQuality(wave(20)).sharpness).toBeCloseTo(pictureQuality(wave(4)).sharpness ?? 0, 9);
});

test('blur is judged within a class of five or more', () => {
  const of = (sharpness: number | undefined) => ({ deviation: 20, blackShare: 0, whiteShare: 0, sharpness });
  const sharp = [1, 1.1, 0.9, 1.05, 0.95, 1].map(of);
  const soft = [-2, -2.1, -1.9, -2, -2].map(of);
  const labels = [...sharp.map(() => 0), ...soft.map(() => 1)];
  expect(areBlurred([...sharp, ...soft], labels)).not.toContain(true);
  expect(areBlurred([...sharp, ...soft, of(-0.6)], [...labels, 0]).indexOf(true)).toBe(11);
  expect(areBlurred([...sharp, ...soft, of(-0.4)], [...labels, 0])).not.toContain(true);
  expect(areBlurred([...sharp, of(undefined), of(-9), of(1)], [0, 0, 0, 0, 0, 0, 0, 2, 2])).not.toContain(
    true,
  );
});
