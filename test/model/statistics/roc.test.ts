import { expect, test } from 'vitest';
import { randomStream } from '../../../model/random.ts';
import { areaUnderRoc } from '../../../model/statistics/roc.ts';

test('the area is the share of pairs in which the known score is higher; equal scores count half', () => {
  // 5 of the 6 pairs are higher, one is equal: (4 + 0.5) / 6 for [3, 2] against [1, 2, 2.5].
  expect(areaUnderRoc([[3], [2]], [[1], [2], [2.5]]).value).toBeCloseTo(4.5 / 6, 12);
  expect(areaUnderRoc([[3, 2]], [[1, 2, 2.5]])).toEqual(areaUnderRoc([[2, 3]], [[2.5, 2, 1]]));
  expect(areaUnderRoc([[3, 2]], [[1, 2, 2.5]]).value).toBeCloseTo(4.5 / 6, 12);
  expect(areaUnderRoc([[2], [3]], [[0], [1]])).toEqual({ value: 1, interval: null });
  expect(areaUnderRoc([[-1e300], [Number.MIN_VALUE]], [[0]]).value).toBe(0.5);
});

test('one photograph of a kind does not show how they vary, so there is no interval', () => {
  const many = [[0.3, 0.9], [0.6], [0.2, 0.5]];
  for (const [known, unknown] of [
    [many, [[0.55, 0.4]]],
    [[[0.55, 0.4]], many],
  ] as const)
    expect(areaUnderRoc(known, unknown)).toEqual({ value: expect.closeTo(0.5, 12), interval: null });
});

test('swapping known and unknown mirrors area and interval', () => {
  const [known, unknown] = [
    [[0.3, 0.9], [0.6], [0.2, 0.5]],
    [[0.1], [0.4, 0.55], [0.7]],
  ];
  const [one, other] = [areaUnderRoc(known, unknown), areaUnderRoc(unknown, known)];
  expect(one.value).toBeCloseTo(1 - other.value, 12);
  expect(one.interval?.low).toBeLessThan(one.value);
  expect(one.interval?.high).toBeGreaterThan(one.value);
});

test('the interval covers the true area in about 95 of 100 samples, also with several scores a photograph', () => {
  const random = randomStream(3, 'scores');
  const photographs = (count: number, mean: number) =>
    Array.from({ length: count }, () => {
      const own = mean + random.normal();
      return Array.from({ length: 4 }, () => own + random.normal());
    });
  // Scores differ by a normal variable of mean 2 and variance 4, so that the area is Phi(1).
  const area = 0.841345;
  const samples = 150;
  let covered = 0;
  for (let i = 0; i < samples; i++) {
    const { interval } = areaUnderRoc(photographs(20, 2), photographs(30, 0));
    if (interval !== null && interval.low <= area && area <= interval.high) covered++;
  }
  expect(covered / samples).toBeGreaterThan(0.9);
  expect(covered / samples).toBeLessThan(0.99);
});
