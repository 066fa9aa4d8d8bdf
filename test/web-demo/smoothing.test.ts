import { expect, test } from 'vitest';
import { smoothed, stableOrder } from '../../web-demo/page/live/smoothing.ts';

test('probabilities follow a change by 63 % in 350 ms, and still sum to one', () => {
  const after = smoothed(Float32Array.of(1, 0, 0), Float32Array.of(0, 0.25, 0.75), 350);
  expect(after[0]).toBeCloseTo(Math.exp(-1), 6);
  expect(after.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
});

test('a result with another number of classes is not smoothed', () => {
  expect([...smoothed(new Float32Array(2), Float32Array.of(0.5, 0.25, 0.25), 10)]).toEqual([0.5, 0.25, 0.25]);
});

test('two classes of about equal probability keep their order, a clear lead changes it', () => {
  const before = [2, 0, 1];
  expect(stableOrder(before, Float32Array.of(0.405, 0.2, 0.395), 3)).toEqual([2, 0, 1]);
  expect(stableOrder(before, Float32Array.of(0.45, 0.2, 0.35), 3)).toEqual([0, 2, 1]);
});

test('a class that was not shown before needs a lead to move ahead of those that were', () => {
  expect(stableOrder([0, 1], Float32Array.of(0.3, 0.1, 0.31, 0.29), 2)).toEqual([0, 2]);
  expect(stableOrder([], Float32Array.of(0.3, 0.1, 0.31, 0.29), 3)).toEqual([2, 0, 3]);
});
