import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { patchBytes } from '../../model/patch.ts';
import { PreparationPool, type PreparedImage } from '../../serve/inference/preparation-pool.ts';
import { breakingThreads, breakThreads } from '../support/breaking-threads.ts';
import { encoder, rgbPicture } from '../support/pictures.ts';

let photograph: Buffer;
let pool: PreparationPool;

beforeAll(async () => {
  photograph = await encoder(rgbPicture(900, 700)).jpeg().toBuffer();
});
beforeEach(() => {
  pool = new PreparationPool(1, breakingThreads.preparation);
});
afterEach(() => pool.close());

const prepare = () => {
  const cut = { name: 'image', crops: 'auto', patchPx: 64, maxPixels: 1e6 } as const;
  const bytes = new Uint8Array(photograph);
  return pool.prepare('a client', { bytes, ...cut }, new AbortController().signal);
};
const outcomes = async (images: readonly Promise<PreparedImage>[]) =>
  (await Promise.allSettled(images)).map((end) =>
    end.status === 'fulfilled' ? end.value.patches.length / patchBytes : end.reason.message,
  );

test('a lost thread fails its images, and the others wait for the replacement', async () => {
  expect(await outcomes([prepare()])).toEqual([15]);
  const images = Array.from({ length: 6 }, prepare);
  expect(pool.waiting).toBe(2);
  breakThreads('throw');
  const lost = 'a preparation thread was lost: broken by a test';
  expect(await outcomes(images)).toEqual([lost, lost, lost, lost, 15, 15]);
});

test('a closed pool rejects waiting images and answers those in work', async () => {
  await prepare();
  const images = Array.from({ length: 6 }, prepare);
  const [ends] = await Promise.all([outcomes(images), pool.close()]);
  const closed = 'the preparation threads are closed';
  expect(ends).toEqual([15, 15, 15, 15, closed, closed]);
  expect(await outcomes([prepare()])).toEqual([closed]);
});
