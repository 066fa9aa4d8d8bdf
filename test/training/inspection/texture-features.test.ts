import { expect, test } from 'vitest';
import type { GreyImage } from '../../../model/image.ts';
import { drawTexture } from '../../../textures/textures.ts';
import { textureFeatureCount, textureFeatures } from '../../../training/inspection/texture-features.ts';

function largestDifference(a: GreyImage, b: GreyImage): number {
  const [first, second] = [textureFeatures(a), textureFeatures(b)];
  return Math.max(...first.map((value, f) => Math.abs(value - (second[f] ?? 0))));
}

const bark = drawTexture('bark', 1, 0, 96, 64);

test('turning or mirroring a picture does not change its features', () => {
  const { data, width, height } = bark;
  const turned: GreyImage = {
    // Row x of the turned picture is column x of the picture, from the bottom.
    data: Uint8Array.from(
      data,
      (_, i) => data[(height - 1 - (i % height)) * width + Math.floor(i / height)] ?? 0,
    ),
    width: height,
    height: width,
  };
  const mirrored = {
    ...bark,
    data: data.map((_, i) => data[i - (i % width) + width - 1 - (i % width)] ?? 0),
  };
  expect(largestDifference(bark, turned)).toBeLessThan(1e-3);
  expect(largestDifference(bark, mirrored)).toBeLessThan(1e-3);
});

test('brightness does not change them, and contrast hardly', () => {
  const dark: GreyImage = { ...bark, data: bark.data.map((level) => Math.floor(level / 2)) };
  const half: GreyImage = { ...bark, data: dark.data.map((level) => 2 * level) };
  const bright: GreyImage = { ...bark, data: dark.data.map((level) => level + 100) };
  expect(largestDifference(dark, bright)).toBeLessThan(1e-4);
  // The deviation is regularised by one grey level.
  expect(largestDifference(dark, half)).toBeLessThan(0.02);
  expect(largestDifference(bark, drawTexture('brick', 1, 0, 96, 64))).toBeGreaterThan(0.5);
});

test('patterns of a hand-made picture: on stripes, 3 or 5 neighbours in a run are at least as bright', () => {
  // Columns of width 2 dark and bright: a dark pixel has 8 such neighbours, a bright one its own 5.
  const stripes: GreyImage = {
    data: Uint8Array.from({ length: 20 * 12 }, (_, i) => (i % 4 < 2 ? 10 : 30)),
    width: 20,
    height: 12,
  };
  const [, , , , , five = 0, , , eight = 0, other] = textureFeatures(stripes);
  expect(five ** 2).toBeCloseTo(0.5, 2);
  expect(eight ** 2).toBeCloseTo(0.5, 2);
  expect(other).toBe(0);
});

test('any picture has finite features, also flat and small ones', () => {
  for (const [width, height] of [
    [16, 16],
    [64, 17],
    [900, 800],
  ] as const) {
    const flat: GreyImage = { data: new Uint8Array(width * height).fill(7), width, height };
    const features = textureFeatures(flat);
    expect(features).toHaveLength(textureFeatureCount);
    expect(features.every(Number.isFinite)).toBe(true);
  }
});
