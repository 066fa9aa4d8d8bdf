import { once } from 'node:events';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRun } from '../../node/records.ts';
import { onSmallDisk, onSmallDisks, smallDisksWork } from '../support/small-disk.ts';
import {
  contentOf,
  home,
  nextSave,
  rowsOf,
  setting,
  startTraining,
  train,
} from '../support/small-training.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('an unwritable output is rejected before the photographs are read', {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder({ 'photos/a/notes.txt': 'no image', file: 'text' });
  const result = await train(folder, ...setting, '--out', 'file/run');
  expect(result).toEqual({
    status: 2,
    stdout: '',
    stderr: 'train: file/run: cannot be written: a part of the path is a file, not a folder (ENOTDIR)\n',
  });
});

test('a run inside the data folder, where it would be read as a class, is rejected and leaves nothing there', async () => {
  const folder = await temporaryFolder({ 'a/notes.txt': 'no image', 'b/notes.txt': 'no image' });
  expect(await train(folder, '--data', '.')).toEqual({
    status: 2,
    stdout: '',
    stderr:
      'train: runs/texture-net: is inside the data folder . and would be read as a class; choose a folder outside with --out\n',
  });
  expect((await readdir(folder)).sort()).toEqual(['a', 'b']);
});

test.skipIf(!smallDisksWork)(
  onSmallDisks('a disk that is too small is rejected before the photographs are read'),
  { timeout: 120_000 },
  async () => {
    const folder = await temporaryFolder({ 'disk/': '', 'photos/a/notes.txt': 'no image' });
    const disk = { folder: join(folder, 'disk'), megabytes: 60, cwd: folder };
    const refused = await onSmallDisk(
      'textura training/train.ts --network reference --data photos --out disk/run',
      disk,
    );
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toMatch(
      /^train: disk\/run: too little space on the disk: about 1\d\d MiB are needed, (59|60) MiB are free\n$/,
    );
  },
);

test('a checkpoint that cannot be written ends a run with status 2, the path and how to resume', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const training = train(folder, ...setting, '--epochs', '5000', '--out', 'a');
  await nextSave(join(folder, 'a'));
  await rename(join(folder, 'a/checkpoint'), join(folder, 'away'));
  // Again where a save makes the folder between the two steps.
  while (
    !(await writeFile(join(folder, 'a/checkpoint'), 'in the way').then(
      () => true,
      () => false,
    ))
  )
    await rm(join(folder, 'a/checkpoint'), { recursive: true });
  const { status, stderr } = await training;
  expect(status, stderr).toBe(2);
  expect(stderr).toMatch(
    /^train: a\/checkpoint\/\w+\.safetensors: cannot be written: it is a file, not a folder/,
  );
  expect(stderr).toMatch(/resume with: npm run train -- --out a --resume\n$/);
  expect(await readRun(join(folder, 'a'))).toMatchObject({
    status: 'failed',
    failure: { code: 'output-unwritable' },
  });
  expect((await readdir(join(folder, 'a'))).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('a run in use by one process is not resumed by another', { timeout: 120_000 }, async () => {
  const folder = await home();
  const child = startTraining(folder, ...setting, '--epochs', '5000', '--out', 'a');
  await nextSave(join(folder, 'a'));
  const second = await train(folder, '--out', 'a', '--resume', '--engine', 'onnx');
  expect(second).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(`a is in use by process ${child.pid}`),
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a training whose results would replace its file of labels is refused', async () => {
  const folder = await home();
  await writeFile(join(folder, 'validation.csv'), 'file,label\nphotos/brick/00.png,brick\n');
  for (const folds of [[], ['--folds', '2']]) {
    const refused = await train(folder, '--data', 'validation.csv', ...folds, '--out', '.');
    expect(refused).toMatchObject({
      status: 2,
      stderr: 'train: validation.csv: would replace the data; choose another folder with --out\n',
    });
  }
});

test('a directory with a run is not changed without --resume', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const short = [...setting.slice(0, 8), '--epochs', '1', '--patches-per-epoch', '2', '--batch', '165'];
  const first = await train(folder, ...short, '--out', 'a');
  expect(first, first.stderr).toMatchObject({ status: 0 });
  // Fewer patches than a batch are still a step: the loss is a number.
  expect((await rowsOf(join(folder, 'a')))[0]?.objective).toBeGreaterThan(0);
  const before = await contentOf(join(folder, 'a'));
  const second = await train(folder, ...short, '--out', 'a');
  expect(second).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('a already contains a run; add --resume'),
  });
  expect(await contentOf(join(folder, 'a'))).toEqual(before);
});
