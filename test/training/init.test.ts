import { createHash } from 'node:crypto';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRun, writeRun } from '../../node/records.ts';
import { tensorboardFile } from '../../training/run/tensorboard.ts';
import { runHere } from '../support/command.ts';
import { home, modelOf, setting, train } from '../support/small-training.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { writeTrainedRun } from '../support/trained-run.ts';

test('a run starts from another run, keeps the classes of the same name, and resumes exactly', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const first = await train(folder, ...setting, '--epochs', '1', '--out', 'first');
  expect(first, first.stderr).toMatchObject({ status: 0 });
  await cp(join(folder, 'photos/brick'), join(folder, 'other/brick'), { recursive: true });
  await cp(join(folder, 'photos/knit'), join(folder, 'other/wool'), { recursive: true });
  const tuned = ['--data', 'other', ...setting.slice(2), '--epochs', '2', '--init', 'first'];
  const whole = await train(folder, ...tuned, '--out', 'whole');
  expect(whole, whole.stderr).toMatchObject({ status: 0 });
  const sha256 = await modelOf(join(folder, 'first'));
  expect(whole.stdout).toContain(
    `Starting from first (SHA-256 ${sha256.slice(0, 12)}). The last layer keeps 1 class of the same name, and 1 start new.`,
  );
  const { init, config } = await readRun(join(folder, 'whole'));
  // 0.3 of the recipe's rate for this network.
  expect(config.learningRate).toBe(0.0015);
  expect(init).toEqual({ source: 'first', sha256, keptClasses: ['brick'] });

  // Stopped before its first checkpoint, it reads the network again.
  await cp(join(folder, 'whole'), join(folder, 'cut'), { recursive: true });
  await rm(join(folder, 'cut/checkpoint'), { recursive: true });
  await rm(join(folder, 'cut/samples.png'));
  const record = await readRun(join(folder, 'cut'));
  await writeFile(join(folder, 'cut/run.json'), JSON.stringify({ ...record, status: 'failed' }));
  const resumed = await train(folder, ...tuned, '--out', 'cut', '--resume');
  expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
  expect(await modelOf(join(folder, 'cut'))).toBe(await modelOf(join(folder, 'whole')));
  expect((await readRun(join(folder, 'cut'))).init).toEqual(init);
  expect(await readdir(join(folder, 'cut'))).toContain('samples.png');

  await rm(join(folder, 'cut/checkpoint'), { recursive: true });
  await writeFile(join(folder, 'cut/run.json'), JSON.stringify({ ...record, status: 'failed' }));
  await cp(join(folder, 'whole/model.safetensors'), join(folder, 'first/model.safetensors'));
  expect(await train(folder, '--out', 'cut', '--resume')).toMatchObject({ status: 3 });
  const another = await train(folder, '--out', 'whole', '--resume', '--init', 'second');
  expect(another).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('the run started from first, so omit --init second'),
  });
});

test('--init rejects what it cannot start from, before the data is read', async () => {
  const folder = await temporaryFolder({
    'folds/fold-1/run.json': '{}',
    'photos/a/notes.txt': 'no image',
    'x.onnx': 'x',
  });
  await writeTrainedRun(join(folder, 'narrow'), { width: 0.5 });
  await writeTrainedRun(join(folder, 'early'), { status: 'stopped' });
  await rm(join(folder, 'early/model.safetensors'));
  const faults = [
    ['none', 3, '--init none: there is no such run directory or ONNX file'],
    ['folds', 2, '--init folds: it holds several folds; name one of them, e.g. folds/fold-1'],
    ['photos', 3, 'photos/run.json: cannot be read; is photos a run directory?'],
    ['x.onnx', 3, 'x.onnx: not a valid ONNX file'],
    ['early', 3, '--init early: it has no model.safetensors, which is written when a run ends'],
    [
      'narrow',
      2,
      '5x5 x10, relu1, pool1, 5x5 x25, relu2, pool2, 13x13 classifier), but this run trains lab-baseline (standardise, 5x5 x5,',
    ],
  ] as const;
  for (const [init, status, text] of faults) {
    const result = await train(folder, ...setting, '--init', init);
    expect(result, init).toMatchObject({ status, stderr: expect.stringContaining(text) });
  }
});

test('every fold starts from an exported file of the same network', { timeout: 120_000 }, async () => {
  const folder = await home();
  await writeTrainedRun(join(folder, 'run'), { labels: ['brick', 'knit', 'water'], width: 0.1 });
  const exported = await runHere('export/export.ts', ['--run', 'run', '--out', 'models'], { cwd: folder });
  expect(exported, exported.stderr).toMatchObject({ status: 0 });
  const narrow = [...setting, '--width', '0.1', '--epochs', '1', '--init'];
  const folds = ['--folds', '2', '--out', 'a'];
  const logged = [...folds, '--log', 'tensorboard'];
  const tuned = await train(folder, ...narrow, 'models/lab-baseline.onnx', ...logged);
  expect(tuned, tuned.stderr).toMatchObject({ status: 0 });
  expect(tuned.stdout).toContain('The last layer is kept.\n  Its batch normalisations are restored');
  expect(tuned.stdout).toContain('Note: the file does not say on which photographs it was trained.');
  await rm(join(folder, 'a/fold-2'), { recursive: true });
  expect(await train(folder, ...folds, '--resume')).toMatchObject({ status: 0 });
  const events = await readFile(join(folder, 'a/fold-2', tensorboardFile), 'latin1');
  expect(events).toContain('loss/val');
  const bytes = await readFile(join(folder, 'models/lab-baseline.onnx'));
  for (const fold of ['fold-1', 'fold-2']) {
    expect((await readRun(join(folder, 'a', fold))).init).toEqual({
      source: 'models/lab-baseline.onnx',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      keptClasses: ['brick', 'knit', 'water'],
    });
  }
  const other = await train(folder, ...narrow, 'models/lab-baseline.throughput.onnx', '--out', 'b');
  expect(other).toMatchObject({
    status: 3,
    stderr: expect.stringContaining(
      'its weights are not those of a portable float32 file; use the run directory',
    ),
  });

  // A fold that has not begun, or has no checkpoint yet, starts from the same file as the first or not at all.
  await writeTrainedRun(join(folder, 'run'), { labels: ['brick', 'knit', 'water'], width: 0.1, seed: 2 });
  const changed = await runHere('export/export.ts', ['--run', 'run', '--out', 'models'], { cwd: folder });
  expect(changed, changed.stderr).toMatchObject({ status: 0 });
  const record = await readRun(join(folder, 'a/fold-2'));
  for (const isBegun of [false, true]) {
    await rm(join(folder, 'a/fold-2'), { recursive: true, force: true });
    if (isBegun) await writeRun(join(folder, 'a/fold-2'), { ...record, status: 'stopped' });
    const refused = await train(folder, ...folds, '--resume');
    expect(refused).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(
        'the run started from models/lab-baseline.onnx, which has changed since then',
      ),
    });
    expect(refused.stdout).not.toContain('parameters');
  }
});
