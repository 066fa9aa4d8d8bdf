import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GreyImage } from '../../../model/image.ts';
import { cutPatch, type PatchPosition, patchBytes } from '../../../model/patch.ts';
import { randomStream } from '../../../model/random.ts';
import { drawTexture } from '../../../textures/textures.ts';
import {
  augmentPatch,
  clutterCount,
  drawShift,
  type PatchRequest,
  shiftPatch,
} from '../../../training/data/augment.ts';
import {
  type Distortion,
  distortPatch,
  drawDistortion,
  noDistortion,
} from '../../../training/data/distortion.ts';

const brick = drawTexture('brick', 1, 0, 211, 197);
const flat = (level: number) => new Uint8Array(patchBytes).fill(level);

/** A picture whose level tells where a pixel lies: distinct within 64x64 but for whole rows apart. */
function ramp(width: number, height: number): GreyImage {
  const data = Uint8Array.from({ length: width * height }, (_, i) => (i % width) + 2 * Math.floor(i / width));
  return { data, width, height };
}

/** The `strong` reading of 64 source pixels, one sample a pixel, written as its definition. */
function plainReading(
  { data, width, height }: GreyImage,
  position: PatchPosition,
  { turns, scale, mirrored }: Distortion,
): number[] {
  const fold = (place: number, size: number): number =>
    place < 0 ? fold(-1 - place, size) : place < size ? place : fold(2 * size - 1 - place, size);
  const level = (x: number, y: number) => data[fold(y, height) * width + fold(x, width)] as number;
  const [cos, sin] = [Math.cos(2 * Math.PI * turns) / scale, Math.sin(2 * Math.PI * turns) / scale];
  return Array.from({ length: patchBytes }, (_, i) => {
    const across = ((i % 64) - 31.5) * (mirrored ? -1 : 1);
    const down = Math.floor(i / 64) - 31.5;
    const x = position.x + 31.5 + cos * across + sin * down;
    const y = position.y + 31.5 - sin * across + cos * down;
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const north = (left + 1 - x) * level(left, top) + (x - left) * level(left + 1, top);
    const south = (left + 1 - x) * level(left, top + 1) + (x - left) * level(left + 1, top + 1);
    return Math.round((top + 1 - y) * north + (y - top) * south);
  });
}

function requestFor(image: GreyImage): PatchRequest {
  return {
    read: async (cut) => cut(image),
    position: { x: 31, y: 17 },
    patchPx: 64,
    clutter: async () => flat(7),
  };
}

test('none is the patch as cut', async () => {
  const request = requestFor(brick);
  const patch = await augmentPatch('none', request, randomStream(1, 'test'));
  expect(patch).toEqual(cutPatch(brick, request.position, 64));
});

test.each(['none', 'jitter64', 'strong'] as const)(
  '%s gives the same patch for the same stream',
  async (kind) => {
    const draw = (seed: number) => augmentPatch(kind, requestFor(brick), randomStream(seed, 'test'));
    expect(await draw(4)).toEqual(await draw(4));
    if (kind !== 'none') expect(await draw(4)).not.toEqual(await draw(5));
  },
);

describe('jitter64', () => {
  const patch = cutPatch(ramp(64, 64), { x: 0, y: 0 }, 64);

  test('moves every pixel by the shift, and shows beside, above and across the corner the neighbours in that order', () => {
    const seen = shiftPatch(patch, { acrossPx: 5, downPx: -3 }, [201, 202, 203].map(flat));
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) {
        const [fromX, fromY] = [x - 5, y + 3];
        const inside = fromX >= 0 && fromY < 64;
        const neighbour = fromY < 64 ? 201 : fromX >= 0 ? 202 : 203;
        expect(seen[y * 64 + x]).toBe(inside ? fromX + 2 * fromY : neighbour);
      }
    }
  });

  test('shows the near side of a neighbour: a shift to the right uncovers the right end of the patch on the left', () => {
    const seen = shiftPatch(flat(0), { acrossPx: 22, downPx: 0 }, [patch]);
    expect(Array.from(seen.subarray(0, 23))).toEqual([...Array.from({ length: 22 }, (_, i) => 42 + i), 0]);
  });

  test('needs no more neighbours than are seen', () => {
    const count = (acrossPx: number, downPx: number) => clutterCount({ acrossPx, downPx });
    expect([count(0, 0), count(-9, 0), count(0, 4), count(1, -1)]).toEqual([0, 1, 1, 3]);
    expect(shiftPatch(patch, { acrossPx: 0, downPx: 0 }, [])).toEqual(patch);
  });

  test('reaches 22 px across and 10 px down both ways, evenly, and never more', () => {
    const random = randomStream(1, 'shifts');
    const shifts = Array.from({ length: 9000 }, () => drawShift(random));
    const counts = (values: number[]) => {
      const found = new Map<number, number>();
      for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
      return found;
    };
    const across = counts(shifts.map(({ acrossPx }) => acrossPx));
    const down = counts(shifts.map(({ downPx }) => downPx));
    expect([...across.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 45 }, (_, i) => i - 22));
    expect([...down.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, i) => i - 10));
    // 200 of each are expected, with a standard deviation of 14.
    expect(Math.min(...across.values())).toBeGreaterThan(130);
    expect(Math.max(...across.values())).toBeLessThan(270);
  });

  test('takes its background from the other images alone', async () => {
    const own: GreyImage = { data: new Uint8Array(70 * 66).fill(90), width: 70, height: 66 };
    const request: PatchRequest = {
      read: async (cut) => cut(own),
      position: { x: 2, y: 1 },
      patchPx: 64,
      clutter: async () => flat(200),
    };
    for (let seed = 0; seed < 40; seed++) {
      const shift = drawShift(randomStream(seed, 'test'));
      const patch = await augmentPatch('jitter64', request, randomStream(seed, 'test'));
      const kept = (64 - Math.abs(shift.acrossPx)) * (64 - Math.abs(shift.downPx));
      expect(patch.filter((level) => level === 90)).toHaveLength(kept);
      expect(patch.filter((level) => level === 200)).toHaveLength(patchBytes - kept);
    }
  });
});

describe('strong', () => {
  test.each([64, 128, 192])('without distortion is the patch as cut, at %i source pixels', (patchPx) => {
    const position = { x: 211 - patchPx, y: 197 - patchPx };
    expect(distortPatch(brick, position, patchPx, noDistortion)).toEqual(cutPatch(brick, position, patchPx));
  });

  test('a quarter turn moves the top row to the right side', () => {
    const position = { x: 40, y: 50 };
    const upright = cutPatch(brick, position, 64);
    const turned = distortPatch(brick, position, 64, { ...noDistortion, turns: 0.25 });
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) expect(turned[x * 64 + (63 - y)]).toBe(upright[y * 64 + x]);
    }
  });

  test('mirrored exchanges left and right', () => {
    const upright = cutPatch(brick, { x: 9, y: 12 }, 64);
    const mirrored = distortPatch(brick, { x: 9, y: 12 }, 64, { ...noDistortion, mirrored: true });
    for (let i = 0; i < patchBytes; i++) expect(mirrored[i]).toBe(upright[i - (i % 64) + 63 - (i % 64)]);
  });

  test('twice the scale spreads half as much of the image over the patch', () => {
    const image = ramp(110, 64);
    const patch = distortPatch(image, { x: 20, y: 0 }, 64, { ...noDistortion, scale: 2 });
    const row = patch.subarray(0, 64);
    expect((row[63] as number) - (row[0] as number)).toBe(32);
  });

  test('scale counts in source pixels of the patch: the middle stays, whatever patchPx', () => {
    const data = Uint8Array.from({ length: 200 * 180 }, (_, i) => (i % 200 < 100 ? 40 : 220));
    for (const patchPx of [64, 100, 128]) {
      const position = { x: 100 - patchPx / 2, y: 10 };
      const patch = distortPatch({ data, width: 200, height: 180 }, position, patchPx, {
        ...noDistortion,
        scale: 0.8,
      });
      expect([patch[30], patch[33]]).toEqual([40, 220]);
    }
  });

  test('beyond its edges the image goes on as its mirror image, so no corner is empty', () => {
    const image: GreyImage = { data: new Uint8Array(64 * 65).fill(123), width: 64, height: 65 };
    const patch = distortPatch(image, { x: 0, y: 1 }, 64, { ...noDistortion, turns: 0.125, scale: 0.7 });
    expect(new Set(patch)).toEqual(new Set([123]));
    const edge = distortPatch(ramp(64, 70), { x: 0, y: 3 }, 64, { ...noDistortion, scale: 0.5 });
    // Result column 0 lies 32 source pixels left of the edge; the 16 outer columns a side are mirrored.
    expect(Math.abs((edge[32 * 64 + 15] as number) - (edge[32 * 64 + 16] as number))).toBeLessThanOrEqual(1);
    expect(edge[32 * 64]).toBe((edge[32 * 64 + 31] as number) + 0);
  });

  test('contrast spreads levels about the mean, brightness adds, and both stay within 0..255', () => {
    const image: GreyImage = {
      data: Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 2 === 0 ? 90 : 110)),
      width: 64,
      height: 64,
    };
    const lit = distortPatch(image, { x: 0, y: 0 }, 64, { ...noDistortion, contrast: 1.5, brightness: 4 });
    expect([lit[0], lit[1]]).toEqual([89, 119]);
    const blown = distortPatch(image, { x: 0, y: 0 }, 64, { ...noDistortion, contrast: 20 });
    expect([blown[0], blown[1]]).toEqual([0, 255]);
  });

  test('equals a plain reading that folds every pixel back into the image, however small that is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 64, max: 90 }),
        fc.integer({ min: 64, max: 80 }),
        fc.nat({ max: 1 << 30 }),
        (width, height, seed) => {
          const random = randomStream(seed, 'places');
          const data = Uint8Array.from({ length: width * height }, () => random.integer(0, 255));
          const position = { x: random.integer(0, width - 64), y: random.integer(0, height - 64) };
          const { turns, scale, mirrored } = drawDistortion(random);
          const distortion = { ...noDistortion, turns, scale, mirrored };
          const patch = distortPatch({ data, width, height }, position, 64, distortion);
          const plain = plainReading({ data, width, height }, position, distortion);
          const apart = patch.filter((level, i) => Math.abs(level - (plain[i] as number)) > 1);
          expect(apart).toHaveLength(0);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  test('draws every angle, both hands, and scales from 0.7 to 1.4', () => {
    const random = randomStream(1, 'distortions');
    const drawn = Array.from({ length: 4000 }, () => drawDistortion(random));
    const scales = drawn.map(({ scale }) => scale);
    expect(Math.min(...scales)).toBeGreaterThanOrEqual(0.7);
    expect(Math.min(...scales)).toBeLessThan(0.71);
    expect(Math.max(...scales)).toBeLessThanOrEqual(1.4);
    expect(Math.max(...scales)).toBeGreaterThan(1.39);
    expect(new Set(drawn.map(({ turns }) => Math.floor(turns * 36))).size).toBe(36);
    const share = drawn.filter(({ mirrored }) => mirrored).length / drawn.length;
    expect(share).toBeCloseTo(0.5, 1);
  });
});
