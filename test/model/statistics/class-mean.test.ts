import { describe, expect, test } from 'vitest';
import { randomStream } from '../../../model/random.ts';
import { classMean } from '../../../model/statistics/class-mean.ts';
import { wilsonInterval } from '../../../model/statistics/wilson.ts';

const labelsOf = (sizes: readonly number[]) =>
  sizes.flatMap((size, label) => Array<string>(size).fill(String(label)));

describe('the mean over classes', () => {
  test('weights classes equally, however many photographs and patches each has', () => {
    const { value } = classMean({ part: [1, 0, 6], whole: [2, 4, 8] }, ['a', 'a', 'b']);
    expect(value).toBeCloseTo((1 / 6 + 6 / 8) / 2, 12);
  });

  // Classes differ in their share of errors, and photographs within a class.
  const patches = 9;
  test.each([
    { sizes: [6, 6], least: 0.93, most: 0.99 },
    { sizes: [3, 3, 3, 3], least: 0.93, most: 0.995 },
    { sizes: [6, 6, 1, 1], least: 0.95, most: 1 },
    { sizes: [12, 12, 1], least: 0.95, most: 1 },
    { sizes: [10, 10, 10, 1, 1, 1], least: 0.95, most: 1 },
    { sizes: [1, 1, 1, 1, 1, 1], least: 0.95, most: 1 },
  ])('its interval for classes of $sizes photographs contains the true mean', ({ sizes, least, most }) => {
    const labels = labelsOf(sizes);
    const random = randomStream(1, 'class means', labels.length);
    const truth = sizes.map((_, c) => 0.25 + 0.5 * (c % 2));
    const mean = truth.reduce((sum, share) => sum + share, 0) / sizes.length;
    const whole = labels.map(() => patches);
    const samples = 1000;
    let covered = 0;
    for (let sample = 0; sample < samples; sample++) {
      const part = labels.map((label) => {
        const chance = (truth[Number(label)] as number) + random.between(-0.25, 0.25);
        return Array.from({ length: patches }, () => Number(random.uniform() < chance)).reduce(
          (a, b) => a + b,
        );
      });
      const { interval } = classMean({ part, whole }, labels);
      if (interval !== null && interval.low <= mean && interval.high >= mean) covered++;
    }
    expect(covered / samples).toBeGreaterThan(least);
    expect(covered / samples).toBeLessThanOrEqual(most);
  });

  // Each photograph is right or wrong; those of a small class often agree by chance.
  test.each([
    { sizes: [20, 2], errors: [0.5, 0.5], least: 0.98 },
    { sizes: [20, 2], errors: [0.1, 0.1], least: 0.98 },
    { sizes: [20, 2], errors: [0, 0.5], least: 0.98 },
    { sizes: [99, 1], errors: [0, 0.5], least: 0.98 },
    { sizes: [50, 3], errors: [0.1, 0.1], least: 0.95 },
    { sizes: [50, 3], errors: [0.5, 0.5], least: 0.82 },
    { sizes: [50, 3], errors: [0.1, 0.9], least: 0.98 },
    { sizes: [30, 30, 30, 2], errors: [0.5, 0.5, 0.5, 0.5], least: 0.92 },
    { sizes: [30, 30, 30, 2], errors: [0, 0.5, 0, 0.5], least: 0.85 },
    { sizes: [10, 10], errors: [0.5, 0.5], least: 0.93 },
    { sizes: Array<number>(12).fill(1), errors: Array<number>(12).fill(0.5), least: 0.93 },
  ])('of photographs in classes of $sizes with errors of $errors too', ({ sizes, errors, least }) => {
    const labels = labelsOf(sizes);
    const random = randomStream(1, 'photographs', labels.length);
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const whole = labels.map(() => 1);
    const samples = 1000;
    let covered = 0;
    for (let sample = 0; sample < samples; sample++) {
      const part = labels.map((label) => Number(random.uniform() < (errors[Number(label)] as number)));
      const { interval } = classMean({ part, whole }, labels);
      if (interval !== null && interval.low <= mean && interval.high >= mean) covered++;
    }
    expect(covered / samples).toBeGreaterThan(least);
  });

  test('has an interval where no class has both right and wrong photographs', () => {
    const labels = labelsOf([3, 3]);
    const { value, interval } = classMean({ part: [0, 0, 0, 1, 1, 1], whole: labels.map(() => 1) }, labels);
    expect(value).toBe(0.5);
    // Of all photographs the variance is 1/4; of a class, with two more that vary like them, (2 * 1/4) / 4 = 1/8. The
    // mean has the variance (1/8 / 3 + 1/8 / 3) / 4 = 1/48, like that of 12 photographs. Student's t with 5 degrees of
    // freedom is 2.5706.
    const expected = wilsonInterval(6 * (1.96 / 2.5706) ** 2, 12 * (1.96 / 2.5706) ** 2);
    expect(interval?.low).toBeCloseTo(expected.low, 4);
    expect(interval?.high).toBeCloseTo(expected.high, 4);
  });

  test('of no or only errors has the interval of equal classes that show as much', () => {
    const { value, interval } = classMean({ part: [0, 0, 0], whole: [1, 1, 1] }, ['a', 'a', 'b']);
    // The mean of two classes varies by (1/2 + 1/1) / 4 of a photograph's variance.
    expect({ value, interval }).toEqual({ value: 0, interval: wilsonInterval(0, 4 / (1 / 2 + 1)) });
    const labels = labelsOf([99, 1]);
    const uneven = classMean({ part: labels.map(() => 1), whole: labels.map(() => 1) }, labels);
    expect(uneven).toEqual({ value: 1, interval: { low: expect.closeTo(0.5076, 3), high: 1 } });
    const even = classMean({ part: Array(6).fill(0), whole: Array(6).fill(1) }, labelsOf([2, 2, 2]));
    expect(even).toEqual({ value: 0, interval: wilsonInterval(0, 6) });
  });

  test('of one photograph that is partly wrong has none', () => {
    expect(classMean({ part: [1], whole: [3] }, ['a'])).toEqual({ value: 1 / 3, interval: null });
  });
});
