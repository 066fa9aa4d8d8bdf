import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DataFolder, scanDataFolder } from '../../../training/data/folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const names = (folder: DataFolder) => folder.files.map(({ name }) => name);
const isRoot = process.getuid?.() === 0;

describe('classes', () => {
  test('are the folders, in code-point order and not as numbers, whatever order they were made in', async () => {
    const numbers = Array.from({ length: 12 }, (_, i) => `${12 - i}`);
    const root = await temporaryFolder(Object.fromEntries(numbers.map((label) => [`${label}/a.png`, label])));
    const { labels } = await scanDataFolder(root);
    expect(labels).toEqual(['1', '10', '11', '12', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  test('may have spaces, accents and signs in their names', async () => {
    const root = await temporaryFolder({
      'grey stone/1.png': '',
      'Größe/지단.jpg': '',
      '100% wool #2/a b.png': '',
    });
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['100% wool #2', 'Größe', 'grey stone']);
    expect(names(folder)).toEqual(['100% wool #2/a b.png', 'Größe/지단.jpg', 'grey stone/1.png']);
  });

  test('hold the files of the folders within them', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'a/2020/may/2.png': '', 'b/3.png': '' });
    const { files } = await scanDataFolder(root);
    expect(files.map(({ name, label }) => [name, label])).toEqual([
      ['a/1.png', 'a'],
      ['a/2020/may/2.png', 'a'],
      ['b/3.png', 'b'],
    ]);
  });

  test('that differ by case alone stay two, with a note', async () => {
    const root = await temporaryFolder({ 'Brick/1.png': '', 'brick/1.png': '', 'wood/1.png': '' });
    const { labels, notes } = await scanDataFolder(root);
    expect(labels).toEqual(['Brick', 'brick', 'wood']);
    expect(notes).toEqual(['Brick and brick differ by case alone and are classes of their own']);
  });

  test('whose names differ in Unicode form alone are one, called by its NFC name', async () => {
    const root = await temporaryFolder({ 'Größe/1.png': '', 'Gro\u0308ße/2.png': '', 'b/3.png': '' });
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['Größe', 'b']);
    expect(folder.files.filter(({ label }) => label === 'Größe')).toHaveLength(2);
    expect(folder.notes).toEqual(['Größe: folders whose names differ in Unicode form alone are one class']);
  });

  test('of one Unicode form in train and another in val are one', async () => {
    const root = await temporaryFolder({
      'train/Größe/1.png': '',
      'train/b/1.png': '',
      'val/Gro\u0308ße/2.png': '',
      'val/b/2.png': '',
    });
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['Größe', 'b']);
    expect(folder.files.filter(({ label }) => label === 'Größe').map(({ split }) => split)).toEqual([
      'train',
      'validation',
    ]);
  });

  test('include an empty folder, so that it can be reported', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/': '' });
    expect((await scanDataFolder(root)).labels).toEqual(['a', 'b']);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['none', { 'notes.txt': '' }, /expected two class folders or more, got none \(1 files lie/],
    ['nothing at all', {}, /got none$/],
    ['only one', { 'a/1.png': '' }, /got only a$/],
    [
      'only one that holds the real ones',
      { 'set/a/1.png': '', 'set/b/1.png': '' },
      /got only set; if its 2 folders/,
    ],
  ])('are an error where there are: %s', async (_, files, message) => {
    const root = await temporaryFolder(files);
    await expect(scanDataFolder(root)).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringMatching(message),
    });
  });

  test('are not looked for in a file or in nothing', async () => {
    const root = await temporaryFolder({ 'a.txt': '' });
    await expect(scanDataFolder(join(root, 'a.txt'))).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringMatching(/got a file$/),
    });
    await expect(scanDataFolder(join(root, 'b'))).rejects.toThrow(/got nothing there$/);
  });
});

describe('split folders', () => {
  test.each([
    ['train', 'val', 'test'],
    ['train', 'validation', 'test'],
    ['Train', 'Val', 'Test'],
    ['training', 'valid', 'testing'],
    ['TRAIN', 'VALID', 'TEST'],
  ])('%s, %s and %s are understood, and never classes', async (train, validation, tests) => {
    const root = await temporaryFolder({
      [`${train}/a/1.png`]: '',
      [`${train}/b/1.png`]: '',
      [`${validation}/a/2.png`]: '',
      [`${validation}/b/2.png`]: '',
      [`${tests}/a/3.png`]: '',
      [`${tests}/c/3.png`]: '',
    });
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['a', 'b']);
    expect(folder.hasValidation).toBe(true);
    const count = (split: string) => folder.files.filter((file) => file.split === split).length;
    expect([count('train'), count('validation'), folder.files.length]).toEqual([2, 2, 4]);
    expect(folder.notes).toEqual(['2 files of the test folder are not used in training']);
  });

  test('train alone leaves the split to us', async () => {
    const root = await temporaryFolder({ 'train/a/1.png': '', 'train/b/1.png': '' });
    expect(await scanDataFolder(root)).toMatchObject({ labels: ['a', 'b'], hasValidation: false });
  });

  test.each<[string, Record<string, string>]>([
    ['without train', { 'val/a/1.png': '', 'test/b/1.png': '' }],
    ['beside classes', { 'train/a/1.png': '', 'val/a/2.png': '', 'brick/1.png': '' }],
    ['that are a class by name', { 'valid/1.png': '', 'invalid/1.png': '' }],
    ['given twice', { 'train/a/1.png': '', 'val/a/1.png': '', 'validation/a/1.png': '' }],
  ])('%s are an error that says which names count', async (_, files) => {
    const root = await temporaryFolder(files);
    await expect(scanDataFolder(root)).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringMatching(
        /train \(or training\), val \(or valid, validation\) and test \(or testing\)/,
      ),
    });
  });
});

describe('what is no photograph', () => {
  test('hidden and system files and folders are ignored, and told once', async () => {
    const clean = { 'a/1.png': '', 'b/1.png': '' };
    const root = await temporaryFolder({
      ...clean,
      '.DS_Store': '',
      'a/.DS_Store': '',
      'a/._1.png': '',
      'a/Thumbs.db': '',
      'b/desktop.ini': '',
      '.ipynb_checkpoints/x.png': '',
      'b/.ipynb_checkpoints/1-checkpoint.png': '',
      '__MACOSX/a/._1.png': '',
    });
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['a', 'b']);
    expect(names(folder)).toEqual(Object.keys(clean));
    expect(folder.skipped).toEqual([]);
    expect(folder.notes).toEqual([
      'ignored 8 hidden or system files and folders (.DS_Store, .ipynb_checkpoints, __MACOSX, ._1.png, Thumbs.db, ...)',
    ]);
  });

  test('files outside the class folders are listed', async () => {
    const flat = await temporaryFolder({ 'README.txt': '', 'a/1.png': '', 'b/1.png': '' });
    expect((await scanDataFolder(flat)).skipped).toEqual([
      { name: 'README.txt', why: 'lies in no class folder' },
    ]);
    const split = await temporaryFolder({ 'train/x.png': '', 'train/a/1.png': '', 'train/b/1.png': '' });
    expect((await scanDataFolder(split)).skipped).toEqual([
      { name: 'train/x.png', why: 'lies in no class folder' },
    ]);
  });

  test('a pipe is listed and never opened', async (context) => {
    if (process.platform === 'win32') return context.skip('Windows has no such pipes');
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    execFileSync('mkfifo', [join(root, 'a/pipe.png')]);
    const folder = await scanDataFolder(root);
    expect(folder.skipped).toEqual([{ name: 'a/pipe.png', why: 'a device, pipe or socket' }]);
  });

  test.skipIf(isRoot || process.platform === 'win32')('a folder that may not be read is listed', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '', 'b/closed/2.png': '' });
    await chmod(join(root, 'b/closed'), 0);
    const folder = await scanDataFolder(root);
    await chmod(join(root, 'b/closed'), 0o700);
    expect(folder.skipped).toEqual([{ name: 'b/closed', why: 'the folder cannot be read (EACCES)' }]);
  });
});

describe('links', () => {
  test('a linked class is read, once', async () => {
    const shared = await temporaryFolder({ 'brick/1.png': '', 'brick/2.png': '' });
    const root = await temporaryFolder({ 'wood/1.png': '' });
    await symlink(join(shared, 'brick'), join(root, 'brick'));
    await symlink('brick', join(root, 'also-brick'));
    const folder = await scanDataFolder(root);
    // Both links lead to one folder: the first name has it.
    expect(folder.labels).toEqual(['also-brick', 'wood']);
    expect(names(folder)).toEqual(['also-brick/1.png', 'also-brick/2.png', 'wood/1.png']);
    expect(folder.notes).toEqual([
      'brick: a link that leads to also-brick, which is read already; it is not followed',
    ]);
  });

  test('a folder inside keeps its own name before a link to it', async () => {
    const root = await temporaryFolder({ 'wood/1.png': '', 'zinc/1.png': '' });
    await symlink('zinc', join(root, 'brick'));
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['wood', 'zinc']);
    expect(folder.notes).toEqual([
      'brick: a link that leads to zinc, which is read already; it is not followed',
    ]);
  });

  test('loops end, and lead neither out nor round', async () => {
    const around = await temporaryFolder({ 'data/a/1.png': '', 'data/b/1.png': '' });
    const root = join(around, 'data');
    await symlink('..', join(root, 'a/parent'));
    await symlink('.', join(root, 'a/self'));
    await symlink(around, join(root, 'b/around'));
    await symlink('/', join(root, 'b/everything'));
    const folder = await scanDataFolder(root);
    expect(names(folder)).toEqual(['a/1.png', 'b/1.png']);
    expect(folder.notes).toEqual([
      'a/parent: a link that leads out to a folder around it; it is not followed',
      'a/self: a link that leads to a, which is read already; it is not followed',
      'b/around: a link that leads out to a folder around it; it is not followed',
      'b/everything: a link that leads out to a folder around it; it is not followed',
    ]);
  });

  test('two linked folders that link to each other end too', async () => {
    const shared = await temporaryFolder({ 'one/1.png': '', 'two/2.png': '' });
    await symlink('../two', join(shared, 'one/two'));
    await symlink('../one', join(shared, 'two/one'));
    const root = await temporaryFolder({ 'wood/1.png': '' });
    await symlink(join(shared, 'one'), join(root, 'brick'));
    expect(names(await scanDataFolder(root))).toEqual(['brick/1.png', 'brick/two/2.png', 'wood/1.png']);
  });

  test('dangling links are named', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    await symlink('nowhere.png', join(root, 'a/gone.png'));
    await symlink('round', join(root, 'round'));
    expect((await scanDataFolder(root)).skipped).toEqual([
      { name: 'a/gone.png', why: 'a link to what is not there' },
      { name: 'round', why: 'a link that leads to itself' },
    ]);
  });

  test('a linked file is a file of the class', async () => {
    const shared = await temporaryFolder({ 'photo.png': '' });
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    await symlink(join(shared, 'photo.png'), join(root, 'a/2.png'));
    expect(names(await scanDataFolder(root))).toEqual(['a/1.png', 'a/2.png', 'b/1.png']);
  });
});

test('the data folder itself may be a link', async () => {
  const real = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
  const other = await temporaryFolder();
  await symlink(real, join(other, 'data'));
  expect(names(await scanDataFolder(join(other, 'data')))).toEqual(['a/1.png', 'b/1.png']);
});

test('thousands of files are scanned', async () => {
  const root = await temporaryFolder({ 'a/': '', 'b/deep/': '' });
  const written = Array.from({ length: 5_000 }, (_, i) => `${i % 2 === 0 ? 'a' : 'b/deep'}/${i}.png`);
  for (const name of written) writeFileSync(join(root, name), '');
  expect(names(await scanDataFolder(root)).sort()).toEqual(written.sort());
});
