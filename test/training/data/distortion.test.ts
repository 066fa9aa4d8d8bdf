import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GreyImage } from '../../../model/image.ts';
import { cutPatch, patchBytes } from '../../../model/patch.ts';
import { randomStream } from '../../../model/random.ts';
import { drawTexture } from '../../../textures/textures.ts';
import {
  type Distortion,
  distortPatch,
  drawDistortion,
  type Point,
  windowCentre,
} from '../../../training/data/distortion.ts';

const none: Distortion = { turns: 0, scale: 1, mirrored: false, gamma: 1 };
const brick = drawTexture('brick', 1, 0, 211, 197);

function picture(width: number, height: number, levelAt: (x: number, y: number) => number): GreyImage {
  const data = Uint8Array.from({ length: width * height }, (_, i) =>
    levelAt(i % width, Math.floor(i / width)),
  );
  return { data, width, height };
}

const centreOf = ({ x, y }: Point, patchPx: number) => ({ x: x + patchPx / 2, y: y + patchPx / 2 });

/**
 * Levels by the definition, not rounded: in each pixel as many bilinear samples as an undistorted patch has
 * source pixels, of an image that continues as its mirror image. `patchPx` is a multiple of 64.
 */
function definition(
  { data, width, height }: GreyImage,
  centre: Point,
  { turns, scale, mirrored, gamma }: Distortion,
  patchPx: number,
): number[] {
  const perPixel = patchPx / 64;
  const fold = (place: number, size: number): number =>
    place < 0 ? fold(-1 - place, size) : place < size ? place : fold(2 * size - 1 - place, size);
  const level = (x: number, y: number) => data[fold(y, height) * width + fold(x, width)] as number;
  const sidePx = perPixel * scale;
  const [cos, sin] = [Math.cos(2 * Math.PI * turns) * sidePx, Math.sin(2 * Math.PI * turns) * sidePx];
  const sample = (column: number, row: number) => {
    const [across, down] = [(column - 32) * (mirrored ? -1 : 1), row - 32];
    const x = centre.x + cos * across + sin * down - 0.5;
    const y = centre.y - sin * across + cos * down - 0.5;
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const north = (left + 1 - x) * level(left, top) + (x - left) * level(left + 1, top);
    const south = (left + 1 - x) * level(left, top + 1) + (x - left) * level(left + 1, top + 1);
    return (top + 1 - y) * north + (y - top) * south;
  };
  const parts = Array.from({ length: perPixel }, (_, i) => (i + 0.5) / perPixel);
  return Array.from({ length: patchBytes }, (_, i) => {
    const samples = parts.flatMap((down) =>
      parts.map((across) => sample((i % 64) + across, Math.floor(i / 64) + down)),
    );
    const mean = samples.reduce((sum, value) => sum + value) / samples.length;
    return 255 * (mean / 255) ** gamma;
  });
}

describe('distortPatch', () => {
  test.each([64, 128, 192])('without distortion equals cutPatch, at %i source pixels', (patchPx) => {
    for (const position of [
      { x: 0, y: 0 },
      { x: 3, y: 1 },
      { x: 211 - patchPx, y: 197 - patchPx },
    ]) {
      const patch = distortPatch(brick, centreOf(position, patchPx), patchPx, none);
      expect(patch).toEqual(cutPatch(brick, position, patchPx));
    }
  });

  test('a quarter turn clockwise moves the top row to the right side', () => {
    const position = { x: 40, y: 50 };
    const upright = cutPatch(brick, position, 64);
    const turned = distortPatch(brick, centreOf(position, 64), 64, { ...none, turns: 0.25 });
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) expect(turned[x * 64 + (63 - y)]).toBe(upright[y * 64 + x]);
    }
  });

  test('mirroring exchanges left and right', () => {
    const upright = cutPatch(brick, { x: 9, y: 12 }, 64);
    const centre = centreOf({ x: 9, y: 12 }, 64);
    const mirrored = distortPatch(brick, centre, 64, { ...none, mirrored: true });
    for (let i = 0; i < patchBytes; i++) expect(mirrored[i]).toBe(upright[i - (i % 64) + 63 - (i % 64)]);
  });

  test('scale is the side of the window in units of patchPx, around the same centre', () => {
    const columns = picture(250, 250, (x) => x);
    for (const [patchPx, scale, widthPx] of [
      [64, 0.5, 32],
      [64, 2, 128],
      [100, 0.96, 96],
      [128, 1.5, 192],
    ] as const) {
      const row = distortPatch(columns, { x: 130, y: 125 }, patchPx, { ...none, scale }).subarray(0, 64);
      // The first and the last pixel of the patch are a 64th of the window less than its side apart.
      expect(Math.abs((row[63] as number) - (row[0] as number) - (widthPx * 63) / 64)).toBeLessThanOrEqual(1);
      expect(Math.abs(((row[31] as number) + (row[32] as number)) / 2 - 129.5)).toBeLessThanOrEqual(0.5);
    }
  });

  test('gamma is the exponent of the level, rounded once, and black and white stay', () => {
    for (const gamma of [Math.exp(-0.35), 0.9, 1, Math.exp(0.35)]) {
      for (const level of [0, 1, 17, 128, 200, 254, 255]) {
        const patch = distortPatch(
          picture(64, 64, () => level),
          { x: 32, y: 32 },
          64,
          { ...none, turns: 0.1, gamma },
        );
        expect(new Set(patch)).toEqual(new Set([Math.round(255 * (level / 255) ** gamma)]));
      }
    }
  });

  test('beyond its edges an image continues as its mirror image, so no corner is empty', () => {
    const edge = distortPatch(
      picture(64, 70, (x) => x),
      { x: 32, y: 35 },
      64,
      { ...none, scale: 2 },
    );
    const expected = Array.from({ length: 64 }, (_, i) => {
      const x = 2 * (i - 16);
      return x < 0 ? -x - 2 + 0.5 : x < 64 ? x + 0.5 : 127 - x - 0.5;
    });
    expect(Array.from(edge.subarray(0, 64))).toEqual(expected.map((level) => Math.floor(level + 0.5)));
  });

  test('equals its definition for any distortion, however small the image is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 128, max: 150 }),
        fc.integer({ min: 128, max: 140 }),
        fc.nat({ max: 1 << 30 }),
        fc.constantFrom(64, 128),
        (width, height, seed, patchPx) => {
          const random = randomStream(seed, 'places');
          const image = picture(width, height, () => random.integer(0, 255));
          const position = {
            x: random.integer(0, width - patchPx),
            y: random.integer(0, height - patchPx),
          };
          const distortion = drawDistortion(random);
          const centre = windowCentre(image, position, { x: 0.3, y: 0.9 }, patchPx, distortion);
          const patch = distortPatch(image, centre, patchPx, distortion);
          const expected = definition(image, centre, distortion, patchPx);
          // The gamma curve is linear between two levels, which is exact to a few hundredths above black.
          const apart = expected.filter((level, i) => Math.abs(level - (patch[i] as number)) > 0.55);
          expect(apart).toHaveLength(0);
        },
      ),
      { numRuns: 40, seed: 1 },
    );
  });

  test('patches are on average almost as sharp as undistorted ones, which is what an evaluation shows', () => {
    const random = randomStream(5, 'sharpness');
    const noise = picture(320, 240, () => random.integer(0, 255));
    const plain = deviation(cutPatch(noise, { x: 100, y: 50 }, 64));
    const contrasts = Array.from({ length: 60 }, () => {
      const distortion = { ...drawDistortion(random), gamma: 1 };
      return deviation(distortPatch(noise, { x: 160.3, y: 120.8 }, 64, distortion)) / plain;
    });
    // The deviation of bilinear samples of noise, averaged over all fractions of a pixel, is 2/3 of its own.
    const mean = contrasts.reduce((sum, value) => sum + value) / contrasts.length;
    expect(mean).toBeCloseTo(2 / 3, 1);
  });
});

function deviation(levels: ArrayLike<number>): number {
  const values = Array.from(levels);
  const mean = values.reduce((sum, level) => sum + level) / values.length;
  return Math.sqrt(values.reduce((sum, level) => sum + (level - mean) ** 2, 0) / values.length);
}

describe('windowCentre', () => {
  const size = { width: 320, height: 240 };
  const [first, last] = [0, 1 - 1e-9];

  /** Smallest and largest coordinates of the window's corners. */
  function bounds({ x, y }: Point, patchPx: number, { turns, scale }: Distortion) {
    const half = (patchPx * scale) / 2;
    const [cos, sin] = [Math.cos(2 * Math.PI * turns) * half, Math.sin(2 * Math.PI * turns) * half];
    const reach = Math.max(Math.abs(cos + sin), Math.abs(cos - sin));
    return { left: x - reach, right: x + reach, top: y - reach, bottom: y + reach };
  }

  test('places the window anywhere inside the image, from edge to edge', () => {
    const random = randomStream(3, 'distortions');
    for (let i = 0; i < 200; i++) {
      const distortion = drawDistortion(random);
      const from = bounds(
        windowCentre(size, { x: 0, y: 0 }, { x: first, y: first }, 64, distortion),
        64,
        distortion,
      );
      const to = bounds(
        windowCentre(size, { x: 256, y: 176 }, { x: last, y: last }, 64, distortion),
        64,
        distortion,
      );
      expect([from.left, from.top]).toEqual([expect.closeTo(0, 6), expect.closeTo(0, 6)]);
      expect([to.right, to.bottom]).toEqual([expect.closeTo(320, 6), expect.closeTo(240, 6)]);
    }
  });

  test('is uniform, and windows reach all of the photograph', () => {
    const random = randomStream(4, 'places');
    const tenths = new Array<number>(10).fill(0);
    // Few windows contain the outermost pixels, because a rotated window touches the edge only with a corner.
    const inset = [7, 160, 312].flatMap((x) => [7, 120, 232].map((y) => ({ x, y, windows: 0 })));
    const pixels = [...inset, { x: 2, y: 120, windows: 0 }, { x: 317, y: 120, windows: 0 }];
    pixels.push({ x: 160, y: 2, windows: 0 }, { x: 160, y: 237, windows: 0 });
    for (let i = 0; i < 40_000; i++) {
      const distortion = drawDistortion(random);
      const position = { x: random.integer(0, 256), y: random.integer(0, 176) };
      const fraction = { x: random.uniform(), y: random.uniform() };
      const centre = windowCentre(size, position, fraction, 64, distortion);
      const { left, right } = bounds(centre, 64, distortion);
      const tenth = Math.floor((10 * left) / (320 - (right - left)));
      tenths[tenth] = (tenths[tenth] as number) + 1;
      const angle = 2 * Math.PI * distortion.turns;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (const pixel of pixels) {
        const [dx, dy] = [pixel.x + 0.5 - centre.x, pixel.y + 0.5 - centre.y];
        const distance = Math.max(Math.abs(cos * dx - sin * dy), Math.abs(sin * dx + cos * dy));
        if (distance < 32 * distortion.scale) pixel.windows++;
      }
    }
    // 4,000 each are expected, with a standard deviation of 60.
    expect(Math.min(...tenths)).toBeGreaterThan(3760);
    expect(Math.max(...tenths)).toBeLessThan(4240);
    for (const { windows, ...pixel } of pixels) expect(windows, JSON.stringify(pixel)).toBeGreaterThan(0);
  });

  test('centres a window that does not fit', () => {
    const distortion = { ...none, turns: 0.125, scale: 1.5 };
    for (const fraction of [
      { x: first, y: first },
      { x: last, y: last },
    ]) {
      const centre = windowCentre({ width: 70, height: 300 }, { x: 6, y: 0 }, fraction, 64, distortion);
      expect(centre.x).toBeCloseTo(35, 9);
      expect(centre.y).toBeLessThan(70);
    }
  });
});

test('draws every angle, mirrored or not, and scale and gamma evenly on a logarithmic scale', () => {
  const random = randomStream(1, 'distortions');
  const drawn = Array.from({ length: 4000 }, () => drawDistortion(random));
  for (const [values, least, most] of [
    [drawn.map(({ scale }) => Math.log(scale)), Math.log(0.65), Math.log(1.5)],
    [drawn.map(({ gamma }) => Math.log(gamma)), -0.35, 0.35],
  ] as const) {
    expect(Math.min(...values)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...values)).toBeLessThanOrEqual(most);
    const quarters = values.map((value) => Math.floor((4 * (value - least)) / (most - least)));
    // 1,000 each are expected, with a standard deviation of 27.
    for (let quarter = 0; quarter < 4; quarter++)
      expect(Math.abs(quarters.filter((one) => one === quarter).length - 1000)).toBeLessThan(110);
  }
  expect(new Set(drawn.map(({ turns }) => Math.floor(turns * 36))).size).toBe(36);
  const share = drawn.filter(({ mirrored }) => mirrored).length / drawn.length;
  expect(share).toBeCloseTo(0.5, 1);
});
