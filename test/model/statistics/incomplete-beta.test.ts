import { expect, test } from 'vitest';
import {
  clopperPearsonInterval,
  incompleteBeta,
  studentQuantile,
} from '../../../model/statistics/incomplete-beta.ts';
import scipy from '../../study/statistics/scipy_numbers.json' with { type: 'json' };

test('the incomplete beta function has its closed forms', () => {
  // I_x(a, 1) = x^a; I_x(1, b) = 1 - (1 - x)^b; I_1/2(a, a) = 1/2.
  expect(incompleteBeta(0.3, 4, 1)).toBeCloseTo(0.3 ** 4, 13);
  expect(incompleteBeta(0.3, 1, 7)).toBeCloseTo(1 - 0.7 ** 7, 13);
  expect(incompleteBeta(0.5, 40, 40)).toBeCloseTo(0.5, 12);
  expect([incompleteBeta(0, 2, 3), incompleteBeta(1, 2, 3)]).toEqual([0, 1]);
});

test.each(scipy.quantiles.student)(
  "Student's t with $degrees degrees of freedom and a tail of $tail has the quantile of SciPy",
  (expected) => {
    expect(studentQuantile(expected.tail, expected.degrees) / expected.value).toBeCloseTo(1, 8);
  },
);

test.each(scipy.quantiles.shares)('the interval of $count of $of is that of SciPy', (expected) => {
  const { low, high } = clopperPearsonInterval(expected.count, expected.of);
  expect(low).toBeCloseTo(expected.low, 10);
  expect(high).toBeCloseTo(expected.high, 10);
});
