import sharp, { type Sharp } from 'sharp';
import { expect, test } from 'vitest';
import type { GreyImage } from '../../../model/image.ts';
import { decodeImage } from '../../../node/image-decoder.ts';
import { drawTexture, textureNames } from '../../../textures/textures.ts';
import { nearDuplicates, pictureFingerprint } from '../../../training/inspection/near-duplicates.ts';

const picture = (texture: number, index: number): GreyImage =>
  drawTexture(textureNames[texture] ?? 'bark', 1, index, 161, 117);

async function changed(
  { data, width, height }: GreyImage,
  change: (image: Sharp) => Sharp,
): Promise<GreyImage> {
  const image = sharp(data, { raw: { width, height, channels: 1 } });
  return decodeImage(await change(image).toBuffer(), 'copy');
}

const setsOf = (images: readonly GreyImage[]) =>
  nearDuplicates(images.map(pictureFingerprint)).map(({ photographs }) => photographs);

test('copies that were scaled, compressed or made brighter are found, and different pictures are not', async () => {
  const originals = Array.from({ length: textureNames.length }, (_, texture) => [
    picture(texture, 0),
    picture(texture, 1),
  ]).flat();
  expect(setsOf(originals)).toEqual([]);
  const changes: readonly ((image: Sharp) => Sharp)[] = [
    (image) => image.jpeg({ quality: 30 }),
    (image) => image.resize(80).jpeg({ quality: 70 }),
    (image) => image.resize(400, 250, { fit: 'fill' }).webp({ quality: 60 }),
    (image) => image.linear(0.8, 25).png(),
  ];
  const copies = await Promise.all(
    originals.map((original, i) =>
      changed(original, changes[i % changes.length] ?? ((image) => image.png())),
    ),
  );
  const found = setsOf([...originals, ...copies]);
  // Small copies of the finest textures keep too little of them.
  expect(found.length).toBeGreaterThanOrEqual(0.9 * originals.length);
  for (const [first = 0, second] of found) expect(second).toBe(first + originals.length);
});

test('several copies are one set, with the lowest similarity in it', async () => {
  const original = picture(0, 0);
  const copy = await changed(original, (image) => image.jpeg({ quality: 20 }));
  const images = [picture(3, 1), original, copy, original].map(pictureFingerprint);
  const [set, ...others] = nearDuplicates(images);
  expect(others).toEqual([]);
  expect(set?.photographs).toEqual([1, 2, 3]);
  expect(set?.similarity).toBeGreaterThan(0.9);
  expect(set?.similarity).toBeLessThan(0.99999);
});

test('flat pictures say nothing and are no copies of one another', () => {
  const flat: GreyImage = { data: new Uint8Array(70 * 50).fill(90), width: 70, height: 50 };
  expect(setsOf([flat, flat, { ...flat, data: flat.data.map((level, i) => level + (i % 2)) }])).toEqual([]);
});

test('the small version has the means of equal areas, whatever the size', () => {
  // Left half 10, right half 30: deviation 10, so the cells are -1 and +1, times 32.
  const halves = (width: number, height: number): GreyImage => ({
    data: Uint8Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 10 : 30)),
    width,
    height,
  });
  for (const [width, height] of [
    [32, 33],
    [50, 20],
    [326, 75],
  ] as const) {
    const { thumbnail, deviation } = pictureFingerprint(halves(width, height));
    expect(deviation).toBeCloseTo(10, 6);
    expect([...new Set(thumbnail)]).toEqual([-32, 32]);
  }
});
