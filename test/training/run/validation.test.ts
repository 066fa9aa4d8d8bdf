import { expect, test } from 'vitest';
import type { MetricsRow } from '../../../model/metrics.ts';
import { networkOf } from '../../../model/network.ts';
import { initialParameters, zeroParameters } from '../../../model/parameters.ts';
import { meanScores } from '../../../model/scores.ts';
import { drawTexture, type TextureName } from '../../../textures/textures.ts';
import { startDataLoader } from '../../../training/data/data-loader.ts';
import type { DatasetImage } from '../../../training/data/dataset-image.ts';
import { startPixelCache } from '../../../training/data/pixels.ts';
import { validationGrid } from '../../../training/data/sampler.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { bestRow, validate, validatedImages } from '../../../training/run/validation.ts';
import { memoryPictures } from '../../support/memory-pictures.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

function image(name: string): DatasetImage {
  const source = { kind: 'file', path: name } as const;
  return { name, source, label: 0, width: 70, height: 66, meanGrey: 128, contentHash: name };
}

test('each photograph has its patches, the wrong ones among them, and the class of its averaged logits', () => {
  const position = { x: 0, y: 0 };
  const grid = [0, 0, 0, 1, 1].map((index) => ({ image: index, position }));
  const logits = Float32Array.from([
    ...[9, 0, 0, 0, 0, 0, 0],
    ...[1, 2, 0, 0, 0, 0, 0],
    ...[0, 1, 2, 3, 4, 5, 6],
    ...[0, 0, 0, 0, 0, 1, 0],
    ...[0, 0, 0, 0, 0, 0, 4],
  ]);
  const labels = Int32Array.of(0, 0, 0, 5, 5);
  expect(validatedImages({ labels, logits }, names, grid, [image('a/1.png'), image('f/2.png')])).toEqual([
    { image: 'a/1.png', label: 'a', patches: 3, wrong: 2, top5_wrong: 1, photograph_prediction: 'a' },
    { image: 'f/2.png', label: 'f', patches: 2, wrong: 1, top5_wrong: 1, photograph_prediction: 'g' },
  ]);
});

const rowOf = (
  epoch: number,
  top1err: number,
  objective: number,
  split: 'train' | 'val' = 'val',
): MetricsRow => ({
  ...{ epoch, split, objective, top1err },
  ...{ top5err: 0, images_per_second: 1, learning_rate: 0.1, seconds: 1 },
});

test('the best row is a validation row: lowest error, then lowest loss, then the earliest', () => {
  expect(bestRow([])).toBeUndefined();
  expect(bestRow([rowOf(1, 0.1, 0.1, 'train')])).toBeUndefined();
  expect(bestRow([rowOf(1, Number.NaN, Number.NaN)])).toBeUndefined();
  const rows = [rowOf(1, 0.3, 0.2), rowOf(2, 0.2, 0.9), rowOf(3, 0.2, 0.8), rowOf(4, 0.2, 0.8)];
  expect(bestRow([...rows, rowOf(5, 0, 0, 'train'), rowOf(6, 0, Number.NaN)])?.epoch).toBe(3);
});

const balancedRow = (epoch: number, top1err: number, balanced: number, objective = 1): MetricsRow => ({
  ...rowOf(epoch, top1err, objective),
  balanced_top1err: balanced,
});

test('the best row is chosen by balanced error, so that a class with few patches has the same weight', () => {
  const rows = [balancedRow(1, 0.1, 0.5), balancedRow(2, 0.2, 0.3), balancedRow(3, 0.15, 0.4)];
  expect(bestRow(rows)?.epoch).toBe(2);
  const ties = [balancedRow(1, 0.1, 0.3, 0.9), balancedRow(2, 0.2, 0.3, 0.8), balancedRow(3, 0.1, 0.3, 0.8)];
  expect(bestRow(ties)?.epoch, 'lower loss, then the earliest').toBe(2);
});

test('a run of an earlier version, whose rows have no balanced error, is chosen by top-1 error to its end', () => {
  const old = [rowOf(1, 0.3, 1), rowOf(2, 0.2, 1)];
  expect(bestRow([...old, balancedRow(3, 0.25, 0.1)])?.epoch).toBe(2);
  expect(bestRow([...old, balancedRow(3, 0.1, 0.9)])?.epoch).toBe(3);
});

const classes: readonly TextureName[] = ['brick', 'knit', 'water'];

test('validation gives the balanced error of its predictions', async () => {
  // Four pictures of brick, one of the others; before its first step the network predicts one class for all
  // of them.
  const data = memoryPictures(classes);
  const network = networkOf('lab-baseline', classes.length);
  const cache = startPixelCache(1e6);
  const counts = [4, 1, 1];
  const validation = counts.flatMap((count, label) =>
    Array.from({ length: count }, (_, i) => {
      const texture = classes[label] as TextureName;
      const image: DatasetImage = {
        ...(data.validation[label] as DatasetImage),
        name: `${label} ${i}`,
        contentHash: `${i}`,
      };
      cache.add(image, drawTexture(texture, 1, 2 + i, 70, 66));
      return image;
    }),
  );
  for (const image of data.train)
    cache.add(image, drawTexture(classes[image.label] as TextureName, 1, 0, 70, 66));
  const pixels = cache.pixelsOf([...data.train, ...validation]);
  const setting = {
    train: data.train,
    validation,
    pixels,
    patchesPerEpoch: 7,
    seed: 5,
    augment: 'none',
  } as const;
  const loader = startDataLoader({ ...setting, patchPx: 64, cacheBytes: 0 }, 1);
  const engine = await onnxEngine(network, { threads: 1, batch: 3 });
  await engine.write({ parameters: initialParameters(network, 5), momentum: zeroParameters(network) });
  const grid = validationGrid(validation, 64);
  const seen: { label: number; named: number }[] = [];
  const { balancedTop1err, sums } = await validate(
    { engine, loader, patches: { start: 0, end: grid.length }, batch: 3, network },
    (logits, labels) => {
      labels.forEach((label, i) => {
        const row = [...logits.subarray(i * 3, i * 3 + 3)];
        seen.push({ label, named: row.indexOf(Math.max(...row)) });
      });
    },
  );
  const [start, end] = [2, grid.length - 1];
  const part: number[] = [];
  const { sums: ofPart } = await validate(
    { engine, loader, patches: { start, end }, batch: 3, network },
    (_, labels) => part.push(...labels),
  );
  await loader.close();
  await engine.dispose();
  expect(part).toEqual(seen.slice(start, end).map(({ label }) => label));
  expect(ofPart.top1Errors).toBe(seen.slice(start, end).filter(({ label, named }) => named !== label).length);
  const errors = counts.map((_, label) => {
    const own = seen.filter((one) => one.label === label);
    return own.filter(({ named }) => named !== label).length / own.length;
  });
  expect(seen).toHaveLength(grid.length);
  expect(balancedTop1err).toBeCloseTo(errors.reduce((a, b) => a + b) / 3, 12);
  expect(balancedTop1err).not.toBeCloseTo(meanScores(sums).top1err, 3);
});
