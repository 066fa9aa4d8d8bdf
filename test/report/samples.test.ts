import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { patchBytes } from '../../model/patch.ts';
import { gaussianPyramid, reduced, type Samples, writeSamples } from '../../report/samples.ts';
import { pictureOf } from '../support/pictures.ts';
import { tolerances } from '../tolerances.ts';

const flat = (level: number) => new Uint8Array(patchBytes).fill(level);

describe('the Gaussian pyramid', () => {
  test('halves both sides, rounded up, down to the smallest side or the number of levels', () => {
    const sizes = (levels: number) =>
      gaussianPyramid(
        pictureOf(75, 38, () => 9),
        levels,
      ).map(({ width, height }) => [width, height]);
    expect(sizes(9)).toEqual([
      [75, 38],
      [38, 19],
      [19, 10],
    ]);
    expect(sizes(2)).toHaveLength(2);
  });

  test('spreads one point by the binomial kernel of Burt and Adelson', () => {
    const point = pictureOf(9, 7, (x, y) => (x === 4 && y === 2 ? 255 : 0));
    const { data, width } = reduced(point);
    expect(width).toBe(5);
    // Weights 6/16, 1/16 and 1/16 at every second pixel: 36/256, 6/256 and 1/256 of 255.
    const round = (weight: number) => Math.floor((255 * weight) / 256 + 0.5);
    expect(Array.from(data.subarray(5, 10))).toEqual([0, round(6), round(36), round(6), 0]);
    expect(Array.from(data.subarray(10, 15))).toEqual([0, round(1), round(6), round(1), 0]);
    const offGrid = reduced(pictureOf(9, 7, (x, y) => (x === 3 && y === 2 ? 255 : 0)));
    expect(Array.from(offGrid.data.subarray(5, 10))).toEqual([0, round(24), round(24), 0, 0]);
  });

  test('keeps a flat image flat to its edges, and a slope straight within them', () => {
    expect(new Set(reduced(pictureOf(11, 6, () => 200)).data)).toEqual(new Set([200]));
    const slope = reduced(pictureOf(16, 3, (x) => 10 * x));
    expect(Array.from(slope.data.subarray(1, 7))).toEqual([20, 40, 60, 80, 100, 120]);
  });
});

describe('samples.png', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'textura-samples-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const samples: Samples = {
    heading: 'Augmentation: jitter64 & <others>',
    samples: Array.from({ length: 11 }, (_, i) => ({
      label: `Größe <${i}>`,
      before: flat(20 * i),
      after: flat(20 * i + 10),
    })),
    image: pictureOf(300, 120, (x) => (x < 150 ? 30 : 230)),
    imageName: 'brick/1.png',
  };

  test('shows the patches before and after, in bands of eight, and the pyramid below', async () => {
    const directory = join(folder, 'run');
    await writeSamples(directory, samples);
    const path = join(directory, 'samples.png');
    const { data, info } = await sharp(path).greyscale().raw().toBuffer({ resolveWithObject: true });
    const level = (x: number, y: number) => data[(y * info.width + x) * info.channels] as number;
    const column = (index: number) => 84 + 138 * index + 64;
    const near = (got: number, level: number) =>
      expect(Math.abs(got - level)).toBeLessThanOrEqual(tolerances.sheetLevel);
    near(level(column(0), 70 + 64), 0);
    near(level(column(0), 70 + 133 + 64), 10);
    near(level(column(7), 70 + 64), 140);
    near(level(column(2), 371 + 64), 200);
    near(level(column(2), 371 + 133 + 64), 210);
    near(level(24 + 40, info.height - 80), 30);
    near(level(24 + 290, info.height - 80), 230);
  });

  test('draws all samples, and the same file for the same samples', async () => {
    const [first, second] = [join(folder, 'a'), join(folder, 'b')];
    await writeSamples(first, { ...samples, samples: samples.samples.slice(0, 3) });
    await writeSamples(second, { ...samples, samples: samples.samples.slice(0, 3) });
    const file = join(first, 'samples.png');
    expect(await readFile(file)).toEqual(await readFile(join(second, 'samples.png')));
    const larger = await sharp(join(folder, 'run', 'samples.png')).metadata();
    const smaller = await sharp(file).metadata();
    expect(smaller.height).toBeLessThan(larger.height);
  });
});
