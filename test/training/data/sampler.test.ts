import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DatasetImage } from '../../../training/data/dataset-image.ts';
import { sampleEpoch, validationGrid } from '../../../training/data/sampler.ts';

const imageOf = (label: number, width = 64, height = 64): DatasetImage => ({
  name: '',
  source: { kind: 'file', path: '' },
  label,
  width,
  height,
  meanGrey: 128,
  contentHash: '',
});

/** Images of classes with the given sizes. */
const classesOf = (sizes: readonly number[]) =>
  sizes.flatMap((size, label) => Array.from({ length: size }, () => imageOf(label)));

function countBy(values: Iterable<number>): number[] {
  const counts: number[] = [];
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return [...counts].map((count) => count ?? 0);
}

test('classes of any sizes get equal shares, and the images of a class are used equally often', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 40, max: 99 }),
      (sizes, patches) => {
        const images = classesOf(sizes);
        const sample = sampleEpoch(images, patches, 3, 1);
        expect(sample.length).toBe(patches);
        const perClass = countBy([...sample].map((index) => images[index]?.label ?? 0));
        expect(Math.max(...perClass) - Math.min(...perClass)).toBeLessThanOrEqual(1);
        const perImage = countBy(sample);
        sizes.forEach((_, label) => {
          const own = images.flatMap((image, index) => (image.label === label ? [perImage[index] ?? 0] : []));
          expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
        });
      },
    ),
    { numRuns: 40 },
  );
});

test('a sample depends only on the seed and the epoch', () => {
  const images = classesOf([5, 3]);
  const sample = (seed: number, epoch: number) => sampleEpoch(images, 31, seed, epoch).join();
  expect(sample(1, 2)).toBe(sample(1, 2));
  expect(new Set([sample(1, 1), sample(1, 2), sample(2, 1)]).size).toBe(3);
});

test('the grid lists the images one after another', () => {
  const grid = validationGrid([imageOf(0, 128, 64), imageOf(1, 64, 129)], 64);
  expect(grid.map(({ image, position }) => [image, position.x, position.y])).toEqual([
    [0, 0, 0],
    [0, 64, 0],
    [1, 0, 0],
    [1, 0, 33],
    [1, 0, 65],
  ]);
});
