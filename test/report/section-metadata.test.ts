import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { parseArguments } from '../../node/command-line.ts';
import { exportCommand, resumeCommand, trainCommand } from '../../report/section-metadata.ts';
import { inventedRun } from '../support/invented-run.ts';

/** The words that a shell makes of a command, without `npm run NAME --`. */
function shellWords(command: string): readonly string[] {
  const out = execFileSync('sh', ['-c', `for word in ${command}; do printf '%s\\0' "$word"; done`], {
    encoding: 'utf8',
  });
  return out.split('\0').slice(4, -1);
}

test('the command to train again has every setting that is not its default', () => {
  const run = inventedRun({ config: { patience: 4, learningRate: 0.004, augment: 'jitter64' } });
  expect(trainCommand(run, 'runs/tiles-again')).toBe(
    'npm run train -- --data photos/tiles --variant lab-baseline --epochs 12 --augment jitter64 --learning-rate 0.004 --patience 4 --engine onnx --out runs/tiles-again',
  );
});

test('parsing the command gives the same configuration', () => {
  const run = inventedRun({
    config: { data: "my photos/it's $HOME", weightDecay: 0, seed: 12, patchPx: 96 },
  });
  const words = shellWords(trainCommand(run, 'runs/x'));
  const options = trainingConfigSchema.partial().extend({
    engine: trainingConfigSchema.shape.data,
    out: trainingConfigSchema.shape.data,
  });
  const parsed = parseArguments({ name: 'train', summary: '', options, run: async () => {} }, words);
  const { engine, out, ...config } = parsed?.options ?? {};
  expect([engine, out]).toEqual(['onnx', 'runs/x']);
  expect(trainingConfigSchema.parse(config)).toEqual(run.config);
});

test('a run is resumed in its own directory', () => {
  expect(resumeCommand(inventedRun({}), 'runs/my tiles')).toMatch(/ --out 'runs\/my tiles' --resume$/);
});

test('a directory with spaces is one word', () => {
  expect(exportCommand('runs/my tiles')).toBe("npm run export -- --run 'runs/my tiles'");
});
