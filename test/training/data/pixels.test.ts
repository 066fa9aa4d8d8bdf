import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { greyFromPixels } from '../../../model/image.ts';
import { decodingBytesPerPixel } from '../../../node/image-decoder.ts';
import type { DatasetImage } from '../../../training/data/dataset-image.ts';
import { drawGeneratedImage } from '../../../training/data/generated.ts';
import { type CachedPixels, pixelReader, startPixelCache } from '../../../training/data/pixels.ts';
import { pngFile, rgbPicture } from '../../support/pictures.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const [width, height] = [70, 66];
const imageBytes = width * height;
const decodingBytes = decodingBytesPerPixel * imageBytes;
const greyOf = (variety: number) => greyFromPixels({ ...rgbPicture(width, height, variety), channels: 3 });

/** Files 0.png, 1.png and so on, each with its record. */
async function imageFiles(count: number): Promise<readonly DatasetImage[]> {
  const folder = await temporaryFolder();
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const path = join(folder, `${i}.png`);
      await writeFile(path, await pngFile(i));
      return {
        name: `${i}.png`,
        source: { kind: 'file', path },
        label: 0,
        width,
        height,
        meanGrey: 128,
        contentHash: `${i}`,
      } as const;
    }),
  );
}

/** Resolves to the images themselves, which no batch does. */
function readerOf(images: readonly DatasetImage[], cacheBytes: number, pixels?: CachedPixels) {
  const read = pixelReader({ images, pixels, cacheBytes });
  return (index: number) => read(index, (image) => image);
}

async function spoil({ source }: DatasetImage): Promise<void> {
  if (source.kind === 'file') await writeFile(source.path, 'gone');
}

test('cached images are views of the shared memory, in whatever order they are listed', async () => {
  const images = await imageFiles(3);
  const cache = startPixelCache(3 * imageBytes);
  images.forEach((image, i) => {
    cache.add(image, greyOf(i));
  });
  const [first, second, third] = images as readonly [DatasetImage, DatasetImage, DatasetImage];
  const pixels = cache.pixelsOf(images);
  const read = readerOf([third, first, second], 0, pixels);
  const greys = await Promise.all([0, 1, 2].map((index) => read(index)));
  expect(greys).toEqual([greyOf(2), greyOf(0), greyOf(1)]);
  expect(greys.every(({ data }) => data.buffer === pixels?.slabs[0])).toBe(true);
});

test('a cache over its budget stores nothing', async () => {
  const images = await imageFiles(3);
  const cache = startPixelCache(3 * imageBytes - 1);
  images.forEach((image, i) => {
    cache.add(image, greyOf(i));
  });
  expect(cache.pixelsOf(images.slice(0, 1))).toBeUndefined();
});

test('a cache stores images that do not fit into one slab', () => {
  const image = (side: number): DatasetImage => ({
    name: `${side}`,
    source: { kind: 'generated', texture: 'bark', index: side },
    label: 0,
    width: side,
    height: side,
    meanGrey: 128,
    contentHash: `${side}`,
  });
  const images = [image(3000), image(4800), image(4000), image(7000), image(2)];
  const cache = startPixelCache(2 ** 30);
  for (const one of images)
    cache.add(one, {
      data: new Uint8Array(one.width ** 2).fill(one.width % 251),
      width: one.width,
      height: one.width,
    });
  const pixels = cache.pixelsOf(images);
  expect(pixels?.slabs.length).toBeGreaterThan(2);
  const read = readerOf(images, 0, pixels);
  return Promise.all(
    images.map(async (one, index) => {
      const { data } = await read(index);
      expect([data.length, data[0], data.at(-1)]).toEqual([one.width ** 2, one.width % 251, one.width % 251]);
    }),
  );
});

test('without a cache an image is decoded from its file, or drawn if it is generated', async () => {
  const [file] = await imageFiles(1);
  const generated: DatasetImage = {
    name: 'brick/03',
    source: { kind: 'generated', texture: 'brick', index: 3 },
    label: 1,
    width: 192,
    height: 192,
    meanGrey: 128,
    contentHash: '',
  };
  const read = readerOf([file as DatasetImage, generated], 0);
  expect(await read(0)).toEqual(greyOf(0));
  expect(await read(1)).toEqual(drawGeneratedImage('brick', 3));
});

test('the most recently used images are cached as long as the budget has space to decode another', async () => {
  const images = await imageFiles(3);
  const read = readerOf(images, imageBytes + decodingBytes);
  for (const index of [0, 1, 0, 2]) await read(index);
  await Promise.all(images.map(spoil));
  expect(await read(0)).toEqual(greyOf(0));
  expect(await read(2)).toEqual(greyOf(2));
  await expect(read(1)).rejects.toMatchObject({ code: 'image-type-unsupported' });
});

test('a failed read is not cached, so that the next one can succeed', async () => {
  const images = await imageFiles(1);
  const [image] = images as readonly [DatasetImage];
  await spoil(image);
  const read = readerOf(images, imageBytes);
  await expect(read(0)).rejects.toThrow(/^0\.png: /);
  if (image.source.kind === 'file') await writeFile(image.source.path, await pngFile(0));
  expect(await read(0)).toEqual(greyOf(0));
});

test('concurrent requests for an image share one read', async () => {
  const read = readerOf(await imageFiles(1), imageBytes);
  const [first, second] = await Promise.all([read(0), read(0)]);
  expect(first).toBe(second);
});

test('an image whose size has changed since it was checked is an error with its name', async () => {
  const images = await imageFiles(1);
  const [image] = images as readonly [DatasetImage];
  if (image.source.kind === 'file') await writeFile(image.source.path, await pngFile(0, 71, 65));
  await expect(readerOf(images, 0)(0)).rejects.toMatchObject({
    code: 'image-damaged',
    message: '0.png: the file has changed since it was checked: it was 70x66, now 71x65',
  });
});
