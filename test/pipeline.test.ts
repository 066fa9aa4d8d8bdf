import { existsSync, readFileSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { meanProbabilities } from '../model/calibration.ts';
import { modelReportSchema } from '../model/model-file.ts';
import { decodeTensors } from '../model/safetensors.ts';
import { trainingConfigSchema } from '../model/training-config.ts';
import { loadDataset } from '../training/data/dataset.ts';
import { tensorflowInstalled } from '../training/engine/tensorflow/location.ts';
import { runHere } from './support/command.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { tolerances } from './tolerances.ts';

const photographs = fileURLToPath(new URL('../../shared/datasets/uiuc', import.meta.url));
const engine = tensorflowInstalled() ? 'tfjs' : 'onnx';

describe.skipIf(!existsSync(photographs))(
  'real photographs (skipped without ../shared/datasets/uiuc)',
  () => {
    test("classify predicts the trainer's class for a validation photograph, through the exported file", {
      timeout: 180_000,
    }, async () => {
      const folder = await temporaryFolder({ 'data/': '' });
      for (const name of ['T12_pebbles', 'T25_plaid'])
        await symlink(join(photographs, name), join(folder, 'data', name));
      const run = async (script: string, ...args: string[]) => {
        const result = await runHere(script, args, { cwd: folder });
        expect(result, `${script}\n${result.stderr}`).toMatchObject({ status: 0 });
        return result.stdout;
      };
      const setting = ['--epochs', '2', '--patches-per-epoch', '66', '--batch', '25', '--engine', engine];
      await run('training/train.ts', '--data', 'data', '--out', 'runs/two', ...setting);
      await run('export/export.ts', '--run', 'runs/two');

      // Two classes have 12 validation photographs of 15 patches: all of them are in the trainer's logits,
      // photograph by photograph.
      const config = trainingConfigSchema.parse({ data: join(folder, 'data') });
      const { validation } = await loadDataset({ ...config, cacheBytes: 0 });
      const paths = validation.map(({ source }) => (source.kind === 'file' ? source.path : ''));
      const file = join(folder, 'runs/two/parity.safetensors');
      const logits = decodeTensors(readFileSync(file), file).tensors.get('logits')?.data as Float32Array;
      expect(logits.length).toBe(paths.length * 15 * 2);

      const report = readFileSync(join(folder, 'models/texture-net.report.json'), 'utf8');
      const temperatures = modelReportSchema.parse(JSON.parse(report)).calibration?.temperatures;
      if (temperatures === undefined) throw new Error('the report has no temperatures');

      const answer = JSON.parse(await run('serve/classify.ts', '--json', ...paths)) as ClassifyAnswer;
      answer.results.forEach(({ predictions }, i) => {
        const trainers = meanProbabilities(logits.subarray(i * 30, (i + 1) * 30), 2, temperatures);
        for (const { label, probability } of predictions) {
          const expected = trainers[['T12_pebbles', 'T25_plaid'].indexOf(label)] ?? Number.NaN;
          expect(Math.abs(probability - expected), `${paths[i]} ${label}`).toBeLessThan(
            tolerances.probability,
          );
        }
      });
    });
  },
);

interface ClassifyAnswer {
  readonly results: readonly {
    readonly predictions: readonly { readonly label: string; readonly probability: number }[];
  }[];
}
