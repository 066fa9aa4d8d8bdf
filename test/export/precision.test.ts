import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyReducedFile } from '../../export/export-check.ts';
import { readTrainedRun } from '../../export/trained-run.ts';
import { describeModel } from '../../graph/onnx/description.ts';
import { modelReportSchema } from '../../model/model-file.ts';
import { decodeTensors, encodeTensors } from '../../model/safetensors.ts';
import { softmaxRows, topClasses } from '../../model/scores.ts';
import { selfCheckPatches } from '../../model/self-check.ts';
import { classifyAnswerSchema } from '../../model/service.ts';
import { exportedFrom } from '../../serve/evaluation/exported-run.ts';
import { Model } from '../../serve/model.ts';
import { largestDifference, runOnPatches } from '../support/onnx-session.ts';
import { pngFile } from '../support/pictures.ts';
import { randomPatches } from '../support/random-network.ts';
import { runService } from '../support/running-service.ts';
import { readIndex, runExport } from '../support/small-export.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { writeKnownScore, writeTrainedRun } from '../support/trained-run.ts';

let home: string;
const names = ['texture-net', 'texture-net-fp16', 'texture-net-int8'];
const readReport = async (name: string) =>
  modelReportSchema.parse(JSON.parse(await readFile(join(home, `models/${name}.report.json`), 'utf8')));

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-precision-'));
  const run = join(home, 'runs/net');
  await writeTrainedRun(run, { variant: 'texture-net', width: 0.1, patches: randomPatches(16, 7) });
  await writeKnownScore(run);
  const result = await runExport(home, '--run', 'runs/net', '--precision', 'int8, fp32,fp16');
  expect(result, result.stderr).toMatchObject({ status: 0, stderr: '' });
  expect(result.stdout.match(/error {10}\d\.\d+ -> \d\.\d+ of 8 patches \(allowed \+0\.02\)/g)).toHaveLength(
    2,
  );
  expect(result.stdout.match(/\.onnx from runs\/net, epoch 9\n/g)).toHaveLength(3);
});

afterAll(() => rm(home, { recursive: true }));

test('files of fewer bits are models of their own, which say their precision', async () => {
  const { models } = await readIndex(home);
  expect(models.map(({ name, precision }) => [name, precision])).toEqual([
    ['texture-net', undefined],
    ['texture-net-fp16', 'fp16'],
    ['texture-net-int8', 'int8'],
  ]);
  const [full, ...reduced] = models;
  expect(full?.top1err).toBe(0.25);
  for (const { bytes, top1err, threshold } of reduced) {
    expect(bytes).not.toBe(full?.bytes);
    // That of the run is another network's.
    expect(top1err).toBeUndefined();
    expect(threshold).toEqual(full?.threshold);
  }
  for (const [i, name] of names.entries()) {
    const file = await readFile(join(home, `models/${name}.onnx`));
    const { metadata } = describeModel(file, name);
    expect(metadata['textura.precision']).toBe([undefined, 'fp16', 'int8'][i]);
  }
});

test('the report has the error in float32 and in the file, of the patches that did not set its ranges', async () => {
  const { reference } = await readTrainedRun(join(home, 'runs/net'));
  const odd = Array.from({ length: 8 }, (_, i) => 2 * i + 1);
  const wrong = (logits: Float32Array) =>
    odd.filter((i) => topClasses(logits.subarray(6 * i, 6 * i + 6), 1)[0] !== reference.labels?.[i]).length;
  for (const name of names.slice(1)) {
    const { graphs, selfCheck } = await readReport(name);
    const file = await readFile(join(home, `models/${name}.onnx`));
    const logits = Float32Array.from((await runOnPatches(file, reference.patches)).logits.values);
    expect(graphs[0]?.parity.error).toEqual({
      patches: 8,
      before: wrong(reference.logits) / 8,
      after: wrong(logits) / 8,
      allowed: 0.02,
    });
    // What the file itself computes, so that a changed file is noticed although float32 differs more.
    const own = await runOnPatches(file, selfCheckPatches(selfCheck));
    const expected = softmaxRows(Float32Array.from(own.logits.values), 6);
    expect(
      largestDifference(
        selfCheck.flatMap(({ probabilities }) => probabilities),
        expected,
      ),
    ).toBeLessThan(1e-6);
  }
});

test('the model card has the errors of the file, not those of float32', async () => {
  const [full = '', reduced = ''] = await Promise.all(
    ['texture-net', 'texture-net-int8'].map((name) => readFile(join(home, `models/${name}.md`), 'utf8')),
  );
  expect(full).toContain('Error of single patches: 25.0');
  expect(reduced).toMatch(
    /Of 8 validation patches it misclassifies [\d.]+.%, and the same model in float32 [\d.]+.%/,
  );
  expect(reduced).not.toContain('Error of single patches');
  for (const card of [full, reduced]) expect(card).toContain('- Exported: epoch 9, the best epoch');
  expect(reduced).toContain('- Numbers: 8-bit integers in the convolutions between the first and the last');
  expect(reduced).toMatch(/differ from those of `loops in float64` by at most [\d.e-]+; the top class/);
});

test('a file that misclassifies more is refused, with both errors', async () => {
  const { reference } = await readTrainedRun(join(home, 'runs/net'));
  const predictions = Int32Array.from({ length: 16 }, (_, i) => {
    const [prediction = 0] = topClasses(reference.logits.subarray(6 * i, 6 * i + 6), 1);
    return prediction;
  });
  const other = await temporaryFolder({});
  await writeTrainedRun(join(other, 'runs/net'), { variant: 'texture-net', width: 0.1, seed: 99 });
  await runExport(other, '--run', 'runs/net');
  const comparing = { reference: { ...reference, labels: predictions }, name: 'x.onnx', temperature: 1 };
  const verified = await verifyReducedFile(join(home, 'models/texture-net-int8.onnx'), comparing);
  expect(verified.check.error?.before).toBe(0);
  await expect(verifyReducedFile(join(other, 'models/texture-net.onnx'), comparing)).rejects.toMatchObject({
    code: 'parity-failed',
    message: expect.stringMatching(
      /^x\.onnx: not written, because it misclassifies too many patches: \d+\.\d.% of 8 validation patches, and float32 0\.0.% \(allowed: 2 percentage points more\); use the float32 file$/,
    ),
  });
});

test('files of fewer bits are refused one by one, and that of float32 is written', async () => {
  const other = await temporaryFolder();
  const run = join(other, 'runs/net');
  await writeTrainedRun(run, { variant: 'reference', width: 0.1, patches: randomPatches(16, 7) });
  // The same network with half of conv2's filters 10^8 times as large: beyond float16, and a range in which
  // 8 bits cannot tell the other filters' values apart. Each patch is of the class that float32 gives.
  const { network, parameters, reference } = await readTrainedRun(run);
  const filters = parameters.get('conv2.bias')?.length ?? 0;
  const isLarge = (filter: number) => filter % 2 === 0;
  const scaled = new Map(parameters);
  const scale = (name: string, factorOf: (i: number, size: number) => number) => {
    const values = parameters.get(name) ?? new Float32Array();
    scaled.set(
      name,
      values.map((value, i) => value * factorOf(i, values.length)),
    );
  };
  const larger = (i: number, size: number) => (isLarge(Math.floor((i * filters) / size)) ? 1e8 : 1);
  scale('conv2.kernel', larger);
  scale('conv2.bias', larger);
  const thirds = parameters.get('conv3.bias')?.length ?? 0;
  scale('conv3.kernel', (i, size) =>
    isLarge(Math.floor((i * thirds * filters) / size) % filters) ? 1e-8 : 1,
  );
  const model = join(run, 'model.safetensors');
  const stored = decodeTensors(await readFile(model), model);
  const tensors = new Map(
    [...stored.tensors].map(([name, tensor]) => [name, { ...tensor, data: scaled.get(name) ?? tensor.data }]),
  );
  await writeFile(model, encodeTensors({ ...stored, tensors }));
  const { classes } = network;
  const labels = Int32Array.from({ length: 16 }, (_, i) => {
    const [prediction = 0] = topClasses(reference.logits.subarray(classes * i, classes * (i + 1)), 1);
    return prediction;
  });
  const parity = join(run, 'parity.safetensors');
  const patches = decodeTensors(await readFile(parity), parity);
  await writeFile(
    parity,
    encodeTensors({
      ...patches,
      tensors: new Map([...patches.tensors, ['labels', { shape: [16], data: labels }]]),
    }),
  );
  const result = await runExport(other, '--run', 'runs/net', '--precision', 'fp32,fp16,int8');
  expect(result).toMatchObject({
    status: 5,
    stderr: expect.stringMatching(
      /reference-fp16\.onnx: not written, because its logits are not finite: .*; use the float32 file; .*reference-int8\.onnx: not written, because it misclassifies/,
    ),
  });
  expect((await readIndex(other)).models.map(({ name }) => name)).toEqual(['reference']);
});

test('evaluate --run takes the file of fp32, which the error of the run is of', async () => {
  const { path } = await exportedFrom(join(home, 'runs/net'), join(home, 'models'));
  expect(path).toBe(join(home, 'models/texture-net.onnx'));
});

test('a file of int8 is verified by its report, and served', async () => {
  const model = await Model.load(join(home, 'models/texture-net-int8.onnx'));
  const { logits } = await model.run(randomPatches(2, 1));
  expect(logits).toHaveLength(12);
  await model.close();
  const running = await runService(join(home, 'models'));
  try {
    const response = await fetch(`${running.address}/classify?model=texture-net-int8`, {
      method: 'POST',
      body: new Uint8Array(await pngFile(1, 70, 66)),
      headers: { 'Content-Type': 'image/png' },
    });
    const answer = classifyAnswerSchema.parse(await response.json());
    expect(answer.model.name).toBe('texture-net-int8');
  } finally {
    await running.close();
  }
});

test.each([
  [['--precision', 'int4'], 2, 'export: --precision: expected a list of fp32, fp16, int8, got int4'],
  [
    ['--precision', 'int8', '--graph', 'throughput'],
    2,
    'export: --graph throughput: throughput files are fp32 only',
  ],
])('%j is refused', async (args, status, message) => {
  const result = await runExport(home, '--run', 'runs/net', ...args);
  expect(result.status).toBe(status);
  expect(result.stderr).toContain(message);
});
