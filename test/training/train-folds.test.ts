import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { validationFromCsv } from '../../model/validation-file.ts';
import { readRun } from '../../node/records.ts';
import { startArguments } from '../support/command.ts';
import { home, setting, train } from '../support/small-training.ts';
import { tensorflowReady } from '../support/tensorflow.ts';

/** The exit status and stderr of a training that is stopped once it has printed `text`. */
async function stoppedAt(text: string, cwd: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [...startArguments('training/train.ts'), ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    stderr += part;
  });
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (part.includes(text)) child.kill('SIGINT');
  });
  await once(child, 'close');
  return [child.exitCode, stderr];
}

/** Of the second fold, and the folder itself. */
const leftOf = async (folder: string) =>
  (await readdir(join(folder, 'cross'), { recursive: true })).filter((name) => name.startsWith('fold-2'));

test('a cross-validation that is stopped between two folds prints the command that resumes it', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const folds = ['--folds', '2', '--epochs', '1', '--out', 'cross'];
  const message = 'train: stopped. Resume with: npm run train -- --folds 2 --out cross --resume\n';
  expect(await stoppedAt('Fold 2 of 2', folder, ...setting, ...folds)).toEqual([130, message]);
  expect(await leftOf(folder)).toEqual([]);
  if (tensorflowReady) {
    // It then asks a program whether TensorFlow sees a GPU.
    const resume = ['--folds', '2', '--out', 'cross', '--resume', '--engine', 'tfjs'];
    expect(await stoppedAt('Data: ', folder, ...resume)).toEqual([130, message]);
    expect(await leftOf(folder)).toEqual([]);
  }
  const resumed = await train(folder, '--folds', '2', '--out', 'cross', '--resume');
  expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
});

test('folds hold out every photograph and every group once, and their last epoch is the model', {
  timeout: 120_000,
}, async () => {
  const folder = await home();
  const folds = ['--folds', '2', '--group', '(\\d)\\.png', '--epochs', '2', '--out', 'cross'];
  const result = await train(folder, ...setting, ...folds);
  expect(result.stdout).toMatch(/All 15 photographs, each unseen by the run that classified it:/);
  expect(result.stdout).toMatch(
    /wrong labels: npm run inspect -- --data photos --run cross\nNext: +for a network to export, train with the same options but without --folds\n$/,
  );
  expect(result.stdout.match(/^Last epoch 2: validation top-1 error/gm)).toHaveLength(2);
  expect(result.stdout.match(/^layer +does /gm)).toHaveLength(1);
  // Not after each fold.
  expect(result.stdout).not.toContain('npm run export');
  const runs = await Promise.all([1, 2].map((fold) => readRun(join(folder, 'cross', `fold-${fold}`))));
  expect(runs.map(({ config, best }) => [config.folds, config.fold, best?.epoch])).toEqual([
    [2, 1, 2],
    [2, 2, 2],
  ]);
  expect(runs.map(({ data }) => data.groups)).toEqual([5, 5]);
  const groups = await Promise.all(
    [1, 2].map(async (fold) => {
      const text = await readFile(join(folder, 'cross', `fold-${fold}`, 'validation.csv'), 'utf8');
      return [...new Set(validationFromCsv(text, '').map(({ image }) => image.at(-5)))].toSorted();
    }),
  );
  expect(groups.flat().toSorted()).toEqual(['0', '1', '2', '3', '4']);
  const withoutFolds = await train(folder, '--out', 'cross', '--resume');
  expect(withoutFolds).toMatchObject({
    status: 2,
    stderr:
      'train: cross: it holds a cross-validation. Resume with: npm run train -- --folds 2 --out cross --resume\n',
  });
  // The command that a stopped fold prints: folds that have not begun get the settings of those that have.
  await rm(join(folder, 'cross/fold-2'), { recursive: true });
  const resumed = await train(folder, '--folds', '2', '--out', 'cross', '--resume');
  expect(resumed.stdout.match(/already finished/g)).toHaveLength(1);
  expect(resumed.stdout).toContain('wrong labels: npm run inspect -- --data photos --run cross\n');
  expect((await readRun(join(folder, 'cross/fold-2'))).config).toEqual(runs[1]?.config);
  const again = await train(folder, ...setting, ...folds, '--resume');
  expect(again.stdout.match(/already finished/g)).toHaveLength(2);
  for (const [message, ...asked] of [
    ['--fold: expected 1 to 2, got 3', '--fold', '3'],
    // The photographs of a fold would choose when its training ends.
    ['--patience: with --folds the last epoch is used, so leave out --patience', '--patience', '1'],
    ['--choose-on: with --folds the last epoch is used, so leave out --choose-on', '--choose-on', 'half'],
  ] as const) {
    const refused = await train(folder, ...setting, '--folds', '2', ...asked);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining(message)]);
  }
});
