import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { metricsFromCsv } from '../../model/metrics.ts';
import { validationFromCsv } from '../../model/validation-file.ts';
import { takeFolderLock } from '../../node/folder-lock.ts';
import { readRun, readStudy, writeStudy } from '../../node/records.ts';
import { queueName } from '../../study/queue/job.ts';
import { tensorboardFile } from '../../training/run/tensorboard.ts';
import { type CommandResult, interruptedAt, runHere, runScript, startArguments } from '../support/command.ts';
import { redisInstalled, redisServer } from '../support/redis-server.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const setting = [
  ...['--data', 'photos', '--out', 'study', '--engine', 'onnx', '--jobs', '2', '--threads', '1'],
  // The recipe's rate is too high for batches of five.
  ...['--epochs', '3', '--patches-per-epoch', '10', '--batch', '5', '--learning-rate', '0.005'],
];

const network = ['--network', 'texture-net'];
const wanted = [...setting, ...network, '--variants', 'texture-net-no-norm', '--seeds', '1'];

const home = async () => temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 5));
/** The runs have processes of their own; the study's has one where it is killed. */
const ablate = (cwd: string, ...args: string[]) => runHere('study/ablate.ts', args, { cwd });

function start(cwd: string, args: readonly string[], program = 'ablate'): ChildProcess {
  return spawn(process.execPath, [...startArguments(`study/${program}.ts`), ...args], {
    cwd,
    stdio: 'ignore',
  });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

/** metrics.csv of each run without what a clock decides. */
async function rowsOf(study: string) {
  const names = (await readdir(join(study, 'runs'))).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = join(study, 'runs', name, 'metrics.csv');
      const rows = metricsFromCsv(await readFile(file, 'utf8'), file);
      return { name, rows: rows.map(({ images_per_second: _rate, seconds: _seconds, ...row }) => row) };
    }),
  );
}

/** A small study that nothing interrupted, made once. */
let straight: Promise<{ readonly folder: string; readonly result: CommandResult }> | undefined;
const folders: string[] = [];

function straightStudy(): NonNullable<typeof straight> {
  straight ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'textura-ablate-'));
    folders.push(folder);
    await cp(await home(), folder, { recursive: true });
    return { folder: join(folder, 'study'), result: await ablate(folder, ...wanted) };
  })();
  return straight;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

test('a study that is killed and resumed ends in the same tables as an uninterrupted one, and can be extended', {
  timeout: 300_000,
}, async () => {
  const { folder: expected, result } = await straightStudy();
  expect(result).toMatchObject({ status: 0, stderr: '' });
  expect(result.stdout).toMatch(/2 networks x 1 seed = 2 runs/);
  expect(result.stdout).toMatch(/2\/2 \S+: top-1 error/);
  // One of three validation photographs chooses the epoch, and the others give the results.
  const run = join(expected, 'runs/texture-net-s1');
  const { data, best } = await readRun(run);
  expect(data).toMatchObject({ validationImages: 3, choosingImages: 1 });
  const validated = validationFromCsv(await readFile(join(run, 'validation.csv'), 'utf8'), 'validation.csv');
  expect(validated).toHaveLength(2);
  const patches = validated.reduce((sum, image) => sum + image.patches, 0);
  expect(best?.top1err).toBe(validated.reduce((sum, { wrong }) => sum + wrong, 0) / patches);
  const rows = metricsFromCsv(await readFile(join(run, 'metrics.csv'), 'utf8'), 'metrics.csv');
  for (const { top1err } of rows.filter(({ split }) => split === 'val'))
    expect((top1err * patches) / 2).toBeCloseTo(Math.round((top1err * patches) / 2), 9);

  const killed = await home();
  // As a restart script gives it: the same command at every start.
  const command = [...wanted, '--resume'];
  const child = start(killed, [...command, '--log', 'tensorboard']);
  const begun = join(killed, 'study/runs/texture-net-s1/checkpoint/last.safetensors');
  await until(() => existsSync(begun) || child.exitCode !== null);
  await expect(takeFolderLock(join(killed, 'study'))).rejects.toThrow(`is in use by process ${child.pid}`);
  child.kill('SIGKILL');
  await until(() => child.signalCode !== null);
  expect((await readRun(join(killed, 'study/runs/texture-net-s1'))).status).toBe('running');
  const resumed = await ablate(killed, ...command);
  expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
  const got = join(killed, 'study');
  expect(await rowsOf(got)).toEqual(await rowsOf(expected));
  expect(await readFile(join(got, 'summary.csv'), 'utf8')).toBe(
    await readFile(join(expected, 'summary.csv'), 'utf8'),
  );

  const extend = (...args: string[]) =>
    ablate(killed, '--out', 'study', '--engine', 'onnx', '--resume', ...args);
  const before = await readRun(join(got, 'runs/texture-net-s1'));
  const more = await extend(...network, '--variants', 'texture-net-with-stage1');
  expect(more.status).toBe(0);
  expect(more.stdout).toContain('3 networks x 1 seed = 3 runs, 2 done');
  expect((await readStudy(got)).arms.map(({ name }) => name)).toEqual([
    'texture-net',
    'texture-net-no-norm',
    'texture-net-with-stage1',
  ]);
  expect(await readRun(join(got, 'runs/texture-net-s1'))).toEqual(before);
  expect(existsSync(join(got, 'runs/texture-net-with-stage1-s1', tensorboardFile))).toBe(true);

  const again = await ablate(killed, ...wanted);
  expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining('already holds a study') });
  const changed = await extend('--batch', '6', '--recipe', 'paper');
  expect(changed.status).toBe(2);
  expect(changed.stderr).toContain('--batch was 5, now 6');
  expect(changed.stderr).toContain('--schedule was cosine, now constant');
  expect(await extend('--choose-on', 'all')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--choose-on was half, now all'),
  });
});

test('--resume finds the newest study; other data, another seed or nothing to resume is rejected', {
  timeout: 200_000,
}, async () => {
  const { folder: straight } = await straightStudy();
  const folder = await home();
  const nothing = await ablate(folder, '--resume');
  expect(nothing).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no study in studies/ to resume; to start one, name its data'),
  });
  expect(await readdir(folder)).toEqual(['photos']);
  await cp(straight, join(folder, 'studies/new'), { recursive: true });
  await cp(straight, join(folder, 'studies/old'), { recursive: true });
  const old = await readStudy(join(folder, 'studies/old'));
  await writeStudy(join(folder, 'studies/old'), { ...old, startedAt: '2020-01-02T03:04:05.000Z' });
  const found = await ablate(folder, '--resume');
  expect(found, found.stderr).toMatchObject({ status: 0 });
  expect(found.stdout).toContain(`Study ${join('studies', 'new')}: `);
  expect(found.stdout).toContain('Nothing is left to train.');
  expect(found.stdout).not.toContain('A difference of');

  const seed = await ablate(folder, '--resume', '--seed', '5');
  expect(seed).toMatchObject({ status: 2, stderr: expect.stringContaining('--seed was 1, now 5') });
  await cp(join(folder, 'photos/knit/00.png'), join(folder, 'photos/brick/more.png'));
  const before = await readFile(join(folder, 'studies/new/study.json'), 'utf8');
  const grown = await ablate(folder, '--resume', '--seeds', '2');
  expect(grown).toMatchObject({ status: 2, stderr: expect.stringContaining('brick has 6 images, it had 5') });
  expect(await readFile(join(folder, 'studies/new/study.json'), 'utf8')).toBe(before);
});

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a study over a queue, one of whose two workers is killed, ends in the same tables'
    : 'a study over a queue (skipped: there is no redis-server on this machine)',
  { timeout: 300_000 },
  async () => {
    const { folder: expected } = await straightStudy();
    const queue = await redisServer();
    const folder = await home();
    const worker = (name: string) =>
      start(
        folder,
        ['--queue', queue, '--work', name, '--engine', 'onnx', '--threads', '1', '--stall-seconds', '2'],
        'ablate-worker',
      );
    const doomed = worker('doomed');
    const study = ablate(folder, ...wanted, '--queue', queue, '--log', 'tensorboard');
    const redis = new Redis(queue);
    await until(async () => (await redis.keys('textura:*')).length > 0);
    redis.disconnect();
    doomed.kill('SIGKILL');
    const rescuer = worker('rescuer');
    expect(await study).toMatchObject({ status: 0, stderr: '' });
    rescuer.kill('SIGINT');
    await until(() => rescuer.exitCode !== null);
    expect(existsSync(join(folder, 'rescuer'))).toBe(false);
    expect(await rowsOf(join(folder, 'study'))).toEqual(await rowsOf(expected));
    expect(existsSync(join(folder, 'study/runs/texture-net-s1', tensorboardFile))).toBe(true);
    expect(await readFile(join(folder, 'study/summary.csv'), 'utf8')).toBe(
      await readFile(join(expected, 'summary.csv'), 'utf8'),
    );
  },
);

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'runs on a queue that fail at the same moment are all recorded'
    : 'runs on a queue that fail at the same moment (skipped: there is no redis-server on this machine)',
  { timeout: 200_000 },
  async () => {
    const queue = await redisServer();
    const folder = await home();
    const refusal = { kind: 'failed', failure: { code: 'usage', message: 'refused' } } as const;
    const connection = new Redis(queue, { maxRetriesPerRequest: null });
    const worker = new Worker(queueName, async () => refusal, { connection, concurrency: 8 });
    const runs = ['--network', 'texture-net', '--variants', 'texture-net', '--seeds', '8'];
    const result = await ablate(folder, ...setting, ...runs, '--queue', queue);
    await worker.close();
    connection.disconnect();
    expect(result, result.stderr).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^ablate: 8 runs failed/),
    });
    expect(Object.keys((await readStudy(join(folder, 'study'))).failures)).toHaveLength(8);
  },
);

test('one run that fails and one that diverges do not stop the others, are distinguished, and decide the exit status', {
  timeout: 200_000,
}, async () => {
  const folder = await home();
  await mkdir(join(folder, 'study/runs'), { recursive: true });
  await writeFile(join(folder, 'study/runs/no-relu3-s1'), 'a file where a run directory should be');
  const quick = [...setting, '--seeds', '1', '--epochs', '1'];
  const failed = await ablate(folder, ...quick, '--variants', 'no-relu3');
  expect(failed.status).not.toBe(0);
  expect(failed.stderr).toContain('1 run failed');
  expect(failed.stderr).toContain('no-relu3-s1');
  expect((await readRun(join(folder, 'study/runs/reference-s1'))).status).toBe('finished');
  expect(Object.keys((await readStudy(join(folder, 'study'))).failures)).toEqual(['no-relu3-s1']);
  expect(await readFile(join(folder, 'study/summary.csv'), 'utf8')).toMatch(/no-relu3.*failed/);

  const wild = await ablate(
    folder,
    ...quick,
    '--out',
    'wild',
    '--variants',
    'reference',
    '--learning-rate',
    '10',
  );
  expect(wild).toMatchObject({
    status: 4,
    stderr: expect.stringContaining('these runs diverged, and the report counts them'),
  });
  expect(await readFile(join(folder, 'wild/summary.csv'), 'utf8')).toMatch(/diverged/);
});

test('learning rates are tuned on another seed, and the reported runs are trained with the best', {
  timeout: 200_000,
}, async () => {
  const folder = await home();
  const only = [...network, '--variants', 'texture-net'];
  const tuned = [...setting, ...only, '--seeds', '1', '--epochs', '1', '--tune-rates', '2'];
  const result = await ablate(folder, ...tuned);
  expect(result, result.stderr).toMatchObject({ status: 0 });
  expect(result.stdout).toContain('1 network x 1 seed = 1 run\nFirst 2 runs to choose the learning rates');
  // The progress counts the runs of both parts.
  const ended = [...result.stdout.matchAll(/^(\d\/\d) (\S+): top-1 error/gm)].map(([, at, run]) => [at, run]);
  expect(ended.map(([at]) => at)).toEqual(['1/3', '2/3', '3/3']);
  expect(ended[2]).toEqual(['3/3', 'texture-net-s1']);
  const study = await readStudy(join(folder, 'study'));
  const errors = await Promise.all(
    [0.0017, 0.005].map(async (rate) => {
      const run = await readRun(join(folder, `study/tuning/texture-net-rate-${rate}-s101`));
      expect(run.config).toMatchObject({ learningRate: rate, seed: 101 });
      return run.best?.top1err ?? Number.NaN;
    }),
  );
  expect(study.tuning?.errors).toEqual({ 'texture-net': errors });
  const chosen = (errors[1] ?? 1) < (errors[0] ?? 1) ? 0.005 : 0.0017;
  expect((await readRun(join(folder, 'study/runs/texture-net-s1'))).config.learningRate).toBe(chosen);
  const page = await readFile(join(folder, 'study/report.html'), 'utf8');
  expect(page).toContain('Learning rates');
  const again = await ablate(folder, ...tuned, '--resume');
  expect(again.stdout).toContain('Nothing is left to train.');
});

test('a study that is stopped between the choice of rates and its runs prints the command that resumes it', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const only = [...setting, ...network, '--variants', 'texture-net', '--seeds', '1', '--epochs', '1'];
  const nodeOptions = interruptedAt('2/3 ');
  const result = await runScript('study/ablate.ts', [...only, '--tune-rates', '2'], {
    cwd: folder,
    nodeOptions,
  });
  expect(result).toMatchObject({
    status: 130,
    stderr: 'ablate: stopped. Resume with: npm run ablate -- --out study --resume\n',
  });
});

test('a dry run prints the cost of a study and writes nothing', { timeout: 120_000 }, async () => {
  const folder = await home();
  const result = await ablate(
    folder,
    ...setting,
    '--variants',
    'lab-baseline',
    '--controls',
    'macs',
    '--dry-run',
  );
  expect(result).toMatchObject({ status: 0, stderr: '' });
  expect(result.stdout).toContain('3 networks x 3 seeds = 9 runs');
  expect(result.stdout).toMatch(/reference-with-macs-of-lab-baseline +[\d,]+ +[\d.]+ s +3\n/);
  expect(result.stdout).toMatch(/About .* in total, 2 runs in parallel/);
  expect(result.stdout.replace(/\s+/g, ' ')).toContain(
    "points in one network, 6.7 after Holm's correction for 2 networks.",
  );
  expect(await readdir(folder)).toEqual(['photos']);
});

test('a study inside the data folder, where it would be read as a class, is rejected', async () => {
  const folder = await temporaryFolder({ 'a/notes.txt': 'no image', 'b/notes.txt': 'no image' });
  for (const options of [[], ['--dry-run']])
    expect(await ablate(folder, '--data', '.', '--out', 'study', ...options)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^ablate: study: is inside the data folder \. and would be read/),
    });
  expect((await readdir(folder)).sort()).toEqual(['a', 'b']);
});

test('a study whose folder is not writable or in use by another process is rejected before its data is read', {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder({ file: 'text' });
  expect(await ablate(folder, '--data', 'none', '--out', 'file')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'ablate: file: cannot be written: it is a file, not a folder (EEXIST)\n',
  });
  const lock = await takeFolderLock(join(folder, 'study'));
  onTestFinished(lock.release);
  expect(await ablate(folder, '--data', 'none', '--out', 'study')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining(`study is in use by process ${process.pid}`),
  });
});

test('an unknown variant is rejected with the list of variants', async () => {
  const result = await ablate(await home(), '--variants', 'no-relu1,no-relu9');
  expect(result).toMatchObject({ status: 2, stderr: expect.stringContaining('got "no-relu9"') });
});
