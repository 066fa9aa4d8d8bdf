/** The logits that a run stores for the export check, from engines in float32 and in TensorFloat-32. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportModel } from '../../../export/export-model.ts';
import { readTrainedRun } from '../../../export/trained-run.ts';
import { networkOf } from '../../../model/network.ts';
import { zeroParameters } from '../../../model/parameters.ts';
import { type Precision, runFiles } from '../../../model/run-file.ts';
import { trainingConfigSchema } from '../../../model/training-config.ts';
import { readRun, writeRun } from '../../../node/records.ts';
import { startDataLoader } from '../../../training/data/data-loader.ts';
import { validationGrid } from '../../../training/data/sampler.ts';
import type { Engine } from '../../../training/engine/engine.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { saveCheckpoint } from '../../../training/run/checkpoint.ts';
import { writeResults } from '../../../training/run/finalize.ts';
import { freshProgress } from '../../../training/run/loop.ts';
import { memoryPictures } from '../../support/memory-pictures.ts';
import { randomParameters, randomPatches } from '../../support/random-network.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { writeTrainedRun } from '../../support/trained-run.ts';

const labels = ['brick', 'knit', 'water'] as const;
const network = networkOf('lab-baseline', labels.length);
const pictures = memoryPictures(labels);
const state = { parameters: randomParameters(network, 7), momentum: zeroParameters(network) };

/** As TensorFloat-32 rounds: 10 bits of mantissa. */
function rounded(values: Float32Array): Float32Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer).map((value) => (value + 0x1000) & ~0x1fff);
  return new Float32Array(bits.buffer);
}

/** The onnx engine with kernels rounded as in TensorFloat-32, which declares `precision`. */
async function roundingEngine(precision: Precision): Promise<Engine> {
  const engine = await onnxEngine(network);
  return {
    ...engine,
    device: 'cuda',
    precision,
    write: ({ parameters, momentum }) =>
      engine.write({
        parameters: new Map([...parameters].map(([name, values]) => [name, rounded(values)])),
        momentum,
      }),
  };
}

/** Writes the results of a run whose best checkpoint has `state`. */
async function resultsOf(engine: Engine) {
  const directory = await temporaryFolder();
  const config = trainingConfigSchema.parse({ data: 'photos', variant: 'lab-baseline', seed: 7 });
  await writeTrainedRun(directory, { labels, patches: randomPatches(1, 7) });
  const run = await readRun(directory);
  const start = { engine: engine.name, device: engine.device, precision: engine.precision };
  const stretches = run.stretches.map((stretch) => ({ ...stretch, ...start }));
  await writeRun(directory, { ...run, stretches });
  await saveCheckpoint(directory, network, { progress: { ...freshProgress, epochsDone: 1 }, state }, true);
  const loader = startDataLoader({ ...pictures, ...config, cacheBytes: 0 }, 1);
  const grid = validationGrid(pictures.validation, 64);
  const observer = { stepped() {}, async epochEnded() {} };
  try {
    const session = { config, network, engine, loader, grid, directory, observer };
    const results = await writeResults(
      { ...session, stopRequested: () => false },
      labels,
      pictures.validation,
    );
    return { directory, results };
  } finally {
    await loader.close();
    await engine.dispose();
  }
}

async function exported(directory: string) {
  const settings = { opset: 17, graphs: ['portable'] } as const;
  const report = await exportModel(await readTrainedRun(directory), {
    ...settings,
    out: join(directory, 'models'),
  });
  return report.graphs[0]?.parity;
}

test('a run in float32 is compared with its own engine', async () => {
  const { directory, results } = await resultsOf(await onnxEngine(network));
  expect(results?.tf32Difference).toBeUndefined();
  expect(await exported(directory)).toMatchObject({ against: 'onnx cpu' });
});

test('a run in TensorFloat-32 states its difference, and is compared with logits in float32', async () => {
  const { directory, results } = await resultsOf(await roundingEngine('tf32'));
  // More than an export allows, less than anybody would notice.
  expect(results?.tf32Difference).toBeGreaterThan(1e-4);
  expect(results?.tf32Difference).toBeLessThan(1e-2);
  expect(await exported(directory)).toMatchObject({ against: 'onnx cpu', argmaxAgreement: 1 });
  // The values are the checkpoint's, not what the engine rounded them to.
  const model = await readFile(join(directory, runFiles.model));
  const own = state.parameters.get('conv1.kernel') ?? new Float32Array();
  expect(model.includes(Buffer.from(own.buffer, own.byteOffset, own.byteLength))).toBe(true);
});

test('an engine with undeclared rounding fails the export', async () => {
  const { directory } = await resultsOf(await roundingEngine('float32'));
  await expect(exported(directory)).rejects.toMatchObject({ code: 'parity-failed' });
});
