import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { networkNames, networkOf } from '../../model/network.ts';
import { readRun, writeRun } from '../../node/records.ts';
import { readConfusion } from '../../report/confusion.ts';
import type { TextureName } from '../../textures/textures.ts';
import { newestCheckpoint } from '../../training/run/checkpoint.ts';
import { tensorboardFile } from '../../training/run/tensorboard.ts';
import { interruptedAt, runHere, runScript } from '../support/command.ts';
import { inventedRun } from '../support/invented-run.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import {
  contentOf,
  home,
  lastSave,
  modelOf,
  nextSave,
  quarter,
  rowsOf,
  setting,
  startTraining,
  train,
} from '../support/small-training.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeWithTensorflow } from '../support/tensorflow.ts';
import { tolerances } from '../tolerances.ts';

test('a run directory has every documented file, and --resume only computes what is missing', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const args = [...setting, '--out', 'runs/a', '--augment', 'jitter64', '--verbose'];
  const result = await runScript('training/train.ts', args, { cwd: folder });
  expect(result, result.stderr).toMatchObject({ status: 0, stderr: '' });
  expect((await readdir(join(folder, 'runs/a'))).sort()).toEqual([
    'balanced-error.csv',
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
    'validation-logits.safetensors',
    'validation.csv',
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
  expect(again).toMatchObject({ status: 0, stdout: 'runs/a is already finished.\n' });

  // A deleted file is computed again, e.g. the logits of a GPU in TensorFloat-32.
  const answers = await readFile(join(folder, 'runs/a/parity.safetensors'));
  const logits = await readFile(join(folder, 'runs/a/validation-logits.safetensors'));
  const [rows, model] = [await rowsOf(join(folder, 'runs/a')), await modelOf(join(folder, 'runs/a'))];
  await rm(join(folder, 'runs/a/parity.safetensors'));
  await rm(join(folder, 'runs/a/validation-logits.safetensors'));
  const restored = await train(folder, '--out', 'runs/a', '--resume', '--engine', 'onnx');
  expect(restored, restored.stderr).toMatchObject({ status: 0, stderr: '' });
  expect((await readFile(join(folder, 'runs/a/parity.safetensors'))).equals(answers)).toBe(true);
  expect((await readFile(join(folder, 'runs/a/validation-logits.safetensors'))).equals(logits)).toBe(true);
  expect(await rowsOf(join(folder, 'runs/a'))).toEqual(rows);
  expect(await modelOf(join(folder, 'runs/a'))).toBe(model);
  await rm(join(folder, 'runs/a/checkpoint'), { recursive: true });
  await rm(join(folder, 'runs/a/parity.safetensors'));
  const lost = await train(folder, '--out', 'runs/a', '--resume');
  expect(lost).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('parity.safetensors is missing, and so is the checkpoint'),
  });
});

/** Long enough to be stopped in several times. */
const long = [...setting, '--epochs', '10'];
let whole: Promise<string> | undefined;

/** The directory of that run when nothing stops it, trained once. */
function wholeRun(): Promise<string> {
  whole ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'textura-train-'));
    await cp(await home(), folder, { recursive: true });
    const result = await train(folder, ...long, '--out', 'whole');
    expect(result, result.stderr).toMatchObject({ status: 0 });
    return join(folder, 'whole');
  })();
  return whole;
}

afterAll(async () => {
  if (whole !== undefined) await rm(join(await whole, '..'), { recursive: true });
});

test('a run that was killed repeatedly equals an uninterrupted one, in metrics and values', {
  timeout: 240_000,
}, async () => {
  const folder = await home();
  const uncut = await wholeRun();
  let child = startTraining(folder, ...long, '--out', 'cut');
  let savedMs = 0;
  for (const delayMs of [3, 110]) {
    // A checkpoint of this process, then a moment that falls into a step, a validation or the next save.
    await nextSave(join(folder, 'cut'), savedMs);
    await sleep(delayMs);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    savedMs = (await lastSave(join(folder, 'cut'))) ?? 0;
    child = startTraining(folder, '--out', 'cut', '--resume', '--engine', 'onnx');
  }
  await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect((await readRun(join(folder, 'cut'))).stretches).toHaveLength(3);
  expect(await rowsOf(join(folder, 'cut'))).toEqual(await rowsOf(uncut));
  expect(await modelOf(join(folder, 'cut'))).toEqual(await modelOf(uncut));
});

test('a run that is resumed with another number of threads equals an uninterrupted one, in metrics and values', {
  timeout: 240_000,
}, async () => {
  const folder = await home();
  const wide = [...setting, '--variant', 'reference', '--width', '0.2', '--epochs', '5', '--batch', '16'];
  const whole = await train(folder, ...wide, '--threads', '2', '--out', 'whole');
  expect(whole, whole.stderr).toMatchObject({ status: 0 });
  const child = startTraining(folder, ...wide, '--threads', '2', '--out', 'cut');
  await nextSave(join(folder, 'cut'));
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await readRun(join(folder, 'cut'))).toMatchObject({ status: 'running' });
  const resumed = await train(folder, '--out', 'cut', '--resume', '--engine', 'onnx', '--threads', '1');
  expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
  expect(await rowsOf(join(folder, 'cut'))).toEqual(await rowsOf(join(folder, 'whole')));
  expect(await modelOf(join(folder, 'cut'))).toEqual(await modelOf(join(folder, 'whole')));
});

test('with --choose-on half the pictures in memory are those that are decoded on demand', async () => {
  const folder = await home();
  const half = [...setting, '--epochs', '2', '--validation-share', '0.4', '--choose-on', 'half'];
  for (const cache of ['100', '0']) {
    const run = await train(folder, ...half, '--cache-mb', cache, '--out', cache);
    expect(run, run.stderr).toMatchObject({ status: 0 });
  }
  expect(await rowsOf(join(folder, '100'))).toEqual(await rowsOf(join(folder, '0')));
  const answers = (run: string) => readFile(join(folder, run, 'validation.csv'), 'utf8');
  expect(await answers('100')).toBe(await answers('0'));
});

describeWithTensorflow('with TensorFlow', () => {
  test('both engines train equally for three epochs: they differ by at most a tenth of the difference between seeds', {
    timeout: 240_000,
  }, async () => {
    const folder = await home();
    const three = [
      ...setting,
      '--epochs',
      '3',
      '--patches-per-epoch',
      '60',
      '--batch',
      '15',
      '--device',
      'cpu',
    ];
    const curveOf = async (engine: string, seed: string) => {
      const out = `${engine}-${seed}`;
      const result = await train(folder, ...three, '--engine', engine, '--seed', seed, '--out', out);
      expect(result, result.stderr).toMatchObject({ status: 0 });
      return (await rowsOf(join(folder, out))).map(({ objective = Number.NaN }) => objective);
    };
    const [onnx, tfjs, other] = [
      await curveOf('onnx', '1'),
      await curveOf('tfjs', '1'),
      await curveOf('onnx', '2'),
    ];
    expect(tfjs).toHaveLength(6);
    const distance = (curve: readonly number[]) =>
      curve.reduce((sum, value, row) => sum + Math.abs(value - (onnx[row] ?? Number.NaN)), 0);
    expect(distance(tfjs)).toBeLessThan(distance(other) / 10);
  });

  test('a run that one engine started can be resumed in the other, and run.json records it', {
    timeout: 240_000,
  }, async () => {
    const folder = await home();
    const uncut = await wholeRun();
    const child = startTraining(folder, ...long, '--out', 'a');
    await nextSave(join(folder, 'a'));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const found = await newestCheckpoint(join(folder, 'a'), networkOf('lab-baseline', 3, quarter));
    const begun = found?.checkpoint.progress.history.length ?? 0;
    const result = await train(folder, '--out', 'a', '--resume', '--engine', 'tfjs', '--device', 'cpu');
    expect(result, result.stderr).toMatchObject({ status: 0 });
    const run = await readRun(join(folder, 'a'));
    expect(run.stretches.map(({ engine }) => engine)).toEqual(['onnx', 'tfjs']);
    const [rows, whole] = [await rowsOf(join(folder, 'a')), await rowsOf(uncut)];
    expect(rows).toHaveLength(whole.length);
    expect(rows.slice(0, begun)).toEqual(whole.slice(0, begun));
    // The first epoch of the other engine: the same patches and values, and sums in another order.
    const difference = (rows[begun]?.objective ?? 0) - (whole[begun]?.objective ?? 1);
    expect(Math.abs(difference)).toBeLessThan(tolerances.epochLoss);
  });
});

test('an interrupt ends with status 130, and the run resumes to the same results, only with the same settings', {
  timeout: 240_000,
}, async () => {
  const folder = await home();
  const uncut = await wholeRun();
  const child = startTraining(folder, ...long, '--out', 'stopped', '--log', 'tensorboard');
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await nextSave(join(folder, 'stopped'));
  child.kill('SIGINT');
  await once(child, 'close');
  expect(child.exitCode).toBe(130);
  expect(stderr).toMatch(
    /^train: stopped in epoch \d+\. Resume with: npm run train -- --out stopped --resume\n$/,
  );
  expect(await readRun(join(folder, 'stopped'))).toMatchObject({ status: 'stopped' });
  const before = await contentOf(join(folder, 'stopped'));
  const other = await train(folder, '--batch', '6', '--out', 'stopped', '--resume');
  expect(other).toMatchObject({ status: 2, stderr: expect.stringContaining('batch was 5, now 6') });
  expect(await contentOf(join(folder, 'stopped'))).toEqual(before);
  const resumed = await train(folder, ...long, '--out', 'stopped', '--resume');
  expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
  expect(await rowsOf(join(folder, 'stopped'))).toEqual(await rowsOf(uncut));
  // Every row is in the event file, which the resumed run continued without being asked to.
  const events = await readFile(join(folder, 'stopped', tensorboardFile), 'latin1');
  expect(events.match(/loss\/(train|val)/g)).toEqual(
    (await rowsOf(uncut)).map(({ split }) => `loss/${split}`),
  );
});

test('a photograph that disappears during training ends it with status 3, its name and how to resume', {
  timeout: 240_000,
}, async () => {
  const folder = await home();
  const uncut = await wholeRun();
  const training = train(folder, ...long, '--cache-mb', '0', '--out', 'a');
  await nextSave(join(folder, 'a'));
  await rename(join(folder, 'photos/knit'), join(folder, 'away'));
  const { status, stderr } = await training;
  expect(status, stderr).toBe(3);
  expect(stderr).toMatch(/^train: \S*knit\/0\d\.png: there is no such file\n/);
  expect(stderr).toMatch(/resume with: npm run train -- --out a --resume\n$/);
  expect(await readRun(join(folder, 'a'))).toMatchObject({
    status: 'failed',
    failure: { code: 'file-unreadable', message: expect.stringContaining('knit/0') },
  });
  await rename(join(folder, 'away'), join(folder, 'photos/knit'));
  const resumed = await train(folder, '--out', 'a', '--resume', '--engine', 'onnx');
  expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
  expect(await rowsOf(join(folder, 'a'))).toEqual(await rowsOf(uncut));
  const finished = await readRun(join(folder, 'a'));
  expect([finished.status, finished.failure]).toEqual(['finished', undefined]);
});

test('one command for every start of a run: with its data it starts, resumes and finishes it', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const mistyped = await train(folder, '--out', 'a', '--resume');
  expect(mistyped).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('there is no run in a; add --data'),
  });
  const script = [...setting, '--epochs', '2', '--out', 'a', '--resume'];
  const first = await train(folder, ...script);
  expect(first, first.stderr).toMatchObject({ status: 0 });
  expect(await train(folder, ...script)).toMatchObject({ status: 0, stdout: 'a is already finished.\n' });
  const longer = await train(folder, ...script, '--epochs', '3');
  expect(longer).toMatchObject({ status: 2, stderr: expect.stringContaining('epochs was 2, now 3') });
  expect(await readdir(folder)).toEqual(['a', 'photos']);
});

test('classes with numeric names keep their order, and balanced error, notes and skipped files are in run.json', {
  timeout: 120_000,
}, async () => {
  const ofClass = async (name: string, texture: TextureName, count: number) =>
    Object.entries(await smallPhotographs('photos', [texture], count)).map(
      ([path, file]) => [path.replace(`/${texture}/`, `/${name}/`), file] as const,
    );
  const files = [
    ...(await ofClass('10', 'water', 10)),
    ...(await ofClass('2', 'knit', 15)),
    ...(await ofClass('1', 'brick', 5)),
  ];
  const texts = Array.from({ length: 12 }, (_, i) => [`photos/1/${i}.txt`, 'a text'] as const);
  const copies = files.slice(0, 8).map(([path, file]) => [`${path}.again.png`, file] as const);
  const folder = await temporaryFolder(Object.fromEntries([...files, ...texts, ...copies]));
  const short = [...setting.slice(0, 8), '--epochs', '1', '--patches-per-epoch', '3', '--batch', '3'];
  const result = await train(folder, ...short, '--out', 'a');
  expect(result, result.stderr).toMatchObject({ status: 0 });
  const { labels, data, best } = await readRun(join(folder, 'a'));
  expect(labels).toEqual(['1', '10', '2']);
  expect(data.skipped?.map(({ name }) => name).sort()).toEqual(
    texts.map(([path]) => path.slice('photos/'.length)).sort(),
  );
  expect(data.skippedFiles).toBe(12);
  expect(data.notes).toHaveLength(8);
  expect(result.stdout).toContain('and 2 more, all in run.json');
  const confusion = await readConfusion(join(folder, 'a'));
  expect(confusion?.labels).toEqual(['1', '10', '2']);
  // A fifth of 5, 18 and 15 photographs, of four patches each.
  expect(confusion?.counts.map((row) => row.reduce((sum, count) => sum + count))).toEqual([4, 16, 12]);
  const classErrors =
    confusion?.counts.map((row, c) => 1 - (row[c] ?? 0) / row.reduce((a, b) => a + b)) ?? [];
  expect(best?.balancedTop1err).toBeCloseTo(classErrors.reduce((a, b) => a + b) / 3, 12);
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

/** Of any network. */
const general = setting.filter((part) => !['--variant', 'lab-baseline'].includes(part));

test('a training of all networks goes on after those that diverge, and names them at the end', {
  timeout: 60_000,
}, async () => {
  const folder = await home();
  const wild = [
    '--recipe',
    'plain',
    '--initial-deviation',
    '1',
    '--learning-rate',
    '10',
    '--warmup-epochs',
    '0',
  ];
  const few = ['--network', 'all', '--width', '0.1', '--epochs', '2', '--patches-per-epoch', '30'];
  const result = await train(folder, ...general, ...wild, ...few);
  expect(result.status).toBe(4);
  for (const name of networkNames)
    expect(await readRun(join(folder, 'runs', name))).toMatchObject({ status: 'diverged' });
  const reports = result.stderr.match(/^(train: )?diverged at epoch .*\n.* Report: runs\/.*$/gm) ?? [];
  expect(reports.map((text) => text.split('/')[1])).toEqual(networkNames);
});

test('a training of all networks that is stopped between two says how to train the others', {
  timeout: 60_000,
}, async () => {
  const cwd = await home();
  const few = ['--network', 'all', '--width', '0.05', '--epochs', '1', '--patches-per-epoch', '5'];
  const args = [...general, ...few];
  const [first = '', second = ''] = networkNames;
  const left = networkNames.length - 1;
  for (const [text, stderr] of [
    // While the first one writes its results, and after that.
    ['  1/1 ', `train: stopped after ${first}; ${left} networks left. Add --resume to train them\n`],
    ['Report:', `train: stopped before ${second}; add --resume to train it and those after it\n`],
  ] as const) {
    const nodeOptions = interruptedAt(text);
    expect(await runScript('training/train.ts', args, { cwd, nodeOptions })).toMatchObject({
      status: 130,
      stderr,
    });
  }
});

test('mistakes on the command line are reported, with status 2', async () => {
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
    stderr: expect.stringContaining('there is no run of texture-net in runs/; add --data to start one'),
  });
  await writeRun(join(folder, 'runs/exploded'), inventedRun({ status: 'diverged' }));
  expect(await train(folder, '--network', 'lab-baseline', '--resume')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('runs/ has no unfinished run of lab-baseline; name a run with --out'),
  });
  await rm(join(folder, 'runs/exploded'), { recursive: true });
  await mkdir(join(folder, 'runs/damaged'), { recursive: true });
  await writeFile(join(folder, 'runs/damaged/run.json'), '{');
  const [skipped, refused] = (await train(folder, '--network', 'all', '--resume')).stderr.split('\n');
  expect(skipped).toContain('train: skipped runs/damaged: runs/damaged/run.json: not JSON');
  expect(refused).toContain('there is no run of reference in runs/');
  expect((await train(folder, '--describe')).stdout).toContain('143,713');
  // The linear layer has 289 values for each class.
  expect((await train(await home(), '--describe', '--data', 'photos')).stdout).toContain('137,355');
  const paper = await train(folder, '--describe', '--recipe', 'paper');
  expect(paper.stdout).toContain('4,439,095');
  expect(paper.stdout).toContain('minus the mean grey level');
  // conv1 10 x 25, conv2 25 x 10 x 25 and conv3 25 x 25 x 169, with two values for each of 35 channels, and
  // 25 biases.
  const half = ['--describe', '--network', 'lab-baseline', '--width', '0.5'];
  expect((await train(folder, ...half)).stdout).toContain('112,220');
  expect(await train(folder, '--variant', 'reference', '--network', 'reference')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--variant is another name of --network: give one of them'),
  });
});

test('data folders are resolved where npm was started, and a parent of several datasets is rejected', async () => {
  const packageFolder = realpathSync(await temporaryFolder());
  const caller = await temporaryFolder({
    ...{ 'photos/kth/a/1.png': '', 'photos/kth/b/1.png': '' },
    ...{ 'photos/uiuc/c/1.png': '', 'photos/uiuc/d/1.png': '' },
  });
  const env = { INIT_CWD: caller, npm_package_json: join(packageFolder, 'package.json') };
  const args = ['--data', 'photos', '--variant', 'lab-baseline'];
  expect(await runHere('training/train.ts', args, { cwd: packageFolder, env })).toMatchObject({
    status: 3,
    stderr: expect.stringContaining(`Did you mean --data ${caller}/photos/kth or`),
  });
});
