import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DataFolder, scanDataFolder } from '../../../training/data/folder.ts';
import { asOrdinaryUser } from '../../support/ordinary-user.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const names = (folder: DataFolder) => folder.files.map(({ name }) => name);
const isWindows = process.platform === 'win32';

/** The message of the refusal, with DATA for the folder's path. */
async function refusalOf(root: string): Promise<string> {
  const error: unknown = await scanDataFolder(root).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'data-unusable' });
  return (error as Error).message.replaceAll(root, 'DATA');
}

/** A path whose last part has one byte a character, as old archives and file servers leave them. */
function latin1Path(folder: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
}

describe('classes', () => {
  test('are the folders, in code-point order and not as numbers, independent of their creation order', async () => {
    const numbers = Array.from({ length: 12 }, (_, i) => `${12 - i}`);
    const root = await temporaryFolder(Object.fromEntries(numbers.map((label) => [`${label}/a.png`, label])));
    const { labels } = await scanDataFolder(root);
    expect(labels).toEqual(['1', '10', '11', '12', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  test('can have spaces, accents and symbols in their names', async () => {
    const root = await temporaryFolder({
      'grey stone/1.png': '',
      'Größe/지단.jpg': '',
      '100% wool #2/a b.png': '',
    });
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['100% wool #2', 'Größe', 'grey stone']);
    expect(names(folder)).toEqual(['100% wool #2/a b.png', 'Größe/지단.jpg', 'grey stone/1.png']);
  });

  test('include the files of their sub-folders', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'a/2020/may/2.png': '', 'b/3.png': '' });
    const { files } = await scanDataFolder(root);
    expect(files.map(({ name, label }) => [name, label])).toEqual([
      ['a/1.png', 'a'],
      ['a/2020/may/2.png', 'a'],
      ['b/3.png', 'b'],
    ]);
  });

  test('that differ only in case stay separate, with a note', async () => {
    const root = await temporaryFolder({ 'Brick/1.png': '', 'brick/1.png': '', 'wood/1.png': '' });
    const { labels, notes } = await scanDataFolder(root);
    expect(labels).toEqual(['Brick', 'brick', 'wood']);
    expect(notes).toEqual(['Brick and brick differ only in case and are separate classes']);
  });

  test('whose names differ only in Unicode normalization are one, with the NFC name', async () => {
    const root = await temporaryFolder({ 'Größe/1.png': '', 'Gro\u0308ße/2.png': '', 'b/3.png': '' });
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['Größe', 'b']);
    expect(folder.files.filter(({ label }) => label === 'Größe')).toHaveLength(2);
    expect(folder.notes).toEqual([
      'Größe: folders whose names differ only in Unicode normalization are one class',
    ]);
  });

  test('whose names are normalized differently in train and val are one', async () => {
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
    ['none', { 'notes.txt': '' }, /expected at least two class folders, got none$/],
    ['nothing at all', {}, /got none$/],
    ['only one', { 'a/1.png': '' }, /got only a$/],
  ])('are an error where there are: %s', async (_, files, message) => {
    const root = await temporaryFolder(files);
    await expect(scanDataFolder(root)).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringMatching(message),
    });
  });

  test('are not looked for in a file or a missing folder', async () => {
    const root = await temporaryFolder({ 'a.txt': '' });
    await expect(scanDataFolder(join(root, 'a.txt'))).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringMatching(/got a file$/),
    });
    await expect(scanDataFolder(join(root, 'b'))).rejects.toThrow(/got a path that does not exist$/);
  });
});

describe('split folders', () => {
  test.each([
    ['train', 'val', 'test'],
    ['train', 'validation', 'test'],
    ['Train', 'Val', 'Test'],
    ['training', 'valid', 'testing'],
    ['TRAIN', 'VALID', 'TEST'],
  ])('%s, %s and %s are recognised, and are never classes', async (train, validation, tests) => {
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
    expect(folder.notes).toEqual(['the test folder is not used in training (2 files)']);
  });

  test('only train means that Textura makes the split', async () => {
    const root = await temporaryFolder({ 'train/a/1.png': '', 'train/b/1.png': '' });
    expect(await scanDataFolder(root)).toMatchObject({ labels: ['a', 'b'], hasValidation: false });
  });

  test.each<[string, Record<string, string>]>([
    ['without train', { 'val/a/1.png': '', 'test/b/1.png': '' }],
    ['next to classes', { 'train/a/1.png': '', 'val/a/2.png': '', 'brick/1.png': '' }],
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

describe('entries that are not photographs', () => {
  test('hidden and system files and folders are ignored, with one note', async () => {
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
      'ignored 8 hidden or system files and folders (.DS_Store, .ipynb_checkpoints, __MACOSX, ._1.png, Thumbs.db, desktop.ini)',
    ]);
  });

  test('files outside the class folders are listed', async () => {
    const flat = await temporaryFolder({ 'README.txt': '', 'a/1.png': '', 'b/1.png': '' });
    expect((await scanDataFolder(flat)).skipped).toMatchObject([
      { name: 'README.txt', why: 'is not in a class folder' },
    ]);
    const split = await temporaryFolder({ 'train/x.png': '', 'train/a/1.png': '', 'train/b/1.png': '' });
    expect((await scanDataFolder(split)).skipped).toMatchObject([
      { name: 'train/x.png', why: 'is not in a class folder' },
    ]);
  });

  test('a pipe is listed and never opened', async (context) => {
    if (process.platform === 'win32') return context.skip('Windows has no such pipes');
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    execFileSync('mkfifo', [join(root, 'a/pipe.png')]);
    const folder = await scanDataFolder(root);
    expect(folder.skipped).toMatchObject([{ name: 'a/pipe.png', why: 'a device, pipe or socket' }]);
  });

  test.skipIf(isWindows)('an unreadable folder within a class is listed', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '', 'b/closed/2.png': '' });
    await chmod(root, 0o755);
    await chmod(join(root, 'b/closed'), 0);
    const folder = await asOrdinaryUser(() => scanDataFolder(root));
    const why = 'the folder cannot be listed: this user may not read it (EACCES)';
    expect(folder.skipped).toEqual([{ name: 'b/closed', why, label: 'b' }]);
  });
});

describe('an unreadable class is rejected with the reason, so that no network lacks it', () => {
  test.skipIf(isWindows).each<[string, string]>([
    ['a class folder', 'b'],
    ['a split folder', 'val'],
    ['a class folder of a split', 'train/b'],
  ])('%s that may not be listed', async (_, closed) => {
    const root = await temporaryFolder(
      closed === 'b'
        ? { 'a/1.png': '', 'b/1.png': '', 'c/1.png': '' }
        : { 'train/a/1.png': '', 'train/b/1.png': '', 'train/c/1.png': '', 'val/a/2.png': '' },
    );
    await chmod(root, 0o755);
    await chmod(join(root, closed), 0);
    expect(await asOrdinaryUser(() => refusalOf(root))).toBe(
      'DATA: a class would be missing, because these folders cannot be read:\n' +
        `  ${closed}: the folder cannot be listed: this user may not read it (EACCES)`,
    );
  });

  test.skipIf(isWindows)('the data folder itself', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    await chmod(root, 0);
    expect(await asOrdinaryUser(() => refusalOf(root))).toMatch(/this user may not read it \(EACCES\)$/);
  });

  test.skipIf(isWindows)('a data folder in a folder that this user cannot enter', async () => {
    const root = await temporaryFolder({ 'data/a/1.png': '', 'data/b/1.png': '' });
    await chmod(root, 0);
    const below = join(root, 'data');
    expect(await asOrdinaryUser(() => refusalOf(below))).toMatch(/got an unreadable path \(EACCES\)$/);
  });

  test.skipIf(process.platform !== 'linux')('a name that is not UTF-8, of a folder or a link', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    await mkdir(latin1Path(root, 'Stra\xdfe'));
    await symlink('a', latin1Path(root, 'Gl\xe4ser'));
    expect(await refusalOf(root)).toBe(
      'DATA: a class would be missing, because these folders cannot be read:\n' +
        '  Gl\\xE4ser: its name is not UTF-8; rename it\n' +
        '  Stra\\xDFe: its name is not UTF-8; rename it',
    );
  });

  test.each(['brick', 'Val'])('a broken link called %s', async (name) => {
    const root = await temporaryFolder({ 'train/a/1.png': '', 'train/b/1.png': '' });
    const top = name === 'Val' ? root : join(root, 'train');
    await symlink('../shared/brick', join(top, name));
    await symlink('round', join(top, 'round'));
    expect(await refusalOf(top)).toBe(
      'DATA: a class would be missing, because these folders cannot be read:\n' +
        `  ${name}: a broken link: ../shared/brick does not exist\n` +
        '  round: a link to itself',
    );
  });

  test('but the test folder is not needed', async () => {
    const root = await temporaryFolder({ 'train/a/1.png': '', 'train/b/1.png': '' });
    await symlink('nowhere', join(root, 'test'));
    expect(await scanDataFolder(root)).toMatchObject({ labels: ['a', 'b'], skipped: [{ name: 'test' }] });
  });
});

test.skipIf(process.platform !== 'linux')(
  'a photograph whose name is not UTF-8 is reported as such',
  async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    await writeFile(latin1Path(join(root, 'a'), 'gro\xdf.jpg'), '');
    const { files } = await scanDataFolder(root);
    expect(files[1]).toMatchObject({
      name: 'a/gro\\xDF.jpg',
      label: 'a',
      unreadable: 'its name is not UTF-8; rename it',
    });
  },
);

describe('a folder at the wrong level', () => {
  const two = (set: string) => ({ [`${set}/a/1.png`]: '', [`${set}/b/1.png`]: '' });

  test.each<[string, Record<string, string>, string, string]>([
    ['one level too high', two('set'), '', 'got only set. Did you mean --data DATA/set?'],
    ['two levels too high', two('my/set'), '', 'got only my. Did you mean --data DATA/my/set?'],
    [
      'too high over train and val',
      { ...two('set/train'), ...two('set/val') },
      '',
      'got only set. Did you mean --data DATA/set?',
    ],
    [
      'too high over two sets deep below',
      { ...two('x/y'), ...two('x/z') },
      '',
      'got only x. Did you mean --data DATA/x/y or --data DATA/x/z?',
    ],
    ['a class', two('set'), 'set/a', 'got none; it directly contains images. Did you mean --data DATA/set?'],
    [
      'a class with a folder in it',
      { ...two('set'), 'set/a/more/2.png': '' },
      'set/a',
      'got only more; it directly contains images. Did you mean --data DATA/set?',
    ],
    ['a class of a split', { ...two('train'), ...two('val') }, 'train/a', 'Did you mean --data DATA?'],
    [
      'a flat folder among others',
      { 'flat/1.png': '', 'notes/a.txt': '' },
      'flat',
      'it directly contains images',
    ],
    [
      'a split without classes',
      { 'train/1.png': '', 'val/2.png': '' },
      '',
      'there are images directly in train and val',
    ],
  ])('%s is refused, with the path that is probably meant', async (_, files, below, message) => {
    const root = await temporaryFolder(files);
    const error: unknown = await scanDataFolder(join(root, below)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'data-unusable' });
    expect((error as Error).message.replaceAll(root, 'DATA').endsWith(message)).toBe(true);
  });

  test('the path of the hint is quoted for a shell', async () => {
    const root = await temporaryFolder(two("my son's photos/set 1"));
    expect(await refusalOf(root)).toMatch(/Did you mean --data 'DATA\/my son'\\''s photos\/set 1'\?$/);
  });

  test('a parent of two data sets is rejected: their classes have the same names', async () => {
    const root = await temporaryFolder({ ...two('mine'), ...two('downloaded'), 'mine/README.txt': '' });
    expect(await refusalOf(root)).toBe(
      'DATA: expected one dataset, got several: downloaded, mine have sub-folders of the same names (a, b). ' +
        'Did you mean --data DATA/downloaded or --data DATA/mine? If they are classes, move the images of each ' +
        'into the class folder itself, without sub-folders',
    );
  });

  test('so is a parent of two data sets with splits, of two that share one class, and one in a split', async () => {
    const splits = {
      ...two('kth/train'),
      ...two('kth/val'),
      'uiuc/train/c/1.png': '',
      'uiuc/train/d/1.png': '',
    };
    expect(await refusalOf(await temporaryFolder(splits))).toMatch(/kth, uiuc have .* \(train\)/);
    const one = { ...two('one'), 'two/b/1.png': '', 'two/c/1.png': '', 'three/1.png': '' };
    expect(await refusalOf(await temporaryFolder(one))).toMatch(/: one, two have .* \(b\)/);
    const inTrain = { ...two('train/mine'), ...two('train/downloaded'), 'val/mine/a/2.png': '' };
    expect(await refusalOf(await temporaryFolder(inTrain))).toMatch(/train\/downloaded, train\/mine have/);
  });

  test('so is a parent of data sets whose classes have different names', async () => {
    const sets = { 'kth/a/1.png': '', 'kth/b/1.png': '', 'uiuc/c/1.png': '', 'uiuc/d/1.png': '' };
    const root = await temporaryFolder({ ...sets, 'notes/a.txt': '' });
    expect(await refusalOf(root)).toBe(
      'DATA: expected one dataset, got several: kth, uiuc have images in sub-folders only. ' +
        'Did you mean --data DATA/kth or --data DATA/uiuc? If they are classes, move the images of each ' +
        'into the class folder itself, without sub-folders',
    );
    const inTrain = Object.fromEntries(Object.keys(sets).map((name) => [`train/${name}`, '']));
    expect(await refusalOf(await temporaryFolder(inTrain))).toContain('--data DATA/train/kth');
    // With a class that has images of its own, the others may be classes with sub-folders.
    const mixed = await scanDataFolder(await temporaryFolder({ ...sets, 'flat/1.png': '' }));
    expect(mixed.labels).toEqual(['flat', 'kth', 'uiuc']);
    expect(mixed.notes).toHaveLength(2);
  });

  test.each<[string, Record<string, string>]>([
    ['with images of their own', { 'a/1.png': '', ...two('a/day'), ...two('b/day'), 'b/1.png': '' }],
    ['of only one name', { 'a/raw/1.png': '', 'b/raw/1.png': '', 'c/raw/1.png': '' }],
    ['of texts', { 'a/x/1.txt': '', 'a/y/1.txt': '', 'b/x/1.txt': '', 'b/y/1.txt': '' }],
  ])('but class folders may have sub-folders %s', async (_, files) => {
    const folder = await scanDataFolder(await temporaryFolder(files));
    expect(folder.files).toHaveLength(Object.keys(files).length);
    expect(folder).toMatchObject({ notes: [], dataFolders: [] });
  });

  test('and train, val and test can contain a class in the same sub-folders', async () => {
    const root = await temporaryFolder({
      ...two('train/wood'),
      ...two('val/wood'),
      ...two('test/wood'),
      'train/sand/1.png': '',
      'val/sand/2.png': '',
    });
    expect(await scanDataFolder(root)).toMatchObject({ labels: ['sand', 'wood'], hasValidation: true });
  });

  test('a class that looks like a data set is noted', async () => {
    const root = await temporaryFolder({ ...two('set'), 'scripts/1.png': '' });
    expect((await scanDataFolder(root)).notes).toEqual([
      `set has images in sub-folders only (a, b), which count as one class. Did you mean --data ${root}/set?`,
    ]);
  });
});

test('thousands of files are scanned', async () => {
  const root = await temporaryFolder({ 'a/': '', 'b/deep/': '' });
  const written = Array.from({ length: 5_000 }, (_, i) => `${i % 2 === 0 ? 'a' : 'b/deep'}/${i}.png`);
  for (const name of written) writeFileSync(join(root, name), '');
  expect(names(await scanDataFolder(root)).sort()).toEqual(written.sort());
});
