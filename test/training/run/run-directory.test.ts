import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { networkOf } from '../../../model/network.ts';
import type { Run } from '../../../model/run-file.ts';
import { type TrainingConfig, trainingConfigSchema } from '../../../model/training-config.ts';
import { writeRun } from '../../../node/records.ts';
import {
  bytesOnDisk,
  freeRunDirectory,
  holdsRun,
  lacksResults,
  newestRun,
  requireFree,
  requireSameData,
  resumedConfig,
  runBytes,
} from '../../../training/run/run-directory.ts';
import { inventedRun } from '../../support/invented-run.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A folder with the given runs in runs/, which is the working directory while the test lasts. */
async function workIn(runs: Readonly<Record<string, Run>> = {}): Promise<void> {
  const folder = await temporaryFolder({ 'runs/': '' });
  for (const [name, run] of Object.entries(runs)) await writeRun(join(folder, 'runs', name), run);
  const before = process.cwd();
  process.chdir(folder);
  onTestFinished(() => process.chdir(before));
}

const anyRun = inventedRun({});
const runOf = (variant: string, status: Run['status'], startedAt = '2026-03-07T08:09:10Z'): Run => ({
  ...inventedRun({ status, config: { variant } }),
  startedAt,
});
/** No run is skipped. */
const unexpected = (sentence: string) => expect.fail(sentence);
const requested = (config: Partial<TrainingConfig>) => trainingConfigSchema.parse(config);

test('a new run has its name, with the first free number if the name is taken', async () => {
  await workIn();
  expect(freeRunDirectory('reference')).toBe(join('runs', 'reference'));
  await workIn({ reference: anyRun, 'reference-3': anyRun });
  expect(freeRunDirectory('reference')).toBe(join('runs', 'reference-2'));
  await workIn({ reference: anyRun, 'reference-2': anyRun, 'reference-3': anyRun });
  expect(freeRunDirectory('reference')).toBe(join('runs', 'reference-4'));
});

test('a directory with a run is rejected; one with other files, or a missing one, is free', async () => {
  const folder = await temporaryFolder({ 'notes/a.txt': 'mine' });
  await writeRun(join(folder, 'run'), anyRun);
  expect(() => requireFree(join(folder, 'run'))).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: expect.stringMatching(/already contains a run.*--resume/),
    }),
  );
  expect([holdsRun(join(folder, 'run')), holdsRun(join(folder, 'notes'))]).toEqual([true, false]);
  requireFree(join(folder, 'notes'));
  requireFree(join(folder, 'nothing'));
});

test('the run to resume is the newest unfinished one of the variant', async () => {
  await workIn({
    a: runOf('reference', 'stopped', '2026-03-07T08:09:10Z'),
    b: runOf('reference', 'running', '2026-03-09T08:09:10Z'),
    c: runOf('reference', 'diverged', '2026-03-08T08:09:10Z'),
    d: runOf('reference', 'finished', '2026-03-10T08:09:10Z'),
    e: runOf('no-pool1', 'running', '2026-03-11T08:09:10Z'),
  });
  expect(await newestRun('reference', unexpected)).toMatchObject({
    directory: join('runs', 'b'),
    status: 'running',
  });
  expect(await newestRun('no-relu1', unexpected)).toBeUndefined();
});

test('a diverged run is not resumed, because it would diverge again', async () => {
  await workIn({
    cut: runOf('reference', 'stopped', '2026-03-07T08:09:10Z'),
    exploded: runOf('reference', 'diverged', '2026-03-08T08:09:10Z'),
  });
  expect(await newestRun('reference', unexpected)).toMatchObject({ directory: join('runs', 'cut') });
});

test('a run whose record is damaged is named, and an intact one is resumed', async () => {
  await workIn({ intact: runOf('reference', 'stopped') });
  await mkdir(join('runs', 'damaged'));
  await writeFile(join('runs', 'damaged', 'run.json'), '{"config":');
  const notes: string[] = [];
  const newest = await newestRun('reference', (sentence) => notes.push(sentence));
  expect(newest).toMatchObject({ directory: join('runs', 'intact') });
  expect(notes).toEqual([
    expect.stringMatching(/^skipped runs\/damaged: runs\/damaged\/run\.json: not JSON/),
  ]);
});

test('a finished run without its newest checkpoint does not begin again to compute a missing result', async () => {
  const results = { 'parity.safetensors': '', 'validation.csv': '', 'checkpoint/best.safetensors': '' };
  const directory = await temporaryFolder({ ...results, 'checkpoint/last.safetensors': '' });
  expect(lacksResults(directory)).toBe(true);
  await rm(join(directory, 'checkpoint/last.safetensors'));
  expect(() => lacksResults(directory)).toThrow(
    expect.objectContaining({
      code: 'file-unreadable',
      message: expect.stringMatching(/model\.safetensors is missing, and so is the checkpoint/),
    }),
  );
  // Its other results are there, so nothing else has to be computed.
  await writeFile(join(directory, 'model.safetensors'), '');
  expect(lacksResults(directory)).toBe(false);
});

test('if every run of a variant is finished, the newest is found', async () => {
  await workIn({
    first: runOf('reference', 'finished', '2026-03-07T08:09:10Z'),
    second: runOf('reference', 'finished', '2026-03-08T08:09:10Z'),
  });
  expect(await newestRun('reference', unexpected)).toMatchObject({ directory: join('runs', 'second') });
  expect(await newestRun('no-relu1', unexpected)).toBeUndefined();
});

test('a resumed run keeps its settings, even if the defaults change', () => {
  const stored = inventedRun({ config: { seed: 9, variant: 'no-pool2' } });
  expect(resumedConfig(stored, requested({}), new Set())).toEqual(stored.config);
  const same = requested({ seed: 9, variant: 'no-pool2' });
  expect(resumedConfig(stored, same, new Set(['seed', 'variant']))).toEqual(stored.config);
});

test('every given setting that differs is listed by its flag, with both values', () => {
  const stored = inventedRun({ epochs: 15, config: { learningRate: 0.004 } });
  const other = requested({ learningRate: 0.01, epochs: 3, batch: 7, patience: 2 });
  expect(() => resumedConfig(stored, other, new Set(['learningRate', 'epochs', 'patience']))).toThrow(
    expect.objectContaining({
      code: 'usage',
      message:
        '--resume uses the settings of the run; omit these, or choose another --out: ' +
        '--epochs was 15, now 3; --learning-rate was 0.004, now 0.01; --patience was not set, now 2',
    }),
  );
});

test('a moved data folder is read at its new path', () => {
  const stored = inventedRun({});
  const config = resumedConfig(stored, requested({ data: 'moved/photos' }), new Set(['data']));
  expect(config).toEqual({ ...stored.config, data: 'moved/photos' });
});

test('a moved file of groups is read at its new path; another expression is rejected', () => {
  const moved = resumedConfig(
    inventedRun({ config: { group: 'rolls.csv' } }),
    requested({ group: 'moved/Rolls.CSV' }),
    new Set(['group']),
  );
  expect(moved.group).toBe('moved/Rolls.CSV');
  const stored = inventedRun({ config: { group: '^[^-]+' } });
  expect(() => resumedConfig(stored, requested({ group: '^[^_]+' }), new Set(['group']))).toThrow(
    '--group was ^[^-]+, now ^[^_]+',
  );
});

test('changed data are rejected, and the message says whether the classes or the images differ', () => {
  const stored = inventedRun({ labels: ['moss', 'sand'] });
  const { fingerprint } = stored.data;
  requireSameData(stored, ['moss', 'sand'], fingerprint);
  const other = 'f'.repeat(64);
  expect(() => requireSameData(stored, ['moss', 'sand'], other)).toThrow(
    expect.objectContaining({
      code: 'data-unusable',
      message: expect.stringContaining('the images, the groups or the split differ'),
    }),
  );
  expect(() => requireSameData(stored, ['moss', 'silt'], other)).toThrow(
    'classes were moss, sand, now moss, silt',
  );
});

test('the estimated bytes of a run cover what a run of the reference writes', async () => {
  const { peak, kept } = runBytes(networkOf('reference', 25));
  // 4,439,095 parameters of four bytes; with their momentum buffers, four times.
  expect(peak).toBeGreaterThan(8 * 4 * 4_439_095);
  expect(kept).toBeGreaterThan(4 * 4_439_095);
  expect(peak).toBeLessThan(160e6);
  const directory = await temporaryFolder({
    'checkpoint/last.safetensors': new Uint8Array(700),
    'model.safetensors': new Uint8Array(300),
    'report.html': 'a page',
  });
  expect([await bytesOnDisk(directory), await bytesOnDisk(join(directory, 'none'))]).toEqual([1000, 0]);
});
