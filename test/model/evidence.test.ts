import { expect, test } from 'vitest';
import { positionEvidence } from '../../model/evidence.ts';

test('a mean is divided by the values, a deviation by the squared distances from the mean', () => {
  // Two channels of four positions: mean 3 and variance 5; mean 2 and no variance.
  const values = Float32Array.from([0, 2, 4, 6, 2, 2, 2, 2]);
  const weights = { means: [4, 10], deviations: [8, -3] };
  const { means, deviations } = positionEvidence({ values, channels: 2, positions: 4 }, weights, 4);
  expect([...means]).toEqual([0 + 5, 2 + 5, 4 + 5, 6 + 5]);
  // 8 sqrt(5 + 4) = 24 by 9 : 1 : 1 : 9, and -3 sqrt(0 + 4) = -6 equally.
  const expected = [10.8, 1.2, 1.2, 10.8].map((value) => value - 1.5);
  deviations.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 12);
  });
});
