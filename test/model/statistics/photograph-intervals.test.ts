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
      // A share of up to 0.2425 may differ otherwise, of which there is none of twelve.
      interval: { low: expect.closeTo(-0.9925, 3), high: expect.closeTo(-0.5075, 3) },
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

  test('are compared by shares, if they read different numbers of patches', () => {
    const photographs = labels.map((label, i) => ({ file: `${i}`, label }));
    const of = (wrong: number, patches: number) => ({
      part: labels.map(() => wrong),
      whole: labels.map(() => patches),
    });
    const { paired: compare } = resampling(photographs);
    expect(compare(of(15, 15), of(12, 12)).pValue).toBeNull();
    expect(compare(of(5, 15), of(4, 12)).pValue).toBeNull();
    const { difference, pValue } = compare(of(4, 15), of(4, 12));
    expect(difference.value).toBeCloseTo(4 / 15 - 4 / 12, 12);
    expect(pValue).toBeCloseTo(2 / 2 ** 12, 12);
  });
});

describe('the interval of a difference', () => {
  const whole = (size: number) => Array<number>(size).fill(1);
  const compared = (own: readonly number[], other: readonly number[], labels: readonly string[]) => {
    const photographs = labels.map((label, i) => ({ file: `${i}`, label }));
    return resampling(photographs).paired(
      { part: own, whole: whole(own.length) },
      { part: other, whole: whole(own.length) },
    );
  };

  test.each([
    [2, 0.5],
    [3, 0.25],
    [5, 0.0625],
  ])('contains 0 if %i photographs all differ, which have a p-value of %f', (size, expected) => {
    const { difference, pValue } = compared(Array(size).fill(0), whole(size), Array(size).fill('a'));
    expect(pValue).toBeCloseTo(expected, 12);
    expect(difference).toEqual({ value: -1, interval: { low: -1, high: 0 } });
  });

  test('does not contain 0 if six do, which have a p-value of 2 / 64', () => {
    const { difference, pValue } = compared(Array(6).fill(0), whole(6), Array(6).fill('a'));
    expect(pValue).toBeCloseTo(2 / 64, 12);
    expect(difference.interval?.high).toBeLessThan(0);
  });

  test('contains 0 wherever the p-value is above 0.05, and the difference always', () => {
    const random = randomStream(1, 'differences');
    let rejected = 0;
    for (let sample = 0; sample < 200; sample++) {
      const size = random.integer(2, 12);
      const labels = Array.from({ length: size }, () => `${random.integer(0, 3)}`);
      const errors = () => labels.map(() => random.integer(0, 4) / 4);
      const own = errors();
      const other = sample % 2 === 0 ? errors() : own.map((error) => error * 0.5 + 0.5);
      const { difference, pValue } = compared(own, other, labels);
      if (difference.interval === null || pValue === null) continue;
      const { low, high } = difference.interval;
      expect(low).toBeLessThanOrEqual(difference.value + 1e-12);
      expect(high).toBeGreaterThanOrEqual(difference.value - 1e-12);
      expect(low).toBeGreaterThanOrEqual(-1);
      expect(high).toBeLessThanOrEqual(1);
      if (pValue <= 0.05) rejected++;
      else expect(low <= 0 && high >= 0).toBe(true);
    }
    expect(rejected).toBeGreaterThan(20);
  });
});

test.each([
  [4, 0.6],
  [6, 0.7],
  [12, 0.8],
])(
  'the interval of a difference contains the true one, if each of %i photographs differs with %f',
  (size, truth) => {
    const random = randomStream(1, 'differing alike', size);
    const photographs = Array.from({ length: size }, (_, i) => ({ file: `${i}`, label: 'a' }));
    const { paired } = resampling(photographs);
    const whole = photographs.map(() => 1);
    const own = { part: photographs.map(() => 0), whole };
    const samples = 600;
    let covered = 0;
    for (let sample = 0; sample < samples; sample++) {
      const part = photographs.map(() => Number(random.uniform() < truth));
      const { interval } = paired(own, { part, whole }).difference;
      if (interval !== null && interval.low <= -truth && interval.high >= -truth) covered++;
    }
    expect(covered / samples).toBeGreaterThan(0.95);
  },
);
