import { expect, test } from 'vitest';
import { randomStream, shuffle } from '../../model/random.ts';

test('the same seed and purpose give the same numbers, another seed or purpose gives different ones', () => {
  const draw = (...name: Parameters<typeof randomStream>) => {
    const random = randomStream(...name);
    return [random.uniform(), random.normal(), random.integer(0, 1e6)].join();
  };
  const names: Parameters<typeof randomStream>[] = [
    [1, 'a'],
    [2, 'a'],
    [1, 'b'],
    [1, 'a', 1],
    [1, 'a', 2],
    [1],
    [11, 'a'],
    [1, '1', 'a'],
  ];
  expect(new Set(names.map((name) => draw(...name))).size).toBe(names.length);
  for (const name of names) expect(draw(...name)).toBe(draw(...name));
});

test('purposes that concatenate to the same text are distinguished', () => {
  expect(randomStream(1, 'ab', 'c').uniform()).not.toBe(randomStream(1, 'a', 'bc').uniform());
});

test('uniform numbers fill [0, 1) evenly and normal ones have mean 0 and deviation 1', () => {
  const random = randomStream(5, 'moments');
  const count = 40_000;
  const uniform = Array.from({ length: count }, () => random.uniform());
  const normal = Array.from({ length: count }, () => random.normal());
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...uniform)).toBeLessThan(1);
  // Four standard errors of each mean.
  expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / count));
  expect(Math.abs(mean(normal))).toBeLessThan(4 / Math.sqrt(count));
  expect(Math.abs(mean(normal.map((value) => value * value)) - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
});

test('integers reach both ends', () => {
  const random = randomStream(5, 'integers');
  const seen = new Set(Array.from({ length: 500 }, () => random.integer(-2, 3)));
  expect([...seen].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2, 3]);
});

test('shuffling keeps the items and puts each at each position about equally often', () => {
  const random = randomStream(5, 'shuffle');
  const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
  for (let round = 0; round < 4000; round++) {
    const items = shuffle([0, 1, 2, 3], random);
    expect([...items].sort()).toEqual([0, 1, 2, 3]);
    items.forEach((item, place) => {
      const row = counts[item] as number[];
      row[place] = (row[place] as number) + 1;
    });
  }
  // Mean 1000, deviation 27: five deviations.
  for (const count of counts.flat()) expect(Math.abs(count - 1000)).toBeLessThan(140);
});
