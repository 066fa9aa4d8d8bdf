import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type MetricsRow, metricsFromCsv } from '../../model/metrics.ts';
import { readRun } from '../../node/run-record.ts';
import { runScript } from '../support/command.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const script = fileURLToPath(new URL('../../training/train.ts', import.meta.url));
const setting = [
  '--data',
  'photos',
  '--variant',
  'lab-baseline',
  '--engine',
  'onnx',
  '--epochs',
  '4',
  '--patches-per-epoch',
  '23',
  '--batch',
  '5',
];

const home = async () => temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 5));
const train = (cwd: string, ...args: string[]) => runScript('training/train.ts', args, { cwd });
const start = (cwd: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, ...args], {
    cwd,
    stdio: 'ignore',
  });

/** metrics.csv without what a clock decides. */
async function rowsOf(directory: string): Promise<readonly Partial<MetricsRow>[]> {
  const file = join(directory, 'metrics.csv');
  const rows = metricsFromCsv(await readFile(file, 'utf8'), file);
  return rows.map(({ images_per_second: _rate, seconds: _seconds, ...row }) => row);
}

test('a run directory has every file of the contract, and --resume on it has nothing to do', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const result = await train(folder, ...setting, '--out', 'runs/a', '--augment', 'jitter64', '--verbose');
  expect(result, result.stderr).toMatchObject({ status: 0, stderr: '' });
  expect((await readdir(join(folder, 'runs/a'))).sort()).toEqual([
    'checkpoint',
    'confusion.csv',
    'confusion.svg',
    'curves.svg',
    'filters.svg',
    'metrics.csv',
    'model.safetensors',
    'parity.safetensors',
    'report.html',
    'run.json',
    'samples.png',
  ]);
  const run = await readRun(join(folder, 'runs/a'));
  expect(run).toMatchObject({
    status: 'finished',
    labels: ['brick', 'knit', 'water'],
    config: { augment: 'jitter64', seed: 1 },
  });
  expect((await rowsOf(join(folder, 'runs/a'))).map(({ epoch, split }) => `${epoch} ${split}`)).toEqual(
    [1, 2, 3, 4].flatMap((epoch) => [`${epoch} train`, `${epoch} val`]),
  );
  expect(result.stdout).toContain('the engine waited');
  const again = await train(folder, '--out', 'runs/a', '--resume');
  expect(again).toMatchObject({ status: 0, stdout: 'runs/a is finished.\n' });
});

test('a run that was killed again and again equals one that was not, in metrics and values', {
  timeout: 240_000,
}, async () => {
  const folder = await home();
  await train(folder, ...setting, '--out', 'whole');
  let child = start(folder, ...setting, '--out', 'cut');
  // Late enough for the run to have begun; then at moments that fall before, in and after its epochs.
  while ((await stat(join(folder, 'cut/checkpoint/last.safetensors')).catch(() => undefined)) === undefined)
    await sleep(20);
  for (const delayMs of [5, 2500, 1800, 3100]) {
    await sleep(delayMs);
    if (child.exitCode !== null) break;
    child.kill('SIGKILL');
    await once(child, 'exit');
    child = start(folder, '--out', 'cut', '--resume', '--engine', 'onnx');
  }
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect((await readRun(join(folder, 'cut'))).stretches.length).toBeGreaterThan(1);
  expect(await rowsOf(join(folder, 'cut'))).toEqual(await rowsOf(join(folder, 'whole')));
  const [cut, whole] = await Promise.all(
    ['cut', 'whole'].map((name) => readFile(join(folder, name, 'model.safetensors'))),
  );
  expect(cut?.equals(whole ?? Buffer.of())).toBe(true);
});

test('an interrupt ends with status 130 and a run that goes on to the same end', {
  timeout: 240_000,
}, async () => {
  const folder = await home();
  await train(folder, ...setting, '--out', 'whole');
  const child = start(folder, ...setting, '--out', 'stopped');
  while ((await stat(join(folder, 'stopped/samples.png')).catch(() => undefined)) === undefined)
    await sleep(10);
  child.kill('SIGINT');
  await once(child, 'exit');
  expect(child.exitCode).toBe(130);
  expect(await readRun(join(folder, 'stopped'))).toMatchObject({ status: 'stopped' });
  const resumed = await train(folder, ...setting, '--out', 'stopped', '--resume');
  expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
  expect(await rowsOf(join(folder, 'stopped'))).toEqual(await rowsOf(join(folder, 'whole')));
});

test('a directory that holds a run is left alone without --resume, and another setting is refused with it', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const short = [...setting.slice(0, 6), '--epochs', '1', '--patches-per-epoch', '2', '--batch', '165'];
  const first = await train(folder, ...short, '--out', 'a');
  expect(first, first.stderr).toMatchObject({ status: 0 });
  // Fewer patches than a batch are still a step: the loss is a number.
  expect((await rowsOf(join(folder, 'a')))[0]?.objective).toBeGreaterThan(0);
  const before = await readFile(join(folder, 'a/run.json'));
  const second = await train(folder, ...short, '--out', 'a');
  expect(second).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('a already holds a run; add --resume'),
  });
  expect(await readFile(join(folder, 'a/run.json'))).toEqual(before);
});

test('a rate that is far too high ends as diverged, with status 4 and a report', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const result = await train(
    folder,
    ...setting,
    '--learning-rate',
    '10',
    '--warmup-epochs',
    '0',
    '--epochs',
    '30',
    '--out',
    'a',
  );
  expect(result.status, result.stderr + result.stdout).toBe(4);
  expect(result.stderr).toMatch(/diverged at epoch \d+/);
  expect(await readRun(join(folder, 'a'))).toMatchObject({
    status: 'diverged',
    divergedAtEpoch: expect.any(Number),
  });
  expect(await readdir(join(folder, 'a'))).toContain('report.html');
});

test('mistakes on the command line are named, with status 2', async () => {
  const folder = await temporaryFolder();
  expect(await train(folder, '--epoch', '3')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('Did you mean --epochs?'),
  });
  expect(await train(folder, '--epochs', '0')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--epochs'),
  });
  expect(await train(folder, '--resume')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no unfinished run of reference'),
  });
  expect((await train(folder, '--describe')).stdout).toContain('4,439,095');
});
