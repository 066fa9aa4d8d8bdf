import { expect, test } from 'vitest';
import { correlationOf } from '../../../model/statistics/correlation.ts';
import scipy from '../../study/statistics/scipy_numbers.json' with { type: 'json' };

test('correlation and interval are those of SciPy', () => {
  const { left, right, value, low, high } = scipy.correlation;
  const found = correlationOf(left.map((x, i) => [x, right[i] ?? Number.NaN]));
  expect(found?.value).toBeCloseTo(value, 12);
  expect(found?.interval?.low).toBeCloseTo(low, 6);
  expect(found?.interval?.high).toBeCloseTo(high, 6);
});

test('three pairs have a correlation without an interval; two pairs, and sides that do not vary, have none', () => {
  expect(
    correlationOf([
      [1, 2],
      [2, 4],
      [3, 6.5],
    ]),
  ).toEqual({ value: expect.closeTo(0.9979, 4), interval: undefined });
  expect(
    correlationOf([
      [1, 2],
      [2, 4],
    ]),
  ).toBeUndefined();
  expect(
    correlationOf([
      [1, 2],
      [1, 4],
      [1, 5],
      [1, 9],
    ]),
  ).toBeUndefined();
});
