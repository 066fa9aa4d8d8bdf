import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { recipeOption, trainingConfigSchema } from '../../model/training-config.ts';
import { parseArguments } from '../../node/command-line.ts';
import {
  dataSection,
  exportCommand,
  resumeCommand,
  settingsSection,
  trainCommand,
} from '../../report/section-metadata.ts';
import { inventedRun } from '../support/invented-run.ts';

/** The words that a shell makes of a command, without `npm run NAME --`. */
function shellWords(command: string): readonly string[] {
  const out = execFileSync('sh', ['-c', `for word in ${command}; do printf '%s\\0' "$word"; done`], {
    encoding: 'utf8',
  });
  return out.split('\0').slice(4, -1);
}

test('notes after the tenth are folded away', () => {
  const notes = Array.from({ length: 11 }, (_, i) => `note ${i}`);
  const run = inventedRun({});
  const section = (shown: readonly string[]) =>
    dataSection({ run: { ...run, data: { ...run.data, notes: [...shown] } } }).markup;
  expect(section(notes)).toContain('<summary>1 more note</summary>');
  expect(section([...notes, 'note 11'])).toContain('<summary>2 more notes</summary>');
  expect(section(notes.slice(0, 10))).not.toContain('<summary>');
});

test('the command to train again has every setting that is not its default', () => {
  const run = inventedRun({ config: { patience: 4, learningRate: 0.004, augment: 'jitter64' } });
  expect(trainCommand(run, 'runs/tiles-again')).toBe(
    'npm run train -- --network lab-baseline --recipe plain --data photos/tiles --epochs 12 --augment jitter64 --learning-rate 0.004 --patience 4 --engine onnx --out runs/tiles-again',
  );
});

test.each([
  { data: "my photos/it's $HOME", weightDecay: 0, seed: 12, patchPx: 96 },
  { variant: 'reference', epochs: 15 },
  { variant: 'texture-net', epochs: 60, learningRate: 0.1, augment: 'strong', batchNorm: true },
] as const)('parsing the command gives the same configuration: %o', (settings) => {
  const run = inventedRun({ config: settings });
  const words = shellWords(trainCommand(run, 'runs/x'));
  const options = trainingConfigSchema.partial().extend({
    engine: trainingConfigSchema.shape.data,
    out: trainingConfigSchema.shape.data,
    network: trainingConfigSchema.shape.variant,
    recipe: recipeOption,
  });
  const parsed = parseArguments({ name: 'train', summary: '', options, run: async () => {} }, words);
  const { engine, out, recipe, network: variant, ...config } = parsed?.options ?? {};
  expect([engine, out, recipe]).toEqual(['onnx', 'runs/x', 'plain']);
  expect(trainingConfigSchema.parse({ ...config, variant })).toEqual(run.config);
});

test('the command to train again starts from the same network, and the settings name it', () => {
  const init = { source: 'runs/my tiles', sha256: 'ab'.repeat(32), keptClasses: ['bark'] };
  const run = { ...inventedRun({}), init };
  expect(trainCommand(run, 'runs/x')).toMatch(/ --init 'runs\/my tiles' --engine onnx --out runs\/x$/);
  const record = { run } as Parameters<typeof settingsSection>[0];
  expect(settingsSection(record).markup).toContain(
    'started from the parameters of <code>runs/my tiles</code> (SHA-256 abababababab). The last layer kept bark.',
  );
});

test('a fine-tuned run has the rate of the recipe for fine-tuning, which is not tinted', () => {
  const run = inventedRun({
    config: { variant: 'texture-net', epochs: 60, learningRate: 0.03, augment: 'strong', batchNorm: true },
  });
  const init = { source: 'runs/tiles', sha256: 'ab'.repeat(32), keptClasses: [] };
  const tinted = (shown: typeof run) => {
    const record = { run: shown } as Parameters<typeof settingsSection>[0];
    const rows = settingsSection(record).markup.matchAll(/<tr class="chosen"><th[^>]*>([^<]*)/g);
    return Array.from(rows, ([, name]) => name);
  };
  expect(tinted(run)).toEqual(['data', 'learning rate']);
  expect(tinted({ ...run, init })).toEqual(['data']);
});

test('a run is resumed in its own directory', () => {
  expect(resumeCommand(inventedRun({}), 'runs/my tiles')).toMatch(/ --out 'runs\/my tiles' --resume$/);
});

test('a directory with spaces is one word', () => {
  expect(exportCommand('runs/my tiles')).toBe("npm run export -- --run 'runs/my tiles'");
});
