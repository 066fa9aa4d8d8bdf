import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DatasetImage } from '../../../training/data/dataset-image.ts';
import { splitByFold, splitByImage, validationHalves } from '../../../training/data/split.ts';

const labels = ['bark', 'brick', 'wood'];

function image(label: number, content: string, name = `${labels[label]}/${content}.png`): DatasetImage {
  return {
    name,
    source: { kind: 'file', path: name },
    label,
    width: 70,
    height: 66,
    meanGrey: 128,
    contentHash: content,
  };
}

function split(images: readonly DatasetImage[], seed = 1, validationShare = 0.2) {
  return splitByImage('data', images, { labels, seed, validationShare });
}

const hashes = (images: readonly DatasetImage[]) => images.map(({ contentHash }) => contentHash);

/** Classes of unlike sizes; some contents occur several times, some under two labels. */
const messyImages = fc
  .record({
    sizes: fc.tuple(...labels.map(() => fc.integer({ min: 2, max: 25 }))),
    copies: fc.array(fc.tuple(fc.nat(2), fc.nat(24), fc.nat(2)), { maxLength: 12 }),
  })
  .map(({ sizes, copies }) => {
    const own = sizes.flatMap((size, label) =>
      Array.from({ length: size }, (_, i) => image(label, `${label}-${i}`)),
    );
    const copied = copies.map(([from, which, to], i) =>
      image(to, `${from}-${which % (sizes[from] as number)}`, `${labels[to]}/copy${i}.png`),
    );
    return [...own, ...copied];
  });

test('validation is halved within each class, by photograph, and differently for another seed', () => {
  const images = [
    ...Array.from({ length: 6 }, (_, i) => image(0, `bark ${i}`)),
    ...Array.from({ length: 5 }, (_, i) => image(1, `brick ${i}`)),
    image(1, 'brick 0', 'brick/copy.png'),
    image(2, 'wood 0'),
  ];
  const { choosing, reporting } = validationHalves('data', images, 1);
  expect(hashes([...choosing, ...reporting]).sort()).toEqual(hashes(images).sort());
  const count = (half: readonly DatasetImage[], label: number) =>
    half.filter((one) => one.label === label).length;
  expect([count(choosing, 0), count(reporting, 0)]).toEqual([3, 3]);
  expect(Math.min(count(choosing, 1), count(reporting, 1))).toBeGreaterThanOrEqual(2);
  for (const half of [choosing, reporting])
    expect([0, 2]).toContain(half.filter(({ contentHash }) => contentHash === 'brick 0').length);
  expect(hashes(validationHalves('data', images.toReversed(), 1).choosing).sort()).toEqual(
    hashes(choosing).sort(),
  );
  expect(hashes(validationHalves('data', images, 2).choosing)).not.toEqual(hashes(choosing));
  expect(validationHalves('data', [], 1)).toEqual({ choosing: [], reporting: [] });
  expect(() => validationHalves('data', images.slice(-1), 1)).toThrow(
    'data: --choose-on half needs at least two different validation photographs, got one',
  );
});

describe('for any data, seed and share', () => {
  const anySplit = {
    images: messyImages,
    seed: fc.nat(),
    share: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
  };

  /** Undefined where the data cannot be split, which the error says. */
  function trySplit(images: readonly DatasetImage[], seed: number, share: number) {
    try {
      return split(images, seed, share);
    } catch (error) {
      expect(error).toMatchObject({ code: 'data-unusable' });
      return undefined;
    }
  }

  test('every image is on one side, and each class on both', () => {
    fc.assert(
      fc.property(fc.record(anySplit), ({ images, seed, share }) => {
        const sides = trySplit(images, seed, share);
        if (sides === undefined) return;
        const { train, validation } = sides;
        expect(new Set([...train, ...validation])).toEqual(new Set(images));
        expect(train.length + validation.length).toBe(images.length);
        for (const side of [train, validation]) {
          expect([...new Set(side.map(({ label }) => label))]).toEqual([0, 1, 2]);
        }
      }),
    );
  });

  test('identical files are never on both sides of the split, and files with two labels are never held out', () => {
    fc.assert(
      fc.property(fc.record(anySplit), ({ images, seed, share }) => {
        const sides = trySplit(images, seed, share);
        if (sides === undefined) return;
        const trained = new Map(sides.train.map(({ contentHash, label }) => [contentHash, label]));
        for (const held of sides.validation) {
          expect(trained.has(held.contentHash)).toBe(false);
          const labelsOfBytes = images.filter(({ contentHash }) => contentHash === held.contentHash);
          expect(new Set(labelsOfBytes.map(({ label }) => label)).size).toBe(1);
        }
      }),
    );
  });

  test('neither the order of the images nor their names matter', () => {
    fc.assert(
      fc.property(fc.record(anySplit), fc.infiniteStream(fc.nat()), ({ images, seed, share }, keys) => {
        const sides = trySplit(images, seed, share);
        if (sides === undefined) return;
        const keyed = images.map((one, i) => ({
          one: { ...one, name: `moved/${images.length - i}` },
          key: keys.next().value,
        }));
        const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ one }) => one);
        const again = split(shuffled, seed, share);
        expect(hashes(again.train)).toEqual(hashes(sides.train));
        expect(hashes(again.validation)).toEqual(hashes(sides.validation));
      }),
    );
  });
});

const distinct = (counts: readonly number[]) =>
  counts.flatMap((count, label) => Array.from({ length: count }, (_, i) => image(label, `${label}-${i}`)));

test('the share is held out of each class', () => {
  const { validation } = split(distinct([30, 10, 3]));
  expect([0, 1, 2].map((label) => validation.filter((one) => one.label === label).length)).toEqual([6, 2, 1]);
});

test('another seed holds out other images', () => {
  const images = distinct([30, 30, 30]);
  expect(hashes(split(images, 1).validation)).toEqual(hashes(split(images, 1).validation));
  expect(hashes(split(images, 2).validation)).not.toEqual(hashes(split(images, 1).validation));
});

test('the held-out images of a class do not depend on other classes', () => {
  const held = (counts: readonly number[]) =>
    hashes(split(distinct(counts)).validation.filter(({ label }) => label === 1));
  expect(held([30, 12, 5])).toEqual(held([7, 12, 40]));
});

test('more duplicates than the share still leave an image on each side', () => {
  const copies = (content: string, count: number) =>
    Array.from({ length: count }, (_, i) => image(0, content, `bark/${content}${i}.png`));
  const { train, validation } = split([...copies('x', 5), ...copies('y', 3), ...distinct([0, 5, 5])]);
  const bark = (side: readonly DatasetImage[]) => hashes(side.filter(({ label }) => label === 0));
  expect(bark(validation)).toEqual(['y', 'y', 'y']);
  expect(bark(train)).toEqual(['x', 'x', 'x', 'x', 'x']);
});

test.each<[string, readonly DatasetImage[]]>([
  ['one image', distinct([1, 5, 5])],
  ['copies of one image', [image(0, 'x', 'bark/1.png'), image(0, 'x', 'bark/2.png'), ...distinct([0, 5, 5])]],
  ['only images that other classes have too', [image(0, '1-0'), image(0, '1-1'), ...distinct([0, 5, 5])]],
])('a class with %s is an error that names it', (_, images) => {
  expect(() => split(images)).toThrow(
    /^data: each class needs at least two different images.* too few in bark$/,
  );
});

describe('folds', () => {
  const folds = 4;
  const allFolds = (images: readonly DatasetImage[], seed = 1) =>
    Array.from({ length: folds }, (_, i) =>
      splitByFold('data', images, { labels, seed, folds, fold: i + 1 }),
    );
  const images = labels.flatMap((_, label) =>
    Array.from({ length: 9 + label }, (_, i) => image(label, `${label}-${i}`)),
  );

  test('hold out every image once, with class counts that differ by at most one', () => {
    const splits = allFolds(images);
    const heldOut = splits.flatMap(({ validation }) => validation.map(({ name }) => name));
    expect(heldOut.toSorted()).toEqual(images.map(({ name }) => name).toSorted());
    for (const { train, validation } of splits) {
      expect(train.length + validation.length).toBe(images.length);
      labels.forEach((_, label) => {
        const count = validation.filter((held) => held.label === label).length;
        expect([Math.floor((9 + label) / folds), Math.ceil((9 + label) / folds)]).toContain(count);
      });
    }
  });

  test('keep identical files together, never hold out a file with two labels, and depend only on the seed', () => {
    const messy = [...images, image(0, '0-1', 'bark/copy.png'), image(1, '2-2', 'brick/also-wood.png')];
    const splits = allFolds(messy);
    for (const { train, validation } of splits) {
      const held = new Set(hashes(validation));
      expect(hashes(train).filter((hash) => held.has(hash))).toEqual([]);
      expect(held.has('2-2')).toBe(false);
    }
    expect(allFolds(messy.toReversed())).toEqual(splits);
    expect(allFolds(messy, 2)).not.toEqual(splits);
  });

  test('reject a class with fewer different images than folds', () => {
    const few = [...images, image(0, 'x')].filter(
      ({ label, contentHash }) => label !== 1 || contentHash < '1-3',
    );
    expect(() => allFolds(few)).toThrow(/at least 4 different images.*brick/);
  });
});
