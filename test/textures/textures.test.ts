import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { GreyImage } from '../../model/image.ts';
import { drawTexture, textureNames } from '../../textures/textures.ts';

const [width, height] = [97, 64] as const;
const sha256 = ({ data }: GreyImage) => createHash('sha256').update(data).digest('hex');

function meanAndDeviation({ data }: GreyImage): { mean: number; deviation: number } {
  const mean = data.reduce((sum, level) => sum + level, 0) / data.length;
  const variance = data.reduce((sum, level) => sum + (level - mean) ** 2, 0) / data.length;
  return { mean, deviation: Math.sqrt(variance) };
}

test('there are 25 textures, in code-point order', () => {
  expect(textureNames).toHaveLength(25);
  expect([...textureNames].sort()).toEqual(textureNames);
});

test('pictures are the same bytes on every machine', () => {
  const hashes = Object.fromEntries(
    textureNames.map((name) => [name, sha256(drawTexture(name, 3, 5, width, height)).slice(0, 16)]),
  );
  expect(hashes).toMatchInlineSnapshot(`
    {
      "bark": "959451eb2d2caf10",
      "brick": "3898deb30fb61ad8",
      "carpet": "0bb35f4e5f0932dd",
      "corduroy": "b40a080040d0151a",
      "denim": "1e965faaae8abdc0",
      "floor": "d8e5f6ecbaf4cc03",
      "foliage": "b6feb644c74e1ce2",
      "fur": "fc02cb734dea131d",
      "glass": "d25b2b284cbd8e62",
      "granite": "75c22c57936588e6",
      "gravel": "914a31742aee647c",
      "honeycomb": "9477b537bcee0838",
      "knit": "da10866ef6936d41",
      "leather": "62c4bab7aa295236",
      "marble": "c3d5b3d505cea13b",
      "pebbles": "6983e5612b6f92ed",
      "plaid": "91e450ff2d8c4867",
      "rust": "7e04c97917f82aec",
      "sand": "79c21ef835eb0391",
      "tiles": "3fadc5c367a7c1d4",
      "upholstery": "bf31851b5485a240",
      "wall": "a1fc3f824122b8eb",
      "wallpaper": "42c773618922e7ae",
      "water": "fad2237967802aba",
      "wood": "552112cfe1b360e7",
    }
  `);
});

test('no two textures have equal pixels', () => {
  const pictures = textureNames.map((name) => sha256(drawTexture(name, 1, 0, width, height)));
  expect(new Set(pictures).size).toBe(textureNames.length);
});

describe.each(textureNames)('%s', (name) => {
  const pictures = [0, 1, 2, 3].map((index) => drawTexture(name, 1, index, width, height));

  test('has the requested size', () => {
    expect(pictures[0]).toMatchObject({ width, height });
    expect(pictures[0]?.data).toHaveLength(width * height);
  });

  test('is neither flat nor mostly black or white', () => {
    for (const picture of pictures) {
      const { mean, deviation } = meanAndDeviation(picture);
      expect(mean).toBeGreaterThan(25);
      expect(mean).toBeLessThan(230);
      expect(deviation).toBeGreaterThan(10);
    }
  });

  test('varies from picture to picture and from seed to seed', () => {
    const others = [...pictures, drawTexture(name, 2, 0, width, height)].map(sha256);
    expect(new Set(others).size).toBe(5);
    const brightness = pictures.map((picture) => meanAndDeviation(picture).mean);
    expect(Math.max(...brightness) - Math.min(...brightness)).toBeGreaterThan(2);
  });

  test('has the same scale in a larger picture: the first rows start equally', () => {
    const wider = drawTexture(name, 1, 0, 2 * width, height);
    const [near, far] = [pictures[0] as GreyImage, wider].map(({ data }) => data.subarray(0, 24)) as [
      Uint8Array,
      Uint8Array,
    ];
    // The fall-off of the light is spread over the picture's width; the surface is the same.
    const difference = near.reduce((sum, level, i) => sum + Math.abs(level - (far[i] as number)), 0) / 24;
    expect(difference).toBeLessThan(25);
  });
});
