import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { classFiles, faultOf, load, namesOf } from '../../support/small-dataset.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('duplicates', () => {
  test('of one class stay on the same side of the split, with a note', async () => {
    const files = await classFiles({ brick: 6, velvet: 6 });
    const root = await temporaryFolder({ ...files, 'brick/copy.png': files['brick/0.png'] ?? '' });
    for (const seed of [1, 2, 3, 4, 5]) {
      const dataset = await load(root, { seed });
      const side = [dataset.train, dataset.validation].map((images) =>
        images.filter(({ name }) => name === 'brick/0.png' || name === 'brick/copy.png'),
      );
      expect(side.map((images) => images.length).sort()).toEqual([0, 2]);
      expect(dataset.notes).toEqual([
        'duplicates, kept on the same side of the split: brick/0.png, brick/copy.png',
      ]);
    }
  });

  test('with two labels are listed by path and never held out', async () => {
    const files = await classFiles({ brick: 6, velvet: 6 });
    const root = await temporaryFolder({ ...files, 'velvet/c.png': files['brick/0.png'] ?? '' });
    const dataset = await load(root, { validationShare: 0.6 });
    expect(dataset.notes).toEqual([
      'identical files are labelled brick and velvet: brick/0.png, velvet/c.png',
    ]);
    expect(namesOf(dataset.train)).toEqual(expect.arrayContaining(['brick/0.png', 'velvet/c.png']));
  });
});

describe('given splits', () => {
  test('are kept, and an image on both sides is removed from training', async () => {
    const files = await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1, 'val/b': 2, 'test/a': 2 });
    const root = await temporaryFolder({ ...files, 'train/a/again.png': files['val/a/0.png'] ?? '' });
    const dataset = await load(root);
    expect(dataset.labels).toEqual(['a', 'b']);
    expect(namesOf(dataset.train)).toEqual([
      'train/a/0.png',
      'train/a/1.png',
      'train/a/2.png',
      'train/b/0.png',
      'train/b/1.png',
    ]);
    expect(namesOf(dataset.validation)).toEqual(['val/a/0.png', 'val/b/0.png', 'val/b/1.png']);
    expect(dataset.notes).toEqual([
      'the test folder is not used in training (2 files)',
      'train/a/again.png is not used in training: it duplicates val/a/0.png of the validation split',
    ]);
    expect(dataset.pixels?.places.size).toBe(8);
  });

  test('with a class that has only validation images are an error', async () => {
    const root = await temporaryFolder(
      await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1, 'val/c': 2 }),
    );
    expect(await faultOf(root)).toBe(
      'DATA:\n  class c: expected at least one training image, got none (it has validation images only)',
    );
  });

  test('with an empty validation folder, or one of only text files, are an error and not an epoch without scores', async () => {
    const files = await classFiles({ 'train/a': 3, 'train/b': 2 });
    const empty = await temporaryFolder({ ...files, 'val/': '' });
    const refusal =
      'DATA:\n  the validation folder has no images: add images of each class, or remove the folder to hold out ' +
      '--validation-share of each class';
    expect(await faultOf(empty)).toBe(refusal);
    const texts = await temporaryFolder({ ...files, 'Validation/a/': '', 'Validation/b/1.txt': 'a' });
    expect(await faultOf(texts)).toMatch(
      new RegExp(`^${refusal}\\n {4}Validation/b/1\\.txt: expected an image`),
    );
  });

  test('with an empty training folder are an error', async () => {
    const root = await temporaryFolder({ 'train/': '', ...(await classFiles({ 'val/a': 1, 'val/b': 1 })) });
    expect(await faultOf(root)).toMatch(/^DATA:\n {2}the training folder has no images\n {2}class a: /);
  });

  test('with one training image of a class are enough, because nothing is held out of it', async () => {
    const files = await classFiles({ 'train/a': 1, 'train/b': 2, 'val/b': 1 });
    const dataset = await load(await temporaryFolder(files));
    expect([dataset.train.length, dataset.validation.length]).toEqual([3, 1]);
  });

  test('without a class in val have the same class indices as with an empty folder of it', async () => {
    const files = await classFiles({ 'train/a': 2, 'train/b': 2, 'train/c': 2, 'val/b': 1, 'val/c': 1 });
    const without = await load(await temporaryFolder(files));
    const empty = await load(await temporaryFolder({ ...files, 'val/a/': '' }));
    expect(without.labels).toEqual(['a', 'b', 'c']);
    expect(without.validation.map(({ name, label }) => [name, label])).toEqual([
      ['val/b/0.png', 1],
      ['val/c/0.png', 2],
    ]);
    for (const key of ['labels', 'fingerprint', 'notes'] as const) expect(empty[key]).toEqual(without[key]);
  });

  test('with a class that is never validated on are noted', async () => {
    const root = await temporaryFolder(await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1 }));
    expect((await load(root)).notes).toEqual([
      'the validation split has no images of b, so their error is unknown',
    ]);
  });

  test('with only training images are split by Textura', async () => {
    const root = await temporaryFolder(await classFiles({ 'train/a': 3, 'train/b': 5 }));
    const dataset = await load(root);
    expect([dataset.train.length, dataset.validation.length]).toEqual([6, 2]);
  });
});

describe('groups', () => {
  const groupFile = (groupOf: (name: string) => string) =>
    ['wood', 'brick']
      .flatMap((label) => Array.from({ length: 6 }, (_, i) => `${label}/${i}.png`))
      .reduce((text, name) => `${text}${name},${groupOf(name)}\n`, 'file,group\n');
  const byNumber = (name: string) => `day ${Number.parseInt(name.split('/')[1] ?? '', 10) % 3}`;

  test('stay on one side, and the fingerprint covers which images share one, whatever their names', async () => {
    const root = await temporaryFolder(await classFiles({ wood: 6, brick: 6 }));
    const lists = await temporaryFolder({
      'a.csv': groupFile(byNumber),
      'renamed.csv': groupFile((name) => `session ${byNumber(name)}`),
      'other.csv': groupFile((name) => (name === 'wood/0.png' ? 'day 1' : byNumber(name))),
    });
    const of = (file: string, seed = 1) =>
      load(root, { group: join(lists, file), validationShare: 0.3, seed });
    const dataset = await of('a.csv');
    expect(dataset.groups).toBe(3);
    expect(new Set(namesOf(dataset.validation).map(byNumber)).size).toBe(1);
    expect(dataset.validation).toHaveLength(4);
    expect(dataset.notes).toContain('3 groups, 1 of which is held out');
    const { fingerprint, contentFingerprint } = dataset;
    expect(await of('renamed.csv')).toMatchObject({ fingerprint, contentFingerprint });
    expect((await of('other.csv')).contentFingerprint).not.toBe(contentFingerprint);
    const seeds = await Promise.all([2, 3, 4, 5].map((seed) => of('a.csv', seed)));
    for (const other of seeds) expect(other.contentFingerprint).toBe(contentFingerprint);
    expect(seeds.some((other) => other.fingerprint !== fingerprint)).toBe(true);
    expect((await load(root)).contentFingerprint).not.toBe(contentFingerprint);
  });

  test('divided by the split of the folder are an error', async () => {
    const files = await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1, 'val/b': 2 });
    const root = await temporaryFolder(files);
    expect((await load(root, { group: '^[a-z]+/./.' })).groups).toBe(8);
    expect(await faultOf(root, { group: '\\d' })).toBe(
      'DATA: 2 groups are on both sides of its split: 0, 1; such as train/a/0.png in training. ' +
        'Move each group to one side',
    );
  });
});

describe('a CSV file of labels', () => {
  const csv = (rows: Readonly<Record<string, string>>, header: string) =>
    Object.entries(rows).reduce((text, [file, rest]) => `${text}${file},${rest}\n`, `${header}\n`);
  const labelOf = (name: string) => name.split('/')[0] ?? '';
  const labelled = (files: Readonly<Record<string, unknown>>, rest: (name: string) => string = labelOf) =>
    Object.fromEntries(Object.keys(files).map((name) => [name, rest(name)]));

  test('gives the same dataset as the folder with these classes', async () => {
    const files = await classFiles({ wood: 5, brick: 4 });
    const root = await temporaryFolder({ ...files, 'labels.csv': csv(labelled(files), 'file,label') });
    const { source, ...dataset } = await load(join(root, 'labels.csv'), { cacheBytes: 0 });
    const { source: folder, ...expected } = await load(root, { cacheBytes: 0 });
    expect(dataset).toEqual({ ...expected, skipped: [] });
    expect([source, folder]).toEqual([join(root, 'labels.csv'), root]);
  });

  test('with splits and groups keeps them', async () => {
    const files = await classFiles({ photos: 9 });
    const numberOf = (name: string) => Number.parseInt(name.split('/')[1] ?? '', 10);
    const rest = (name: string) => {
      const number = numberOf(name);
      return `${number % 2 === 0 ? 'even' : 'odd'},${number < 6 ? 'train' : 'validation'},${Math.floor(number / 3)}`;
    };
    const rows = labelled(files, rest);
    const header = 'file,label,split,group';
    const root = await temporaryFolder({
      ...files,
      'labels.csv': csv(rows, header),
      'divided.csv': csv({ ...rows, 'photos/8.png': 'even,train,2' }, header),
    });
    const dataset = await load(join(root, 'labels.csv'));
    expect(dataset).toMatchObject({ labels: ['even', 'odd'], groups: 3 });
    expect(namesOf(dataset.validation)).toEqual(['photos/6.png', 'photos/7.png', 'photos/8.png']);
    expect(dataset.train).toHaveLength(6);
    const divided = join(root, 'divided.csv');
    expect(await faultOf(divided)).toMatch(
      /^DATA: 1 group is on both sides of its split: 2; such as photos\/8\.png/,
    );
    // --group replaces the column.
    expect((await load(divided, { group: '\\d' })).groups).toBe(9);
    await expect(load(divided, { heldOutFold: { fold: 1, folds: 2 } })).rejects.toThrow(
      /has its own validation split.*remove the column split, or leave out --folds$/,
    );
  });

  test('with a split of which no photograph can be used is an error that names the column and the files', async () => {
    const files = { ...(await classFiles({ wood: 9, brick: 9 })), 'wood/broken.png': 'text' };
    const rest = (name: string) => `${labelOf(name)},${name === 'wood/broken.png' ? 'validation' : 'train'}`;
    const root = await temporaryFolder({
      ...files,
      'labels.csv': csv(labelled(files, rest), 'file,label,split'),
    });
    expect(await faultOf(join(root, 'labels.csv'))).toMatch(
      /^DATA:\n {2}the validation split has no images: add images of each class, or remove the column split to hold out --validation-share of each class\n {4}wood\/broken\.png: expected an image/,
    );
  });

  test('with one label, or only validation photographs, is an error', async () => {
    const files = await classFiles({ wood: 2, brick: 2 });
    const root = await temporaryFolder({
      ...files,
      'one.csv': csv(
        labelled(files, () => 'oak'),
        'file,label',
      ),
      'held.csv': csv(
        labelled(files, (name) => `${labelOf(name)},validation`),
        'file,label,split',
      ),
    });
    expect(await faultOf(join(root, 'one.csv'))).toBe('DATA: expected at least two labels, got only oak');
    expect(await faultOf(join(root, 'held.csv'))).toBe(
      'DATA: every line has the split validation; add training photographs',
    );
  });
});
