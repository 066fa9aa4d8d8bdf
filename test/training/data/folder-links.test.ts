import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DataFolder, scanDataFolder } from '../../../training/data/folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const names = (folder: DataFolder) => folder.files.map(({ name }) => name);

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
      'brick: a link that leads to also-brick, which is read already; not followed',
    ]);
  });

  test('a folder inside keeps its own name before a link to it', async () => {
    const root = await temporaryFolder({ 'wood/1.png': '', 'zinc/1.png': '' });
    await symlink('zinc', join(root, 'brick'));
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['wood', 'zinc']);
    expect(folder.notes).toEqual(['brick: a link that leads to zinc, which is read already; not followed']);
  });

  test('loops end, and links to parent folders are not followed', async () => {
    const around = await temporaryFolder({ 'data/a/1.png': '', 'data/b/1.png': '' });
    const root = join(around, 'data');
    await symlink('..', join(root, 'a/parent'));
    await symlink('.', join(root, 'a/self'));
    await symlink(around, join(root, 'b/around'));
    await symlink('/', join(root, 'b/everything'));
    const folder = await scanDataFolder(root);
    expect(names(folder)).toEqual(['a/1.png', 'b/1.png']);
    expect(folder.notes).toEqual([
      'a/parent: a link that leads to a parent folder; not followed',
      'a/self: a link that leads to a, which is read already; not followed',
      'b/around: a link that leads to a parent folder; not followed',
      'b/everything: a link that leads to a parent folder; not followed',
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

  test('broken links within a class are reported by name', async () => {
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    await symlink('nowhere.png', join(root, 'a/gone.png'));
    await symlink('round', join(root, 'b/round'));
    expect((await scanDataFolder(root)).skipped).toEqual([
      { name: 'a/gone.png', why: 'a broken link: nowhere.png does not exist', label: 'a' },
      { name: 'b/round', why: 'a link to itself', label: 'b' },
    ]);
  });

  test('to a hidden folder of the data folder are not followed, because results may be there', async () => {
    const store = await temporaryFolder({ '.store/knit/1.png': '' });
    const root = await temporaryFolder({
      'a/1.png': '',
      'b/1.png': '',
      '.results/pictures/1.png': '',
      '.git/annex/2.png': '',
    });
    await symlink('.results', join(root, 'results'));
    await symlink('../.results/pictures', join(root, 'a/pictures'));
    // Photographs may be stored in a hidden folder: their files here, or folders elsewhere.
    await symlink('../.git/annex/2.png', join(root, 'b/2.png'));
    await symlink(join(store, '.store/knit'), join(root, 'knit'));
    const folder = await scanDataFolder(root);
    expect(folder.labels).toEqual(['a', 'b', 'knit']);
    expect(names(folder)).toEqual(['a/1.png', 'b/1.png', 'b/2.png', 'knit/1.png']);
    expect(folder.notes).toEqual([
      'ignored 2 hidden or system files and folders (.git, .results)',
      'a/pictures: a link that leads to the hidden folder .results/pictures; not followed',
      'results: a link that leads to the hidden folder .results; not followed',
    ]);
  });

  test('a linked file is a file of the class', async () => {
    const shared = await temporaryFolder({ 'photo.png': '' });
    const root = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
    await symlink(join(shared, 'photo.png'), join(root, 'a/2.png'));
    expect(names(await scanDataFolder(root))).toEqual(['a/1.png', 'a/2.png', 'b/1.png']);
  });
});

test('the data folder itself can be a link', async () => {
  const real = await temporaryFolder({ 'a/1.png': '', 'b/1.png': '' });
  const other = await temporaryFolder();
  await symlink(real, join(other, 'data'));
  expect(names(await scanDataFolder(join(other, 'data')))).toEqual(['a/1.png', 'b/1.png']);
});
