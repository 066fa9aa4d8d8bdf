/** Copies of a folder in class folders, without a model: from the rows of a table. */
import { spawnSync } from 'node:child_process';
import { link, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ClassifiedRow } from '../../serve/folder/classification-table.ts';
import { SortedCopies } from '../../serve/folder/sorted-copies.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const labels = ['brick', 'a/b', 'a_b', '..', '_unknown', 'Brick', '=sum'];

const row = (file: string, label: string, changes: Partial<ClassifiedRow> = {}): ClassifiedRow => ({
  file,
  label,
  probability: 0.9,
  isUnknown: false,
  isSkipped: false,
  ...changes,
});

/** Copies the rows' files from `from` to `to` below `folder`; the relative paths of all copies and their texts. */
async function copied(folder: string, rows: readonly ClassifiedRow[]): Promise<Record<string, string>> {
  const settings = { to: join(folder, 'to'), from: join(folder, 'from'), labels, doubtfulBelow: 0.5 };
  const copies = await SortedCopies.open(settings);
  for (const each of rows) expect(await copies.add(each, join(folder, 'from', each.file))).toBe(true);
  return contents(join(folder, 'to'));
}

async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  return Object.fromEntries(files.map((path, i) => [path.slice(folder.length + 1), texts[i] ?? '']).sort());
}

const rows = [
  row('x.jpg', 'brick'),
  row('one/x.jpg', 'brick'),
  row('two/X.JPG', 'brick'),
  row('x (2).jpg', 'brick'),
  row('slash', 'a/b'),
  row('line', 'a_b'),
  row('dots', '..'),
  row('named', '_unknown'),
  row('case', 'Brick'),
  row('formula', "'=sum"),
  row('strange.jpg', 'brick', { isUnknown: true, probability: 0.2 }),
  row('unsure.jpg', 'brick', { probability: 0.499999 }),
  row('sure.jpg', 'brick', { probability: 0.5 }),
  row('broken.jpg', '', { isSkipped: true }),
];
const sources = Object.fromEntries(rows.map(({ file }, i) => [`from/${file}`, `content ${i}`]));
const expected = {
  '=sum/formula': 'content 9',
  '__/dots': 'content 6',
  '_doubtful/unsure.jpg': 'content 11',
  '_unknown (2)/named': 'content 7',
  '_unknown/strange.jpg': 'content 10',
  'Brick (2)/case': 'content 8',
  'a_b (2)/line': 'content 5',
  'a_b/slash': 'content 4',
  'brick/X (3).JPG': 'content 2',
  'brick/sure.jpg': 'content 12',
  'brick/x (2) (2).jpg': 'content 3',
  'brick/x (2).jpg': 'content 1',
  'brick/x.jpg': 'content 0',
};

test('names that are too long for a number are shortened before it', async () => {
  const long = `${'é'.repeat(125)}z.jpg`;
  const names = [`one/${long}`, `two/${long}`, `three/${long}`];
  const folder = await temporaryFolder(Object.fromEntries(names.map((name) => [`from/${name}`, name])));
  const copies = await copied(
    folder,
    names.map((name) => row(name, 'brick')),
  );
  expect(copies).toEqual({
    [`brick/${long}`]: names[0],
    [`brick/${'é'.repeat(123)} (2).jpg`]: names[1],
    [`brick/${'é'.repeat(123)} (3).jpg`]: names[2],
  });
});

test('each picture is in the folder of its class, under a name that the earlier rows decide', async () => {
  const folder = await temporaryFolder(sources);
  await utimes(join(folder, 'from/x.jpg'), 1_000_000_000, 1_000_000_000);
  expect(await copied(folder, rows)).toEqual(expected);
  expect((await stat(join(folder, 'to/brick/x.jpg'))).mtimeMs).toBe(1_000_000_000_000);
  // A second run finds its copies.
  await writeFile(join(folder, 'from/late'), 'late');
  expect(await copied(folder, [...rows, row('late', 'brick')])).toEqual({
    ...expected,
    'brick/late': 'late',
  });
  expect(await contents(join(folder, 'from'))).toMatchObject({ 'x.jpg': 'content 0' });
});

test('a run that was killed between two steps of a copy leaves nothing that a later run writes to', async () => {
  const folder = await temporaryFolder({ ...sources, 'from/late': 'late' });
  await copied(folder, rows);
  const left = (pid: number) => join(folder, `to/brick/.textura-copy-${pid}.tmp`);
  const { pid: dead } = spawnSync(process.execPath, ['--version']);
  // Killed after it gave the copy its name and before it removed the temporary one; ids of processes are reused.
  await link(join(folder, 'to/brick/x.jpg'), left(process.pid));
  await writeFile(left(dead), 'half', { mode: 0o444 });
  // Of another run, which copies now.
  await writeFile(left(process.ppid), 'alive');
  expect(await copied(folder, [...rows, row('late', 'brick')])).toEqual({
    ...expected,
    'brick/late': 'late',
    [`brick/.textura-copy-${process.ppid}.tmp`]: 'alive',
  });
});

test('a file that is there already is not overwritten, whatever its size and time', async () => {
  const folder = await temporaryFolder({
    ...sources,
    'to/brick/x.jpg': 'another',
    'to/brick/sure.jpg': 'CONTENT 12',
  });
  const { atime, mtime } = await stat(join(folder, 'from/sure.jpg'));
  await utimes(join(folder, 'to/brick/sure.jpg'), atime, mtime);
  const once = await copied(folder, [row('x.jpg', 'brick'), row('sure.jpg', 'brick')]);
  expect(once).toEqual({
    'brick/sure (2).jpg': 'content 12',
    'brick/sure.jpg': 'CONTENT 12',
    'brick/x (2).jpg': 'content 0',
    'brick/x.jpg': 'another',
  });
  expect(await copied(folder, [row('x.jpg', 'brick'), row('sure.jpg', 'brick')])).toEqual(once);
});

test('a picture that is gone is not copied', async () => {
  const folder = await temporaryFolder({ 'from/a': 'a' });
  const copies = await SortedCopies.open({
    to: join(folder, 'to'),
    from: join(folder, 'from'),
    labels,
    doubtfulBelow: 0.5,
  });
  expect(await copies.add(row('b', 'brick'), join(folder, 'from/b'))).toBe(false);
});

test('nothing is written into the folder that is read', async () => {
  const folder = await temporaryFolder({ 'from/a.jpg': 'a' });
  await symlink('from', join(folder, 'link'));
  const from = join(folder, 'from');
  for (const to of ['from', 'from/sorted', 'link/sorted', '.']) {
    const opening = SortedCopies.open({ to: join(folder, to), from, labels, doubtfulBelow: 0.5 });
    await expect(opening, to).rejects.toMatchObject({ code: 'usage' });
  }
  await mkdir(join(folder, 'to'));
  await symlink(from, join(folder, 'to/brick'));
  await expect(copied(folder, [row('a.jpg', 'brick')])).rejects.toMatchObject({
    code: 'output-unwritable',
    message: expect.stringContaining('where nothing is written'),
  });
  expect(await contents(from)).toEqual({ 'a.jpg': 'a' });
});
