import { describe, expect, test } from 'vitest';
import type { GreyImage } from '../../../model/image.ts';
import { cutPatch, patchBytes } from '../../../model/patch.ts';
import { randomStream } from '../../../model/random.ts';
import { drawTexture } from '../../../textures/textures.ts';
import {
  augmentPatch,
  clutterCount,
  drawShift,
  type PatchRequest,
  shiftPatch,
} from '../../../training/data/augment.ts';

const brick = drawTexture('brick', 1, 0, 211, 197);
const flat = (level: number) => new Uint8Array(patchBytes).fill(level);

/** A picture whose levels depend on the place: x + 2y. */
function ramp(width: number, height: number): GreyImage {
  const data = Uint8Array.from({ length: width * height }, (_, i) => (i % width) + 2 * Math.floor(i / width));
  return { data, width, height };
}

function requestFor(image: GreyImage): PatchRequest {
  return {
    read: async (cut) => cut(image),
    position: { x: 31, y: 17 },
    patchPx: 64,
    clutter: async () => flat(7),
  };
}

test('none is the unchanged patch', async () => {
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

test('strong lies where the plain patch does, as far as it fits', async () => {
  // Levels of a column are equal, and the mean of a patch is that of the column in its middle.
  const columns: GreyImage = {
    data: Uint8Array.from({ length: 250 * 240 }, (_, i) => i % 250),
    width: 250,
    height: 240,
  };
  for (const x of [0, 60, 120, 186]) {
    const request = { ...requestFor(columns), position: { x, y: 80 } };
    const patches = Array.from({ length: 40 }, (_, seed) =>
      augmentPatch('strong', request, randomStream(seed, 'places')),
    );
    const levels = (await Promise.all(patches)).flatMap((patch) => [...patch]);
    const mean = levels.reduce((sum, level) => sum + level, 0) / levels.length;
    // At the left and right edge, a larger window moves inwards.
    expect(Math.abs(mean - (x + 32)), `${x}`).toBeLessThan(x === 0 || x === 186 ? 35 : 20);
  }
});

test('half of the patches of strong have the levels of the plain patch, in all eight orientations', async () => {
  const request = requestFor(brick);
  const plain = cutPatch(brick, request.position, 64);
  const at = (patch: Uint8Array, x: number, y: number) => patch[y * 64 + x] as number;
  // With any gamma, pixels of one level stay pixels of one level.
  const orientations = ([0, 1] as const).flatMap((mirrored) =>
    [0, 1, 2, 3].map((quarters) => (x: number, y: number): readonly [number, number] => {
      const place: readonly [number, number] = mirrored === 1 ? [63 - x, y] : [x, y];
      return Array.from({ length: quarters }).reduce<readonly [number, number]>(
        ([u, v]) => [63 - v, u],
        place,
      );
    }),
  );
  const hasLevelsOf = (patch: Uint8Array, orientation: (typeof orientations)[number]) => {
    const levels = new Map<number, number>();
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) {
        const level = at(plain, ...orientation(x, y));
        const known = levels.get(level) ?? at(patch, x, y);
        if (known !== at(patch, x, y)) return false;
        levels.set(level, known);
      }
    }
    return true;
  };
  const seen = orientations.map(() => 0);
  const draws = 200;
  for (let seed = 0; seed < draws; seed++) {
    const patch = await augmentPatch('strong', request, randomStream(seed, 'half'));
    const orientation = orientations.findIndex((candidate) => hasLevelsOf(patch, candidate));
    if (orientation >= 0) seen[orientation] = (seen[orientation] as number) + 1;
  }
  // 100 of 200 are expected, with a standard deviation of 7; 12.5 of each orientation.
  const whole = seen.reduce((sum, count) => sum + count, 0);
  expect(whole).toBeGreaterThan(70);
  expect(whole).toBeLessThan(130);
  expect(Math.min(...seen)).toBeGreaterThan(2);
});

describe('jitter64', () => {
  const patch = cutPatch(ramp(64, 64), { x: 0, y: 0 }, 64);

  test('moves every pixel by the shift, and shows the neighbours at the side, above and on the diagonal in that order', () => {
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

  test('needs no more neighbours than are visible', () => {
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

  test('takes its background only from the other images', async () => {
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
