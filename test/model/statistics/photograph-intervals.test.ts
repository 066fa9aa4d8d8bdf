import { describe, expect, test } from 'vitest';
import { randomStream } from '../../../model/random.ts';
import { resampling } from '../../../model/statistics/photograph-intervals.ts';

test.each([
  [6, 2],
  [12, 2],
  [3, 3],
  [6, 6],
])(
  'intervals over %i photographs of %i classes contain the true mean in 19 of 20 samples',
  (size, classes) => {
    const random = randomStream(1, 'photographs', size);
    const photographs = Array.from({ length: size }, (_, i) => ({ file: `${i}`, label: `${i % classes}` }));
    const whole = photographs.map(() => 1);
    const resampled = resampling(photographs);
    const samples = 1000;
    let covered = 0;
    for (let sample = 0; sample < samples; sample++) {
      const part = photographs.map(() => random.normal());
      const { interval } = resampled.mean({ part, whole }, { low: -10, high: 10 });
      if (interval !== null && interval.low <= 0 && interval.high >= 0) covered++;
    }
    expect(covered / samples).toBeGreaterThan(0.93);
    expect(covered / samples).toBeLessThan(0.97);
  },
);

describe('two models that differ alike on all photographs of a class', () => {
  const paired = (own: readonly number[], other: readonly number[], labels: readonly string[]) => {
    const whole = own.map(() => 1);
    const photographs = labels.map((label, i) => ({ file: `${i}`, label }));
    return resampling(photographs).paired({ part: own, whole }, { part: other, whole });
  };
  const labels = ['a', 'a', 'a', 'b', 'b', 'b', 'c', 'c', 'c', 'd', 'd', 'd'];

  test('have an interval, and the p-value of a sign test', () => {
    const other = labels.map((label) => Number(label !== 'a'));
    const { difference, pValue } = paired(Array(12).fill(0), other, labels);
    expect(difference).toEqual({
      value: -0.75,
      interval: { low: expect.closeTo(-0.917, 3), high: expect.closeTo(-0.583, 3) },
    });
    // Nine fair coins all show one side in 2 of 512 throws.
    expect(pValue).toBeCloseTo(2 / 512, 12);
  });

  test('but in opposite directions are not distinguished', () => {
    const [own, other] = ['a', 'b'].map((wrong) => labels.map((label) => Number(label === wrong)));
    const { difference, pValue } = paired(own as number[], other as number[], labels);
    expect(difference.value).toBeCloseTo(0, 12);
    expect(difference.interval?.low).toBeLessThan(0);
    expect(difference.interval?.high).toBeGreaterThan(0);
    expect(pValue).toBe(1);
  });

  test('have neither if they are right on the same photographs, or if there is one', () => {
    const none = { difference: { value: 0, interval: null }, pValue: null };
    expect(paired(Array(12).fill(0), Array(12).fill(0), labels)).toEqual(none);
    expect(paired([0], [1], ['a'])).toEqual({ difference: { value: -1, interval: null }, pValue: null });
  });
});
