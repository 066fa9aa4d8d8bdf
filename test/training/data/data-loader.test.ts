import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Augmentation } from '../../../model/training-config.ts';
import { runProgram } from '../../../node/program.ts';
import type { BatchRequest } from '../../../training/data/collate.ts';
import { batchRanges, startDataLoader } from '../../../training/data/data-loader.ts';
import { type Dataset, loadDataset } from '../../../training/data/dataset.ts';
import { moduleAddress } from '../../support/command.ts';
import { smallPhotographs } from '../../support/small-photographs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function datasetOf(cacheBytes: number): Promise<Dataset> {
  const folder = await temporaryFolder(await smallPhotographs('data', ['brick', 'knit'], 4));
  return loadDataset({ data: join(folder, 'data'), patchPx: 64, seed: 1, validationShare: 0.25, cacheBytes });
}

const requests: readonly BatchRequest[] = [
  ...batchRanges(17, 5).map((range) => ({ split: 'train', epoch: 2, ...range }) as const),
  ...batchRanges(8, 3).map((range) => ({ split: 'val', ...range }) as const),
];

async function bytesOf(
  dataset: Dataset,
  threads: number,
  augment: Augmentation = 'jitter64',
): Promise<string[]> {
  const source = startDataLoader(
    { ...dataset, augment, seed: 1, patchPx: 64, patchesPerEpoch: 17, cacheBytes: 9000 },
    threads,
  );
  const made: string[] = [];
  for await (const { patches, labels } of source.batches(requests)) {
    made.push(`${labels.join()} ${Buffer.from(patches).toString('base64')}`);
  }
  await source.close();
  return made;
}

test('batches are the same bytes in the same order with any number of workers, cached or decoded on demand', async () => {
  const cached = await datasetOf(1e9);
  const streamed = await datasetOf(0);
  expect(streamed.pixels).toBeUndefined();
  const expected = await bytesOf(cached, 1);
  expect(expected).toHaveLength(4 + 3);
  expect(await bytesOf(cached, 3)).toEqual(expected);
  expect(await bytesOf(streamed, 2)).toEqual(expected);
  expect(await bytesOf(cached, 1, 'none')).not.toEqual(expected);
});

test('a fast batch does not overtake a slow one of the same worker', async () => {
  const dataset = await datasetOf(0);
  const setting = {
    ...dataset,
    augment: 'none',
    seed: 1,
    patchPx: 64,
    patchesPerEpoch: 120,
    cacheBytes: 0,
  } as const;
  const source = startDataLoader(setting, 1);
  onTestFinished(source.close);
  const unlike = [100, 1, 15, 1, 2].map((count) => ({ split: 'train', epoch: 1, start: 0, count }) as const);
  const sizes: number[] = [];
  for await (const { labels } of source.batches(unlike)) sizes.push(labels.length);
  expect(sizes).toEqual([100, 1, 15, 1, 2]);
});

test('ranges cover everything once, with the remainder in the last', () => {
  expect(batchRanges(7, 3)).toEqual([
    { start: 0, count: 3 },
    { start: 3, count: 3 },
    { start: 6, count: 1 },
  ]);
  expect(batchRanges(7, 3, 6)).toEqual([{ start: 6, count: 1 }]);
  expect(batchRanges(7, 3, 9)).toEqual([]);
});

test('a loop that ends early leaves the next one its own batches', async () => {
  const dataset = await datasetOf(1e9);
  const source = startDataLoader(
    { ...dataset, augment: 'none', seed: 1, patchPx: 64, patchesPerEpoch: 17, cacheBytes: 0 },
    2,
  );
  onTestFinished(source.close);
  const sizes: number[] = [];
  for await (const { labels } of source.batches(requests)) {
    sizes.push(labels.length);
    break;
  }
  for await (const { labels } of source.batches(requests.slice(3, 5))) sizes.push(labels.length);
  expect(sizes).toEqual([5, 2, 3]);
});

test('an error in a worker reaches the loop with its code and its message', async () => {
  const dataset = await datasetOf(0);
  const lost = dataset.train.map((image) => ({
    ...image,
    source: { kind: 'file', path: '/nowhere/a.png' } as const,
  }));
  const source = startDataLoader(
    { ...dataset, train: lost, augment: 'none', seed: 1, patchPx: 64, patchesPerEpoch: 17, cacheBytes: 0 },
    1,
  );
  onTestFinished(source.close);
  const loop = async () => {
    for await (const _ of source.batches(requests));
  };
  await expect(loop()).rejects.toMatchObject({ name: 'TexturaError', code: 'file-unreadable' });
});

test('an internal error in a worker keeps the place where it was thrown', async () => {
  const dataset = await datasetOf(0);
  const unknown = dataset.train.map((image) => ({
    ...image,
    source: { kind: 'generated', texture: 'none' as 'bark', index: 0 } as const,
  }));
  const source = startDataLoader(
    { ...dataset, train: unknown, augment: 'none', seed: 1, patchPx: 64, patchesPerEpoch: 17, cacheBytes: 0 },
    1,
  );
  onTestFinished(source.close);
  await expect(source.batches(requests).next()).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringContaining('undefined'),
    stack: expect.stringContaining('drawTexture'),
  });
});

test('a loader closes while replies still arrive: a process that only waits for the close exits', {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder(await smallPhotographs('data', ['brick', 'knit'], 4));
  const url = (file: string) => JSON.stringify(moduleAddress(`training/data/${file}`));
  // While the main thread is blocked, both replies of each worker queue up; the first one leads to the close.
  const script = `
    const { loadDataset } = await import(${url('dataset.ts')});
    const { startDataLoader } = await import(${url('data-loader.ts')});
    const setting = { patchPx: 64, seed: 1, validationShare: 0.25, cacheBytes: 0, augment: 'none', patchesPerEpoch: 64 };
    const { rm } = await import('node:fs/promises');
    const data = ${JSON.stringify(join(folder, 'data'))};
    const dataset = await loadDataset({ ...setting, data });
    await rm(data, { recursive: true });
    const requests = Array.from({ length: 4 }, (_, i) => ({ split: 'train', epoch: 1, start: 4 * i, count: 4 }));
    const source = startDataLoader({ ...dataset, ...setting }, 2);
    const first = source.batches(requests).next().catch(({ code }) => code);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
    const code = await first;
    await source.close();
    console.log(code);`;
  const args = ['--input-type=module', '-e', script];
  expect(await runProgram(process.execPath, args)).toMatchObject({ status: 0, stdout: 'file-unreadable\n' });
});

test('a loader that closes while a worker starts to inflate a PNG file does not abort the process', async () => {
  const photographs = await smallPhotographs('data', ['brick', 'knit'], 4);
  const slowInflate = `
    const { isMainThread } = require('node:worker_threads');
    const { Zlib } = process.binding('zlib');
    const { init } = Zlib.prototype;
    Zlib.prototype.init = function (...settings) {
      for (const start = Date.now(); !isMainThread && Date.now() < start + 1000; );
      return init.apply(this, settings);
    };`;
  const folder = await temporaryFolder({ ...photographs, 'slow-inflate.cjs': slowInflate });
  const url = (file: string) => JSON.stringify(moduleAddress(`training/data/${file}`));
  const script = `
    const { loadDataset } = await import(${url('dataset.ts')});
    const { startDataLoader } = await import(${url('data-loader.ts')});
    const setting = { patchPx: 64, seed: 1, validationShare: 0.25, cacheBytes: 0, augment: 'none', patchesPerEpoch: 64 };
    const dataset = await loadDataset({ ...setting, data: ${JSON.stringify(join(folder, 'data'))} });
    const source = startDataLoader({ ...dataset, ...setting }, 1);
    const requests = [0, 1].map((start) => ({ split: 'train', epoch: 1, start, count: 1 }));
    await source.batches(requests).next();
    // The worker has the second request.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await source.close();`;
  const env = {
    NODE_OPTIONS: `--no-deprecation --require ${join(folder, 'slow-inflate.cjs')}`,
  };
  const args = ['--input-type=module', '-e', script];
  expect(await runProgram(process.execPath, args, { env })).toMatchObject({ status: 0, stderr: '' });
});
