/** The losses and errors of small runs, so that a change that should not affect training is shown not to. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metricsFromCsv } from '../../model/metrics.ts';
import { runHere } from '../support/command.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tolerances } from '../tolerances.ts';

/**
 * Processors sum in different orders, so losses differ in their last digits; errors are counts of patches.
 */
const expected = {
  jitter64: [
    { epoch: 1, split: 'train', objective: 1.24114, top1err: 28 / 44, learning_rate: 0.0016 },
    { epoch: 1, split: 'val', objective: 2.54369, top1err: 2 / 3, learning_rate: 0.0016 },
    { epoch: 2, split: 'train', objective: 2.19803, top1err: 30 / 44, learning_rate: 0.00029289321881345256 },
    { epoch: 2, split: 'val', objective: 1.54755, top1err: 2 / 3, learning_rate: 0.00029289321881345256 },
  ],
  strong: [
    { epoch: 1, split: 'train', objective: 1.22017, top1err: 28 / 44, learning_rate: 0.0016 },
    { epoch: 1, split: 'val', objective: 2.14233, top1err: 2 / 3, learning_rate: 0.0016 },
    { epoch: 2, split: 'train', objective: 2.46093, top1err: 30 / 44, learning_rate: 0.00029289321881345256 },
    { epoch: 2, split: 'val', objective: 1.5909, top1err: 2 / 3, learning_rate: 0.00029289321881345256 },
  ],
} as const;

test.each(['jitter64', 'strong'] as const)(
  'a small run with %s has the losses and errors of the golden file',
  {
    timeout: 120_000,
  },
  async (augment) => {
    const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 5));
    const size = ['--variant', 'reference', '--epochs', '2', '--patches-per-epoch', '44', '--batch', '11'];
    const settings = ['--recipe', 'plain', '--augment', augment, '--learning-rate', '0.002'];
    const args = ['--data', 'photos', '--engine', 'onnx', ...settings, ...size, '--out', 'run'];
    const result = await runHere('training/train.ts', args, { cwd: folder });
    expect(result, result.stderr).toMatchObject({ status: 0 });
    const rows = metricsFromCsv(await readFile(join(folder, 'run/metrics.csv'), 'utf8'), 'run/metrics.csv');
    expect(
      rows.map(({ epoch, split, objective, top1err, learning_rate }) => {
        return { epoch, split, objective, top1err, learning_rate };
      }),
    ).toEqual(
      expected[augment].map((row) => ({
        ...row,
        objective: expect.closeTo(row.objective, -Math.log10(2 * tolerances.epochLoss)),
      })),
    );
  },
);
