import { expect, test } from 'vitest';
import {
  addScores,
  crossEntropy,
  meanRow,
  meanScores,
  noScores,
  rankOf,
  softmaxRows,
  topClasses,
} from '../../model/scores.ts';

const rows = Float32Array.of(0, Math.log(3), 0, 5, 5, 5, 5, 5, 5, 5, 1, 2);

test('softmax of each row sums to one and follows the logits', () => {
  const probabilities = softmaxRows(Float32Array.of(0, Math.log(3), 1000, 1000), 2);
  expect(probabilities[0]).toBeCloseTo(0.25, 6);
  expect(probabilities[1]).toBeCloseTo(0.75, 6);
  expect([...probabilities.subarray(2)]).toEqual([0.5, 0.5]);
});

test('cross-entropy is the negative logarithm of the probability', () => {
  expect(crossEntropy(rows.subarray(0, 2), 0)).toBeCloseTo(Math.log(4), 6);
  expect(crossEntropy(rows.subarray(0, 2), 1)).toBeCloseTo(Math.log(4 / 3), 6);
});

test('the rank counts higher logits, and equal ones of earlier classes', () => {
  const row = Float32Array.of(2, 9, 2, -1);
  expect([0, 1, 2, 3].map((label) => rankOf(row, label))).toEqual([1, 0, 2, 3]);
  expect(rankOf(Float32Array.of(Number.NaN, Number.NaN), 0)).toBe(1);
});

test('scores add up over batches of any size, and top-5 counts ranks of 5 and more', () => {
  const logits = Float32Array.of(7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1);
  const labels = [0, 4, 6];
  const atOnce = addScores(noScores, logits, labels, 7);
  const inTwo = addScores(addScores(noScores, logits.subarray(0, 7), [0], 7), logits.subarray(7), [4, 6], 7);
  expect(atOnce).toEqual(inTwo);
  expect(meanScores(atOnce)).toMatchObject({ top1err: 2 / 3, top5err: 1 / 3 });
});

test('top classes come by falling value, equal ones by class order', () => {
  expect(topClasses([0.1, 0.4, 0.1, 0.4], 3)).toEqual([1, 3, 0]);
});

test('the mean row averages each class', () => {
  expect([...meanRow(Float32Array.of(1, 2, 3, 5, 6, 13), 3)]).toEqual([3, 4, 8]);
});
