import { expect, test } from 'vitest';
import { learningRateAt } from '../../../training/run/schedule.ts';

const schedule = { shape: 'cosine', peak: 0.5, warmupSteps: 4, totalSteps: 12 } as const;

test('the rate rises in equal steps to the peak, which the first step after the warm-up has', () => {
  const rates = [0, 1, 2, 3, 4].map((step) => learningRateAt(schedule, step));
  expect(rates.map((rate) => Number(rate.toFixed(12)))).toEqual([0.1, 0.2, 0.3, 0.4, 0.5]);
});

test('it falls along half a cosine to zero at the end', () => {
  expect(learningRateAt(schedule, 8)).toBeCloseTo(0.25, 12);
  expect(learningRateAt(schedule, 6)).toBeCloseTo(0.25 * (1 + Math.SQRT1_2), 12);
  expect(learningRateAt(schedule, 12)).toBeCloseTo(0, 12);
});

test('without a warm-up the first step has the peak', () => {
  expect(learningRateAt({ shape: 'cosine', peak: 0.3, warmupSteps: 0, totalSteps: 5 }, 0)).toBe(0.3);
});

test('a run with only warm-up never divides by zero', () => {
  expect(learningRateAt({ shape: 'cosine', peak: 0.3, warmupSteps: 3, totalSteps: 3 }, 3)).toBe(0.3);
});

test('a constant rate stays at its peak after the warm-up', () => {
  const constant = { ...schedule, shape: 'constant' } as const;
  expect([3, 4, 8, 11].map((step) => learningRateAt(constant, step))).toEqual([0.4, 0.5, 0.5, 0.5]);
});
