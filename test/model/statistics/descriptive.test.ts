import { expect, test } from 'vitest';
import { meanOf, medianOf, quantileOf, sampleDeviation } from '../../../model/statistics/descriptive.ts';

test('the median of an even number of values is the mean of the two in the middle', () => {
  expect(medianOf([5, 1, 3])).toBe(3);
  expect(medianOf([5, 1, 3, 100])).toBe(4);
});

test('quantiles lie between neighbours, as R gives them with type 7', () => {
  expect(quantileOf([1, 2, 4, 8], 0.25)).toBe(1.75);
  expect(quantileOf([1, 2, 4, 8], 1)).toBe(8);
  expect(quantileOf([], 0.5)).toBeNaN();
});

test('the deviation of a sample is divided by one less than its size', () => {
  expect(meanOf([2, 4, 9])).toBe(5);
  expect(sampleDeviation([2, 4, 9])).toBe(Math.sqrt((9 + 1 + 16) / 2));
});
