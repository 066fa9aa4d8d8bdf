import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addScores,
  balancedError,
  countClassErrors,
  crossEntropy,
  guessingScores,
  meanRow,
  meanScores,
  noClassErrors,
  noScores,
  rankOf,
  softmaxRows,
  topClasses,
  topFiveNote,
} from '../../model/scores.ts';

const rows = Float32Array.of(0, Math.log(3), 0, 5, 5, 5, 5, 5, 5, 5, 1, 2);

test('guessing among 25 classes has a loss of 3.219 and a top-1 error of 0.96; among 3 no top-5 error', () => {
  const { objective, top1err, top5err } = guessingScores(25);
  expect(objective).toBeCloseTo(3.219, 3);
  expect([top1err, top5err]).toEqual([0.96, 0.8]);
  expect(guessingScores(3).top5err).toBe(0);
});

test('softmax of each row sums to one and follows the logits', () => {
  const probabilities = softmaxRows(Float32Array.of(0, Math.log(3), 1000, 1000), 2);
  expect(probabilities[0]).toBeCloseTo(0.25, 6);
  expect(probabilities[1]).toBeCloseTo(0.75, 6);
  expect([...probabilities.subarray(2)]).toEqual([0.5, 0.5]);
});

test('the largest logits and the smallest temperatures still give probabilities and a loss', () => {
  const row = Float32Array.of(3e38, 3e38, 0, -3e38);
  for (const temperature of [1, 1e-3, 100]) {
    expect([...softmaxRows(row, 4, temperature)]).toEqual([0.5, 0.5, 0, 0]);
    expect(crossEntropy(row, 1, temperature)).toBeCloseTo(Math.log(2), 12);
  }
});

test('cross-entropy is the negative logarithm of the probability', () => {
  expect(crossEntropy(rows.subarray(0, 2), 0)).toBeCloseTo(Math.log(4), 6);
  expect(crossEntropy(rows.subarray(0, 2), 1)).toBeCloseTo(Math.log(4 / 3), 6);
});

test('the rank counts higher logits, and equal ones of earlier classes', () => {
  const row = Float32Array.of(2, 9, 2, -1);
  expect([0, 1, 2, 3].map((label) => rankOf(row, label))).toEqual([1, 0, 2, 3]);
});

test.each([
  ['the label itself is NaN', [1, Number.NaN, 2]],
  ['another class is NaN, which beats and loses to nothing', [1, 3, Number.NaN]],
  ['all are NaN', [Number.NaN, Number.NaN, Number.NaN]],
  ['a logit is infinite, so that no probability is a number', [Number.POSITIVE_INFINITY, 3, 0]],
  ['all are minus infinity', [-1, -1, -1].map((sign) => sign / 0)],
])('a row without probabilities has the label at no place: %s', (_, logits) => {
  const row = Float32Array.from(logits);
  expect(rankOf(row, 1)).toBe(Number.POSITIVE_INFINITY);
  expect(Number.isNaN(softmaxRows(row, 3)[1])).toBe(true);
});

test('a logit of minus infinity has probability 0 and the last rank', () => {
  expect(rankOf(Float32Array.of(Number.NEGATIVE_INFINITY, 3, 4), 1)).toBe(1);
});

test('a NaN row is an error in top-1 and top-5, even with few classes', () => {
  const nan = new Float32Array(3).fill(Number.NaN);
  expect(meanScores(addScores(noScores, nan, [0], 3))).toEqual({
    objective: Number.NaN,
    top1err: 1,
    top5err: 1,
  });
  expect(topFiveNote(3)).toContain('the top-5 error is 0 unless the loss is NaN');
  const rival = Float32Array.of(9, Number.NaN, 0, 0, 0, 0, 0);
  expect(meanScores(addScores(noScores, rival, [0], 7))).toMatchObject({ top1err: 1, top5err: 1 });
});

test('a class with NaN is last', () => {
  expect(topClasses([Number.NaN, 0.4, Number.NaN, 0.6], 4)).toEqual([3, 1, 0, 2]);
});

test('scores add up over batches of any size, and top-5 counts ranks of 5 and more', () => {
  const logits = Float32Array.of(7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1);
  const labels = [0, 4, 6];
  const atOnce = addScores(noScores, logits, labels, 7);
  const inTwo = addScores(addScores(noScores, logits.subarray(0, 7), [0], 7), logits.subarray(7), [4, 6], 7);
  expect(atOnce).toEqual(inTwo);
  expect(meanScores(atOnce)).toMatchObject({ top1err: 2 / 3, top5err: 1 / 3 });
});

test('top classes are sorted by descending value, equal ones by class order', () => {
  expect(topClasses([0.1, 0.4, 0.1, 0.4], 3)).toEqual([1, 3, 0]);
});

test('the mean row averages each class', () => {
  expect([...meanRow(Float32Array.of(1, 2, 3, 5, 6, 13), 3)]).toEqual([3, 4, 8]);
});

test('balanced error is the mean over classes: a small class that is never predicted counts as much as a large one', () => {
  const errors = noClassErrors(3);
  // Eight patches of class 0, one of class 1, none of class 2; all are named 0.
  for (let i = 0; i < 8; i++) countClassErrors(errors, Float32Array.of(1, 0, 0), [0]);
  countClassErrors(errors, Float32Array.of(1, 0, 0), [1]);
  expect(errors).toEqual({ patches: [8, 1, 0], wrong: [0, 1, 0] });
  expect(balancedError(errors)).toBe(0.5);
  expect(balancedError(noClassErrors(3))).toBeNaN();
});

test('with equally many patches of each class, balanced error is the top-1 error to the last bit', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.array(fc.nat(5000), { minLength: 1, maxLength: 40 }),
      (patches, drawn) => {
        const wrong = drawn.map((count) => count % (patches + 1));
        const sum = wrong.reduce((total, count) => total + count, 0);
        const errors = { patches: wrong.map(() => patches), wrong };
        expect(balancedError(errors)).toBe(sum / (patches * wrong.length));
      },
    ),
  );
});

test('equal balanced errors are equal numbers, and many classes do not overflow', () => {
  // 3/10 is 1/10 + 2/10, which as a sum of floating-point numbers it is not.
  const of = (...wrong: number[]) => balancedError({ patches: [10, 20, 5], wrong });
  expect(of(1, 4, 0)).toBe(of(3, 0, 0));
  expect(1 / 10 + 4 / 20 + 0 / 5).not.toBe(3 / 10);
  const patches = Array.from({ length: 2000 }, (_, c) => 1000 + c);
  expect(balancedError({ patches, wrong: patches })).toBe(1);
  expect(balancedError({ patches, wrong: patches.map(() => 0) })).toBe(0);
});
