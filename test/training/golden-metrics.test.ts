/** The losses and errors of one small run, so that a change which should not touch training is seen not to. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metricsFromCsv } from '../../model/metrics.ts';
import { runScript } from '../support/command.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tolerances } from '../tolerances.ts';

/** Processors sum in different orders, so losses differ in their last digits; errors are counts of patches. */
const expected = [
  { epoch: 1, split: 'train', objective: 1.20741, top1err: 25 / 44, learning_rate: 0.0016 },
  { epoch: 1, split: 'val', objective: 2.21565, top1err: 2 / 3, learning_rate: 0.0016 },
  { epoch: 2, split: 'train', objective: 2.42607, top1err: 30 / 44, learning_rate: 0.00029289321881345256 },
  { epoch: 2, split: 'val', objective: 1.4712, top1err: 2 / 3, learning_rate: 0.00029289321881345256 },
];

test('a small run has the losses and errors that it always had', { timeout: 120_000 }, async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 5));
  const size = ['--variant', 'reference', '--epochs', '2', '--patches-per-epoch', '44', '--batch', '11'];
  const args = ['--data', 'photos', '--engine', 'onnx', '--augment', 'strong', '--learning-rate', '0.002'];
  args.push(...size, '--out', 'run');
  const result = await runScript('training/train.ts', args, { cwd: folder });
  expect(result, result.stderr).toMatchObject({ status: 0 });
  const rows = metricsFromCsv(await readFile(join(folder, 'run/metrics.csv'), 'utf8'), 'run/metrics.csv');
  expect(
    rows.map(({ epoch, split, objective, top1err, learning_rate }) => {
      return { epoch, split, objective, top1err, learning_rate };
    }),
  ).toEqual(
    expected.map((row) => ({
      ...row,
      objective: expect.closeTo(row.objective, -Math.log10(2 * tolerances.epochLoss)),
    })),
  );
});
