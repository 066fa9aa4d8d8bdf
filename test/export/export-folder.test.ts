/** The folder of models that `npm run export` writes: its index, its space, and exports side by side. */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runFiles } from '../../model/run-file.ts';
import { onSmallDisk, onSmallDisks, smallDisksWork } from '../support/small-disk.ts';
import { exportHere, readIndex, runExport } from '../support/small-export.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { writeTrainedRun } from '../support/trained-run.ts';

test('what a killed export has left is removed by the next one', async () => {
  const folder = await temporaryFolder();
  await writeTrainedRun(join(folder, 'runs/tiles'));
  const { pid } = spawnSync(process.execPath, ['--version']);
  await mkdir(join(folder, 'models'));
  await writeFile(join(folder, `models/lab-baseline.onnx.${pid}.tmp`), 'half');
  await exportHere(folder, 'runs/tiles');
  expect((await readdir(join(folder, 'models'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('exports to one folder at the same time are all in its index', async () => {
  const folder = await temporaryFolder();
  const names = ['lab-baseline', 'no-pool1', 'no-relu1'] as const;
  for (const variant of names) await writeTrainedRun(join(folder, variant), { variant, width: 0.1 });
  await Promise.all(names.map((name) => exportHere(folder, name)));
  expect((await readIndex(folder)).models.map(({ name }) => name)).toEqual(names);
  expect((await readdir(join(folder, 'models'))).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('the index keeps models whose files exist and drops the others', async () => {
  const folder = await temporaryFolder();
  await writeTrainedRun(join(folder, 'a'));
  await writeTrainedRun(join(folder, 'b'), {
    variant: 'no-conv4-pool4',
    patches: new Uint8Array(4096).fill(9, 99),
  });
  await exportHere(folder, 'a');
  await exportHere(folder, 'b');
  expect((await readIndex(folder)).models.map(({ name }) => name)).toEqual([
    'lab-baseline',
    'no-conv4-pool4',
  ]);
  await rm(join(folder, 'models/lab-baseline.onnx'));
  await exportHere(folder, 'b');
  expect((await readIndex(folder)).models.map(({ name }) => name)).toEqual(['no-conv4-pool4']);
});

test('a damaged index is not replaced by one that lacks the other models', async () => {
  const folder = await temporaryFolder();
  await writeTrainedRun(join(folder, 'a'));
  await writeTrainedRun(join(folder, 'b'), { variant: 'no-pool1', width: 0.1 });
  await exportHere(folder, 'a');
  const index = join(folder, 'models/index.json');
  const text = await readFile(index, 'utf8');
  const files = await readdir(join(folder, 'models'));
  await writeFile(index, text.slice(0, -3));
  const result = await runExport(folder, '--run', 'b');
  expect(result).toMatchObject({
    status: 3,
    stderr:
      'export: models/index.json: not JSON; correct it, or delete it and export the models of the folder again\n',
  });
  expect(await readdir(join(folder, 'models'))).toEqual(files);
  await writeFile(index, text);
  await exportHere(folder, 'b');
  expect((await readIndex(folder)).models.map(({ name }) => name)).toEqual(['lab-baseline', 'no-pool1']);
});

test('an unwritable folder of models is rejected before any run is read', async () => {
  const folder = await temporaryFolder();
  await writeTrainedRun(join(folder, 'runs/tiles'));
  await writeFile(join(folder, 'runs/tiles', runFiles.model), 'damaged');
  await writeFile(join(folder, 'file'), 'text');
  for (const layout of ['textura', 'triton']) {
    expect(await runExport(folder, '--out', 'file', '--layout', layout)).toEqual({
      status: 2,
      stdout: '',
      stderr: 'export: file: cannot be written: it is a file, not a folder (EEXIST)\n',
    });
  }
});

test.skipIf(!smallDisksWork)(
  onSmallDisks('a disk without space for all files is an error with both sizes, and nothing is written'),
  async () => {
    const folder = await temporaryFolder();
    await writeTrainedRun(join(folder, 'runs/tiles'));
    await mkdir(join(folder, 'models'));
    const disk = { folder: join(folder, 'models'), megabytes: 2, cwd: folder };
    // There is room for the first file and not for both.
    const script =
      'dd if=/dev/zero of=models/filler bs=1k count=900 2>/dev/null; textura export/export.ts; rc=$?; ls models; exit $rc';
    const { status, stdout, stderr } = await onSmallDisk(script, disk);
    expect(status).toBe(2);
    expect(stdout).toMatch(/\n\nfiller\n$/);
    expect(stderr).toMatch(
      /^export: models: too little space on the disk: about \d MiB are needed, 1 MiB are free\n$/,
    );
  },
);
