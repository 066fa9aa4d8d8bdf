import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrainedRun } from '../../export/trained-run.ts';
import { describeModel } from '../../graph/onnx/description.ts';
import { decodeMessage } from '../../graph/onnx/protobuf.ts';
import { fittedTemperature } from '../../model/calibration.ts';
import { modelReportSchema, temperaturesOf } from '../../model/model-file.ts';
import { networkOf } from '../../model/network.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { softmaxRows } from '../../model/scores.ts';
import { photographLogits } from '../../model/validation-logits.ts';
import { readRun, writeRun } from '../../node/records.ts';
import { runScript } from '../support/command.ts';
import { largestDifference, runOnPatches } from '../support/onnx-session.ts';
import { randomParameters, randomPatches } from '../support/random-network.ts';
import { exportHere, readIndex, runExport } from '../support/small-export.ts';
import {
  modelFile,
  overconfidentValidation,
  sixTextures,
  type TrainedRunOptions,
  writeKnownScore,
  writeTrainedRun,
} from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

let home: string;
const folders: string[] = [];

async function newHome(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-export-'));
  folders.push(folder);
  return folder;
}

const readReport = async (folder: string, variant = 'lab-baseline') =>
  modelReportSchema.parse(JSON.parse(await readFile(join(folder, `models/${variant}.report.json`), 'utf8')));
beforeAll(async () => {
  home = await newHome();
  await writeTrainedRun(join(home, 'runs/tiles'));
  const result = await runScript('export/export.ts', ['--run', 'runs/tiles'], { cwd: home });
  expect(result).toMatchObject({ status: 0, stderr: '' });
});

afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

describe('an exported run', () => {
  test('is an ONNX file, a report, a model card and an entry of the index, and nothing else', async () => {
    expect((await readdir(join(home, 'models'))).sort()).toEqual([
      'index.json',
      'lab-baseline.md',
      'lab-baseline.onnx',
      'lab-baseline.report.json',
      'lab-baseline.throughput.onnx',
    ]);
    const { models } = await readIndex(home);
    expect(models).toHaveLength(1);
    expect(models[0]).not.toHaveProperty('top1errInterval');
    expect(models[0]).toMatchObject({
      name: 'lab-baseline',
      files: { portable: 'lab-baseline.onnx', throughput: 'lab-baseline.throughput.onnx' },
      labels: sixTextures,
      input: { patchPx: 64 },
      top1err: 0.25,
    });
  });

  test('has its description in the metadata, and no trace of where it was exported', async () => {
    const bytes = await readFile(join(home, 'models/lab-baseline.onnx'));
    const { metadata, producer } = describeModel(bytes, 'lab-baseline.onnx');
    expect(producer).toMatch(/^textura \d+\.\d+\.\d+/);
    expect(Object.keys(metadata)).toEqual([
      'textura.labels',
      'textura.input',
      'textura.network',
      'textura.run',
    ]);
    expect(JSON.parse(metadata['textura.labels'] ?? '')).toEqual(sixTextures);
    expect(JSON.parse(metadata['textura.network'] ?? '')).toEqual(networkOf('lab-baseline', 6));
    expect(JSON.parse(metadata['textura.run'] ?? '')).toMatchObject({ name: 'tiles', seed: 7, epoch: 9 });
    expect(JSON.stringify(metadata)).not.toContain('photos');
  });

  test('documents its inputs and outputs in doc_strings', async () => {
    for (const file of ['lab-baseline.onnx', 'lab-baseline.throughput.onnx']) {
      const model = decodeMessage('Model', await readFile(join(home, 'models', file)), file);
      expect(model.docString).toMatch(
        /^lab-baseline: classifies .* into 6 classes .* textura\.labels .* JSON array/,
      );
      expect(model.graph?.docString).toContain('normalisation inside');
      const [image, ...outputs] = [...(model.graph?.input ?? []), ...(model.graph?.output ?? [])];
      expect(image?.docString).toMatch(
        /^float32 \[N,1,64,64\], NCHW.*0 to 255.*299 R \+ 587 G \+ 114 B.*64x64 pixels of the picture/,
      );
      expect(outputs.map(({ name, docString }) => `${name}: ${docString}`)).toEqual([
        expect.stringMatching(/^probabilities: float32 \[N,6\]: softmax of the logits; a row sums to 1/),
        expect.stringMatching(/^logits: float32 \[N,6\]: scores before the softmax/),
      ]);
    }
  });

  test('has a report with its export check and self-check', async () => {
    const { graphs, selfCheck, validation } = await readReport(home);
    for (const { parity } of graphs) {
      expect(parity.probabilities.maxAbsolute).toBeLessThan(tolerances.probability);
    }
    const [graph] = graphs;
    expect(graph?.parity).toMatchObject({ against: 'loops in float64', patches: 4, argmaxAgreement: 1 });
    expect(Object.values(graph?.parity.histogram ?? {}).reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(validation?.top1err).toBe(0.25);
    const patches = Buffer.concat(selfCheck.map(({ patch }) => Buffer.from(patch, 'base64')));
    const bytes = await readFile(join(home, 'models/lab-baseline.onnx'));
    const { probabilities } = await runOnPatches(bytes, patches);
    const expected = selfCheck.flatMap((check) => check.probabilities);
    expect(largestDifference(probabilities.values, expected)).toBeLessThan(tolerances.probability);
  });

  test('has the same bytes if it is exported again elsewhere', async () => {
    await exportHere(home, 'runs/tiles', 'again');
    for (const file of [
      'lab-baseline.onnx',
      'lab-baseline.throughput.onnx',
      'lab-baseline.report.json',
      'lab-baseline.md',
      'index.json',
    ]) {
      const [first, second] = await Promise.all(
        ['models', 'again'].map((out) => readFile(join(home, out, file))),
      );
      expect(second?.equals(first ?? Buffer.of())).toBe(true);
    }
  });
});

test('the temperatures of patches and of photographs have a line each', async () => {
  const folder = await newHome();
  await writeTrainedRun(join(folder, 'runs/tiles'), { validation: overconfidentValidation(6) });
  const { stdout } = await runExport(folder, '--run', 'runs/tiles');
  expect(stdout).toMatch(/^ {2}temperature {4}patches [\d.]+ \(calibration error [^()]+\)$/m);
  expect(stdout).toMatch(/^ {17}photographs [\d.]+ \(calibration error [^()]+\)$/m);
});

test('a run with the logits of its validation is exported with temperatures, and the interval of its error', async () => {
  const folder = await newHome();
  const validation = overconfidentValidation(6);
  await writeTrainedRun(join(folder, 'runs/tiles'), { validation });
  await writeTrainedRun(join(folder, 'runs/plain'));
  const report = await exportHere(folder, 'runs/tiles');
  await exportHere(folder, 'runs/plain', 'plain');
  const expected = {
    patch: fittedTemperature(validation),
    photograph: fittedTemperature(photographLogits(validation)),
  };
  expect(expected.patch).toBeGreaterThan(1.5);
  expect(expected.photograph).not.toBe(expected.patch);
  expect(report.calibration).toMatchObject({ photographs: 20, temperatures: expected });
  const { patches: error } = report.calibration?.ece ?? { patches: { before: 0, after: 1 } };
  expect(error.after).toBeLessThan(error.before);
  const [entry] = (await readIndex(folder)).models;
  expect(entry?.temperatures).toEqual(expected);
  // The interval of the patches' error (19 of 60 are wrong) is about the mean of the photographs' errors, plus
  // and minus 1.96 of its standard errors.
  const errors = Array.from({ length: 20 }, (_, photograph) => {
    const rows = [0, 1, 2].map((row) => 3 * photograph + row);
    return rows.filter((row) => row % 4 === 0 || photograph % 10 === 0).length / 3;
  });
  const mean = errors.reduce((sum, error) => sum + error, 0) / 20;
  expect(mean).toBeCloseTo(19 / 60, 10);
  const variance = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / 19;
  const { low, high } = entry?.top1errInterval ?? { low: Number.NaN, high: Number.NaN };
  const halfWidth = 1.96 * Math.sqrt(variance / 20);
  expect(Math.abs(low - (mean - halfWidth))).toBeLessThan(0.15 * halfWidth);
  expect(Math.abs(high - (mean + halfWidth))).toBeLessThan(0.15 * halfWidth);

  const patches = randomPatches(2, 11);
  const bytesIn = (out: string, file: string) => readFile(join(folder, out, file));
  const plain = await runOnPatches(await bytesIn('plain', 'lab-baseline.onnx'), patches);
  for (const file of ['lab-baseline.onnx', 'lab-baseline.throughput.onnx']) {
    const bytes = await bytesIn('models', file);
    expect(temperaturesOf(describeModel(bytes, file).metadata, file)).toEqual(expected);
    const { logits, probabilities } = await runOnPatches(bytes, patches);
    expect(largestDifference(logits.values, plain.logits.values)).toBeLessThan(tolerances.engineLogit);
    const tempered = softmaxRows(
      Float32Array.from(plain.logits.values, (logit) => logit / expected.patch),
      6,
    );
    expect(largestDifference(probabilities.values, tempered)).toBeLessThan(tolerances.probability);
    expect(largestDifference(probabilities.values, plain.probabilities.values)).toBeGreaterThan(0.01);
  }
});

test('damaged logits of the validation are reported, not used', async () => {
  const folder = await newHome();
  await writeTrainedRun(join(folder, 'runs/tiles'), { validation: overconfidentValidation(5) });
  await expect(exportHere(folder, 'runs/tiles')).rejects.toMatchObject({
    code: 'file-damaged',
    message: expect.stringContaining('expected logits F32 [n,6]'),
  });
});

describe('an export of one graph', () => {
  test('writes and lists only that file, and names the run also if it is the current folder', async () => {
    const folder = await newHome();
    const run = join(folder, 'runs/tiles');
    await writeTrainedRun(run);
    const result = await runExport(run, '--run', '.', '--graph', 'portable', '--out', '../../models');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const { metadata } = describeModel(await readFile(join(folder, 'models/lab-baseline.onnx')), 'model');
    expect(JSON.parse(metadata['textura.run'] ?? '')).toMatchObject({ name: 'tiles' });
    const { graphs } = await readReport(folder);
    expect(graphs.map(({ kind, file }) => [kind, file])).toEqual([['portable', 'lab-baseline.onnx']]);
    const { models } = await readIndex(folder);
    expect(models[0]?.files).toEqual({ portable: 'lab-baseline.onnx' });
  });

  test('keeps the other graph of the same run, and removes that of another and says so', async () => {
    const folder = await newHome();
    await writeTrainedRun(join(folder, 'runs/one'));
    await writeTrainedRun(join(folder, 'runs/two'), { seed: 8 });
    const [portable, throughput] = ['lab-baseline.onnx', 'lab-baseline.throughput.onnx'];
    const exportGraph = async (run: string, graph: string) => {
      const result = await runExport(folder, '--run', run, '--graph', graph);
      expect(result).toMatchObject({ status: 0, stderr: '' });
      expect(result.stdout.match(/^models\//gm)).toHaveLength(1);
      const [, replaced] = /^ {2}replaced +(.*)/m.exec(result.stdout) ?? [];
      const [model] = (await readIndex(folder)).models;
      const files = (await readdir(join(folder, 'models'))).filter((name) => name.endsWith('.onnx'));
      expect(files.sort()).toEqual(Object.values(model?.files ?? {}));
      const { graphs } = await readReport(folder);
      expect(graphs.map(({ file }) => file)).toEqual(files);
      const first = await readFile(join(folder, 'models', files[0] ?? ''));
      expect(model).toMatchObject({ sha256: graphs[0]?.sha256, bytes: first.length });
      return { files, replaced };
    };
    const started = 'started 3 February 2026, 04:05 UTC';
    expect(await exportGraph('runs/one', 'portable')).toEqual({ files: [portable], replaced: undefined });
    const both = await exportGraph('runs/one', 'throughput');
    expect(both).toEqual({ files: [portable, throughput], replaced: undefined });
    const second = await exportGraph('runs/two', 'throughput');
    expect(second).toEqual({ files: [throughput], replaced: `the model of run one, ${started}` });
    const third = await exportGraph('runs/one', 'portable');
    expect(third).toEqual({ files: [portable], replaced: `the model of run two, ${started}` });
  });
});

test('only the file that computes known scores has their threshold', async () => {
  const folder = await newHome();
  await writeTrainedRun(join(folder, 'run'), { variant: 'texture-net', width: 0.1 });
  await writeKnownScore(join(folder, 'run'));
  const thresholds: unknown[] = [];
  for (const [kind, file] of [
    ['throughput', 'texture-net.throughput.onnx'],
    ['portable', 'texture-net.onnx'],
  ] as const) {
    expect(await runExport(folder, '--run', 'run', '--graph', kind)).toMatchObject({ status: 0, stderr: '' });
    const bytes = await readFile(join(folder, 'models', file));
    const { graph } = decodeMessage('Model', bytes, file);
    const { metadata } = describeModel(bytes, file);
    const hasScores = graph?.output?.some(({ name }) => name === 'known_score');
    const [entry] = (await readIndex(folder)).models;
    thresholds.push([hasScores, metadata['textura.threshold'], entry?.threshold]);
  }
  expect(thresholds).toEqual([
    [false, undefined, undefined],
    [true, '{"photograph":0.5,"patch":0.25}', { photograph: 0.5, patch: 0.25 }],
  ]);
});

describe('the export check', () => {
  test('rejects permuted weights with status 5, writes no file of them and keeps the older valid one', async () => {
    const folder = await newHome();
    const directory = join(folder, 'runs/tiles');
    await writeTrainedRun(directory);
    await exportHere(folder, 'runs/tiles');
    const good = await readFile(join(folder, 'models/lab-baseline.onnx'));
    const files = await readdir(join(folder, 'models'));

    const network = networkOf('lab-baseline', sixTextures.length);
    const parameters = new Map(randomParameters(network, 7));
    const kernel = parameters.get('conv2.kernel') ?? new Float32Array();
    // The first two filters change places: every size still fits.
    const filter = 20 * 25;
    const permuted = Float32Array.of(
      ...kernel.subarray(filter, 2 * filter),
      ...kernel.subarray(0, filter),
      ...kernel.subarray(2 * filter),
    );
    await writeFile(
      join(directory, runFiles.model),
      modelFile(network, parameters.set('conv2.kernel', permuted)),
    );
    const result = await runExport(folder, '--run', 'runs/tiles');
    expect(result.status).toBe(5);
    expect(result.stderr).toMatch(
      /not written, because its outputs differ from those of loops in float64.*4 of 4 patches/,
    );
    expect(await readdir(join(folder, 'models'))).toEqual(files);
    expect(good.equals(await readFile(join(folder, 'models/lab-baseline.onnx')))).toBe(true);
    await expect(exportHere(folder, 'runs/tiles', 'empty')).rejects.toMatchObject({ code: 'parity-failed' });
    expect(existsSync(join(folder, 'empty'))).toBe(false);
  });

  test('names TensorFloat-32 and a solution if a GPU trained the run in an unrecorded precision', async () => {
    const folder = await newHome();
    const directory = join(folder, 'runs/a');
    await writeTrainedRun(directory, { patches: randomPatches(1, 7) });
    const network = networkOf('lab-baseline', sixTextures.length);
    await writeFile(join(directory, runFiles.model), modelFile(network, randomParameters(network, 8)));
    const run = await readRun(directory);
    const trainedBy = (engine: Partial<Run['stretches'][number]>) =>
      writeRun(directory, { ...run, stretches: run.stretches.map((stretch) => ({ ...stretch, ...engine })) });

    await trainedBy({ engine: 'tfjs', device: 'gpu' });
    const result = await runExport(folder, '--run', 'runs/a');
    expect(result.status).toBe(5);
    expect(result.stderr).toMatch(
      /A GPU trained this run \(tfjs on gpu\).*TensorFloat-32.*delete runs\/a\/parity\.safetensors and run npm run train -- --out runs\/a --resume\n$/,
    );
    await trainedBy({ engine: 'onnx', device: 'cuda' });
    await expect(exportHere(folder, 'runs/a')).rejects.toThrow('(onnx on cuda), probably in TensorFloat-32');
    for (const engine of [
      { device: 'cpu' },
      { device: 'webgpu' },
      { device: 'gpu', precision: 'float32' },
      { device: 'cuda', precision: 'tf32' },
    ] as const) {
      await trainedBy(engine);
      await expect(exportHere(folder, 'runs/a')).rejects.toMatchObject({
        code: 'parity-failed',
        message: expect.not.stringContaining('TensorFloat-32'),
      });
    }
  });

  test('rejects weights that are not numbers', async () => {
    const folder = await newHome();
    const network = networkOf('lab-baseline', sixTextures.length);
    const parameters = new Map(randomParameters(network, 7));
    await writeTrainedRun(join(folder, 'run'), {
      parameters: parameters.set('conv3.bias', new Float32Array(6).fill(Number.NaN)),
    });
    await expect(exportHere(folder, 'run')).rejects.toMatchObject({
      code: 'parity-failed',
      message: expect.stringContaining('NaN'),
    });
    expect(existsSync(join(folder, 'models'))).toBe(false);
  });
});

describe('the choice of runs', () => {
  test('is the newest finished run of every variant in runs and studies; a failing one does not stop the others', async () => {
    const folder = await newHome();
    await writeTrainedRun(join(folder, 'runs/old'), { endedAt: '2026-02-01T00:00:00Z', seed: 1 });
    await writeTrainedRun(join(folder, 'studies/pools/runs/new'), {
      endedAt: '2026-02-02T00:00:00Z',
      seed: 2,
    });
    await writeTrainedRun(join(folder, 'runs/newest'), {
      endedAt: '2026-02-03T00:00:00Z',
      status: 'stopped',
    });
    await writeTrainedRun(join(folder, 'runs/damaged'), { variant: 'no-conv4-pool4' });
    await writeFile(join(folder, 'runs/damaged', runFiles.model), 'not tensors at all');
    await mkdir(join(folder, 'runs/notes'));
    const result = await runExport(folder);
    expect(result.status).toBe(3);
    expect(result.stderr).toContain('1 of 2 runs were not exported completely: runs/damaged');
    expect(result.stdout).toContain('from studies/pools/runs/new, epoch 9');
    expect(result.stdout).toMatch(
      /^Exporting the newest finished run of each network: runs\/damaged, studies\/pools\/runs\/new\nTo export another one: npm run export -- --run DIR\n\n/,
    );
    expect((await readIndex(folder)).models.map(({ name }) => name)).toEqual(['lab-baseline']);
  });

  test('of a stopped run by name exports its best epoch and says so', async () => {
    const folder = await newHome();
    await writeTrainedRun(join(folder, 'halted'), { status: 'stopped' });
    const result = await runExport(folder, '--run', 'halted', '--opset', '13');
    expect(result.status).toBe(0);
    expect(result.stderr).toContain('halted is stopped; exporting its best epoch, 9');
    expect((await readReport(folder)).graphs[0]).toMatchObject({ opset: 13, irVersion: 7 });
  });

  test.each<[TrainedRunOptions, RegExp]>([
    [{ status: 'stopped' }, /halted has no model yet: the run was stopped; .* --out \S+halted --resume$/],
    [{ status: 'running' }, /halted has no model yet: the run is training or was killed; .*--resume$/],
    [
      { status: 'diverged', best: 'none' },
      /halted has no model: the run diverged in epoch 1, before any epoch was complete\. Train again .*--learning-rate, into another directory$/,
    ],
    [{ status: 'diverged' }, /halted\/model\.safetensors is missing: copy the whole run directory/],
    [{ status: 'finished' }, /halted\/model\.safetensors is missing: copy the whole run directory/],
  ])('of a run without its weights says why it has none and what to do: %o', async (options, message) => {
    const folder = await newHome();
    await writeTrainedRun(join(folder, 'halted'), options);
    await rm(join(folder, 'halted', runFiles.model));
    await expect(readTrainedRun(join(folder, 'halted'))).rejects.toMatchObject({
      code: 'file-unreadable',
      message: expect.stringMatching(message),
    });
  });

  test('without any run suggests what to do', async () => {
    const folder = await newHome();
    const result = await runExport(folder);
    expect(result).toMatchObject({ status: 3, stderr: expect.stringContaining('npm run train') });
    expect((await runExport(folder, '--run', 'a', '--study', 'b')).status).toBe(2);
    await mkdir(join(folder, 'folds/fold-1'), { recursive: true });
    await writeFile(join(folder, 'folds/fold-1/run.json'), '{}');
    expect((await runExport(folder, '--run', 'folds')).stderr).toContain(
      'folds: it holds several folds; name one of them, e.g. folds/fold-1',
    );
  });
});
