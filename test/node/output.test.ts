import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { requireOutside, requireSpace, requireWritable, withWritableFolder } from '../../node/output.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const unwritable = (start: string) =>
  expect.objectContaining({
    name: 'TexturaError',
    code: 'output-unwritable',
    exitStatus: 2,
    message: expect.stringContaining(start),
  });

test('a missing folder is created, and the write test leaves nothing', async () => {
  const folder = await temporaryFolder();
  expect(await requireWritable(join(folder, 'a/b'))).toBe(join(folder, 'a'));
  expect(await requireWritable(join(folder, 'a/b'))).toBeUndefined();
  expect(await readdir(join(folder, 'a/b'))).toEqual([]);
});

test('work that fails leaves no empty folders that were made for it, and what it wrote stays', async () => {
  const folder = await temporaryFolder();
  const fail = async () => {
    throw new Error('no data');
  };
  await expect(withWritableFolder(join(folder, 'a/b'), fail)).rejects.toThrow('no data');
  expect(await readdir(folder)).toEqual([]);
  await mkdir(join(folder, 'before'));
  await expect(withWritableFolder(join(folder, 'before'), fail)).rejects.toThrow('no data');
  await expect(
    withWritableFolder(join(folder, 'a/b'), async () => {
      await writeFileAtomically(join(folder, 'a/b/part'), 'text');
      return fail();
    }),
  ).rejects.toThrow('no data');
  expect((await readdir(folder, { recursive: true })).sort()).toEqual(['a', 'a/b', 'a/b/part', 'before']);
  expect(await withWritableFolder(join(folder, 'c'), async () => 1)).toBe(1);
  expect(await readdir(folder)).toContain('c');
});

test('results are kept out of the data folder, also through a link, but may be next to a CSV file of labels', async () => {
  const folder = await temporaryFolder({ 'photos/labels.csv': '' });
  await symlink(join(folder, 'photos'), join(folder, 'link'));
  const inside = { code: 'usage', message: expect.stringContaining('choose a folder outside with --out') };
  for (const results of ['photos', 'photos/runs/a', 'link/runs', 'photos/../photos/runs'])
    await expect(requireOutside(join(folder, results), join(folder, 'photos'), [])).rejects.toMatchObject(
      inside,
    );
  await expect(requireOutside(join(folder, 'photos/runs'), join(folder, 'link'), [])).rejects.toMatchObject(
    inside,
  );
  for (const results of ['runs', 'photos-runs', '.', 'photos/.runs', 'photos/.cache/runs/a'])
    await requireOutside(join(folder, results), join(folder, 'photos'), []);
  for (const results of ['photos', 'photos/runs'])
    await requireOutside(join(folder, results), join(folder, 'photos/labels.csv'), ['summary.csv']);
  // The results would replace the data.
  for (const results of ['photos', 'link'])
    await expect(
      requireOutside(join(folder, results), join(folder, 'photos/labels.csv'), ['summary.csv', 'labels.csv']),
    ).rejects.toMatchObject({
      code: 'usage',
      message: `${join(folder, results)}/labels.csv: would replace the data; choose another folder with --out`,
    });
  expect(await readdir(join(folder, 'photos'))).toEqual(['labels.csv']);
});

test('several processes may create the same folders at the same time', async () => {
  const folder = await temporaryFolder();
  for (let round = 0; round < 20; round++) {
    const runs = Array.from({ length: 8 }, (_, i) => join(folder, `${round}/studies/runs/${i}`));
    await Promise.all(runs.map(requireWritable));
  }
});

test.skipIf(process.platform !== 'linux')(
  'a file system that cannot create folders is rejected, without endless retries',
  async () => {
    for (const path of ['/proc/x', '/proc/x/y'])
      await expect(requireWritable(path)).rejects.toEqual(unwritable(`${path}: cannot be written: `));
  },
);

test("another user's folder is rejected with its path", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'theirs'), { mode: 0o555 });
  if (process.geteuid?.() === 0) {
    // Root may write everywhere.
    process.seteuid?.(65534);
    onTestFinished(() => process.seteuid?.(0));
  }
  const path = join(folder, 'theirs/runs');
  const reason = `${path}: cannot be written: this user has no permission to write there (EACCES)`;
  await expect(requireWritable(path)).rejects.toEqual(unwritable(reason));
});

test('a file in place of a folder is reported', async () => {
  const folder = await temporaryFolder({ notes: 'text' });
  const path = join(folder, 'notes');
  await expect(requireWritable(path)).rejects.toEqual(
    unwritable(`${path}: cannot be written: it is a file, not a folder`),
  );
  await expect(writeFileAtomically(join(path, 'a.txt'), 'text')).rejects.toEqual(
    unwritable(`${join(path, 'a.txt')}: cannot be written: `),
  );
});

test.skipIf(process.platform !== 'linux')(
  'a full disk is an error with the path, and leaves no partial file',
  async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'model.onnx');
    // What is written there fails as on a full disk.
    await symlink('/dev/full', `${path}.${process.pid}.tmp`);
    await expect(writeFileAtomically(path, 'text')).rejects.toEqual(
      unwritable(`${path}: cannot be written: no space is left on the disk (ENOSPC)`),
    );
    expect(await readdir(folder)).toEqual([]);
  },
);

test('required space is compared with free space', async () => {
  const folder = await temporaryFolder();
  await requireSpace(folder, 1);
  await expect(requireSpace(folder, 1e18)).rejects.toEqual(
    unwritable(`${folder}: too little space on the disk: about 953674316407 MiB are needed, `),
  );
});
