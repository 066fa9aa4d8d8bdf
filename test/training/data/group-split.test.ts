import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DatasetImage } from '../../../training/data/dataset-image.ts';
import {
  requireWholeGroups,
  splitGroupsByFold,
  splitGroupsByShare,
} from '../../../training/data/group-split.ts';

const labels = ['bark', 'brick', 'wood'];

/** The content names the image; its group is the part of the name before the dash. */
function image(label: number, group: string, content: string): DatasetImage {
  const name = `${labels[label]}/${group}-${content}.png`;
  const size = { width: 70, height: 66, meanGrey: 128 };
  return { name, source: { kind: 'file', path: name }, label, ...size, contentHash: content };
}

const groupOf = ({ name }: DatasetImage) => name.split('/')[1]?.split('-')[0] ?? '';
const groupsOf = (images: readonly DatasetImage[]) => new Map(images.map((one) => [one.name, groupOf(one)]));
const byShare = (images: readonly DatasetImage[], seed = 1, validationShare = 0.2) =>
  splitGroupsByShare('data', images, groupsOf(images), { labels, seed, validationShare });
const byFold = (images: readonly DatasetImage[], folds: number, seed = 1) =>
  Array.from({ length: folds }, (_, i) =>
    splitGroupsByFold('data', images, groupsOf(images), { labels, seed, folds, fold: i + 1 }),
  );

/** For each group, how many images of each class. */
function rolls(...counts: readonly (readonly number[])[]): readonly DatasetImage[] {
  return counts.flatMap((perClass, roll) =>
    perClass.flatMap((count, label) =>
      Array.from({ length: count }, (_, i) => image(label, `r${roll}`, `${roll}-${label}-${i}`)),
    ),
  );
}

const sharesOf = (held: readonly DatasetImage[], images: readonly DatasetImage[]) =>
  labels.map((_, label) => {
    const of = (side: readonly DatasetImage[]) => side.filter((one) => one.label === label).length;
    return of(held) / of(images);
  });

/** Groups of unlike sizes, most of one class, some of several; some contents occur twice. */
const messyImages = fc
  .record({
    groups: fc.array(fc.tuple(...labels.map(() => fc.oneof(fc.constant(0), fc.nat(4)))), { maxLength: 14 }),
    copies: fc.array(fc.tuple(fc.nat(), fc.nat(5), fc.nat(2)), { maxLength: 4 }),
  })
  .map(({ groups, copies }) => {
    const own = rolls(...groups);
    const copied = copies.flatMap(([of, roll, label], i) => {
      const original = own[of % Math.max(1, own.length)];
      return original === undefined
        ? []
        : [{ ...image(label, `r${roll}`, `copy${i}`), contentHash: original.contentHash }];
    });
    return [...own, ...copied];
  });

test('for any groups and seed, no group and no content is on both sides, and each class is on both', () => {
  let splits = 0;
  fc.assert(
    fc.property(
      messyImages,
      fc.nat(),
      fc.double({ min: 0.05, max: 0.6, noNaN: true }),
      (images, seed, share) => {
        let split: ReturnType<typeof byShare>;
        try {
          split = byShare(images, seed, share);
        } catch (error) {
          expect(error).toMatchObject({ code: 'data-unusable' });
          return;
        }
        splits++;
        const { train, validation } = split;
        expect(train.length + validation.length).toBe(images.length);
        expect(new Set([...train, ...validation])).toEqual(new Set(images));
        for (const key of [groupOf, ({ contentHash }: DatasetImage) => contentHash]) {
          const held = new Set(validation.map(key));
          expect(train.filter((one) => held.has(key(one)))).toEqual([]);
        }
        for (const side of [train, validation])
          expect([...new Set(side.map(({ label }) => label))]).toEqual([0, 1, 2]);
        const again = byShare(images.toReversed(), seed, share);
        expect(again).toEqual(split);
      },
    ),
  );
  // The property must not hold because nothing can be split.
  expect(splits).toBeGreaterThan(10);
});

test('equal groups give exactly the share, and the seed decides which', () => {
  const images = rolls(...Array.from({ length: 10 }, () => [3, 2, 4]));
  const split = byShare(images);
  expect(sharesOf(split.validation, images)).toEqual([0.2, 0.2, 0.2]);
  expect(split.groups).toBe(10);
  expect(split.notes).toEqual(['10 groups, 2 of which are held out']);
  const heldBy = (seed: number) => byShare(images, seed).validation.map(({ name }) => name);
  expect(heldBy(1)).toEqual(heldBy(1));
  expect(new Set([1, 2, 3, 4, 5].map((seed) => heldBy(seed).join())).size).toBeGreaterThan(2);
});

test('groups of one class are balanced class by class', () => {
  const images = rolls(
    ...Array.from({ length: 12 }, (_, i) => [i % 3 === 0 ? 5 : 0, i % 3 === 1 ? 8 : 0, i % 3 === 2 ? 2 : 0]),
  );
  expect(sharesOf(byShare(images).validation, images)).toEqual([0.25, 0.25, 0.25]);
});

test('unequal groups come as close as they can, with a note on the classes that do not', () => {
  // Of bark, 10 of 40 or 30 of 40 can be held out; the wanted 8 of 40 cannot.
  const images = rolls([30, 4, 4], [10, 0, 0], [0, 1, 0], [0, 0, 1]);
  const split = byShare(images, 3, 0.1);
  expect(sharesOf(split.validation, images)).toEqual([0.25, 0.2, 0.2]);
  expect(split.notes).toEqual([
    '4 groups, 3 of which are held out',
    'groups stay together, so 10.0\u00a0% of each class cannot be held out: bark has 25.0\u00a0%',
  ]);
});

test('a class with too few groups is an error with the number and names of its groups', () => {
  expect(() => byShare(rolls([3, 3, 3], [3, 0, 3]))).toThrow(
    'data: each class needs photographs in at least 2 groups, one for training and one for validation; ' +
      'use smaller groups or add photographs of:\n' +
      '  brick has 1 (r0)',
  );
  expect(() => byFold(rolls([3, 3, 3], [3, 0, 3], [1, 1, 3]), 3)).toThrow(
    'data: each class needs photographs in at least 3 groups, for --folds 3; use smaller groups or add photographs of:\n  brick has 2 (r0, r2)',
  );
});

test('groups that cannot be divided so that each class is on both sides are an error', () => {
  // Whichever group is held out, one side lacks a class.
  expect(() => byShare(rolls([1, 1, 0], [0, 1, 1], [1, 0, 1]))).toThrow(
    /^data: no division of the 3 groups was found.*it fails for /,
  );
});

test('identical files join groups, and a file with two labels keeps its group in training', () => {
  const copy = { ...image(0, 'r1', 'copy'), contentHash: '0-0-0' };
  const twoLabels = { ...image(2, 'r5', 'both'), contentHash: '4-1-0' };
  const images = [...rolls(...Array.from({ length: 8 }, () => [2, 2, 2])), copy, twoLabels];
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const split = byShare(images, seed, 0.3);
    const held = new Set(split.validation.map(groupOf));
    expect(held.has('r0')).toBe(held.has('r1'));
    expect([held.has('r4'), held.has('r5')]).toEqual([false, false]);
    expect(split.notes).toContain('groups with identical files stay on the same side: r0, r1');
    expect(split.notes).toContain('groups with a file of two labels are never held out: r4, r5');
  }
});

describe('folds', () => {
  const images = rolls(...Array.from({ length: 17 }, (_, i) => [1 + (i % 4), (i * 5) % 7, 1 + (i % 2)]));

  test('hold out every image once, and each group in one fold', () => {
    const splits = byFold(images, 4);
    const held = splits.flatMap(({ validation }) => validation.map(({ name }) => name));
    expect(held.toSorted()).toEqual(images.map(({ name }) => name).toSorted());
    const groups = splits.flatMap(({ validation }) => [...new Set(validation.map(groupOf))]);
    expect(groups).toHaveLength(17);
    expect(new Set(groups).size).toBe(17);
    for (const { train, validation } of splits) expect(train.length + validation.length).toBe(images.length);
  });

  test('are balanced by class, and depend on the seed only', () => {
    const splits = byFold(images, 4);
    for (const { validation } of splits)
      for (const share of sharesOf(validation, images)) expect(Math.abs(share - 0.25)).toBeLessThan(0.1);
    expect(byFold(images.toReversed(), 4)).toEqual(splits);
    expect(byFold(images, 4, 2)).not.toEqual(splits);
  });

  test('with as many groups as folds hold out one each', () => {
    const splits = byFold(rolls([9, 1, 1], [1, 5, 1], [1, 1, 7]), 3);
    expect(splits.map(({ validation }) => new Set(validation.map(groupOf)).size)).toEqual([1, 1, 1]);
  });
});

test('a split of the data that divides a group is an error that names it', () => {
  const [first, second, ...others] = rolls([2, 2, 2], [3, 3, 3]);
  if (first === undefined || second === undefined) throw new Error('there are six images');
  const groups = groupsOf([first, second, ...others]);
  const validation = others.filter((one) => groupOf(one) === 'r1');
  const train = [first, second, ...others.filter((one) => groupOf(one) === 'r0')];
  expect(requireWholeGroups('data', { train, validation }, groups)).toBe(2);
  expect(() =>
    requireWholeGroups(
      'data',
      { train, validation: [...validation, { ...second, name: first.name }] },
      groups,
    ),
  ).toThrow(/^data: 1 group is on both sides of its split: r0; such as bark\/r0-0-0-0\.png in training/);
});
