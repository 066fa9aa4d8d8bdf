import { describe, expect, test } from 'vitest';
import { randomStream } from '../../../model/random.ts';
import { classMean } from '../../../model/statistics/class-mean.ts';

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
    { sizes: [6, 6], least: 0.93, most: 0.97 },
    { sizes: [3, 3, 3, 3], least: 0.93, most: 0.975 },
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

  test('has an interval where no class has both right and wrong photographs', () => {
    const labels = labelsOf([3, 3]);
    const { value, interval } = classMean({ part: [0, 0, 0, 1, 1, 1], whole: labels.map(() => 1) }, labels);
    expect(value).toBe(0.5);
    // Two of four more photographs: a share of 2/7 in each class, with half the weight.
    const deviation = Math.sqrt((2 * 0.25 * (2 / 7) * (5 / 7)) / 7);
    expect(interval?.low).toBeCloseTo(0.5 - 1.96 * deviation, 3);
    expect(interval?.high).toBeCloseTo(0.5 + 1.96 * deviation, 3);
  });

  test('of no or only errors has the interval of so many photographs; of one photograph, none', () => {
    expect(classMean({ part: [0, 0, 0], whole: [1, 1, 1] }, ['a', 'a', 'b'])).toEqual({
      value: 0,
      interval: { low: 0, high: expect.closeTo(0.5615, 3) },
    });
    expect(classMean({ part: [1], whole: [3] }, ['a'])).toEqual({ value: 1 / 3, interval: null });
  });
});
