import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeModel } from '../../graph/onnx/description.ts';
import { modelIndexSchema, modelReportSchema } from '../../model/model-file.ts';
import { networkOf } from '../../model/network.ts';
import { embeddedPatches, type PatchLogits } from '../../model/self-check.ts';
import { taughtModel, taughtNetwork } from '../../web-demo/worker/taught-network.ts';
import { runHere } from '../support/command.ts';
import { runOnPatches } from '../support/onnx-session.ts';
import { randomParameters, randomPatches, taughtYard } from '../support/random-network.ts';

const network = taughtNetwork(networkOf('lab-baseline', 6, { width: 0.1 }), 2);
const patches = randomPatches(3, 12);

let home: string;
let check: PatchLogits;

/** A file as the page writes it, with parameters of a seed. */
const fileOf = (seed: number, stored?: PatchLogits) =>
  taughtModel(network, randomParameters(network, seed), { ...taughtYard, ...(stored && { check: stored }) });
const exportTaught = (file: string, ...more: string[]) =>
  runHere('export/export.ts', ['--taught', file, ...more], { cwd: home });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-taught-'));
  const { logits } = await runOnPatches(fileOf(1), patches);
  check = { count: 3, patches, logits: Float32Array.from(logits.values) };
});

afterAll(() => rm(home, { recursive: true }));

test('a file of the page keeps its patches and logits exactly', () => {
  const { metadata } = describeModel(fileOf(1, check), 'yard.onnx');
  expect(embeddedPatches(metadata, 2, 'yard.onnx')).toEqual(check);
  expect(() => embeddedPatches(metadata, 3, 'yard.onnx')).toThrow(
    /^yard\.onnx: textura\.selfCheck: .*logits/,
  );
});

test('it is exported under its name, compared with the outputs in it, with the error on held-out patches', async () => {
  await writeFile(join(home, 'my yard.onnx'), fileOf(1, check));
  const { status, stdout, stderr } = await exportTaught('my yard.onnx', '--graph', 'portable');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^models\/my yard\.onnx +from my yard\.onnx\n/);
  expect(stdout).toMatch(/3 validation patches, the page against onnxruntime-node/);
  const folder = join(home, 'models');
  expect((await readdir(folder)).sort()).toEqual([
    'index.json',
    'my yard.md',
    'my yard.onnx',
    'my yard.report.json',
  ]);
  const { models } = modelIndexSchema.parse(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')));
  expect(models).toMatchObject([
    { name: 'my yard', labels: ['oak', 'stone'], input: { patchPx: 80 }, top1err: 0.125 },
  ]);
  // Wilson's interval for 1 of 8.
  expect(models[0]?.top1errInterval).toEqual({
    low: expect.closeTo(0.0224, 4),
    high: expect.closeTo(0.4709, 4),
  });
  const report = modelReportSchema.parse(
    JSON.parse(await readFile(join(folder, 'my yard.report.json'), 'utf8')),
  );
  expect(report.selfCheck).toHaveLength(3);
  const { metadata } = describeModel(await readFile(join(folder, 'my yard.onnx')), 'my yard.onnx');
  expect(JSON.parse(metadata['textura.run'] ?? '')).toMatchObject({ base: 'lab-baseline', depth: 'head' });
  expect(metadata).not.toHaveProperty('textura.selfCheck');
});

test('its card says that it was taught, how, and with which error', async () => {
  await writeFile(join(home, 'my yard.onnx'), fileOf(1, check));
  expect(await exportTaught('my yard.onnx', '--out', 'cards')).toMatchObject({ status: 0 });
  const card = await readFile(join(home, 'cards/my yard.md'), 'utf8');
  expect(card).not.toMatch(/undefined|NaN|false|photographs that/);
  for (const line of [
    '# Model card: `my yard`',
    '- Measured on 8 patches that it was not trained on. The interval is too short if several are of one picture.',
    '- Error of single patches: 12.5\u00a0% (95 % interval 2.2 to 47.1\u00a0%)',
    "npm run classify -- --model 'my yard.onnx' photo.jpg",
    'px = 80',
    "- Trained in the Teach view of Textura's page",
    '- Start: the model `lab-baseline`',
    '- Trained layers: the last one',
    '- Data: 40 patches to train',
    '1. `stone`',
  ])
    expect(card.split('\n')).toContain(line);
});

test('a file name with decomposed accents, as macOS writes it, gives the composed name', async () => {
  await writeFile(join(home, 'jardi\u0301n.onnx'), fileOf(1, check));
  expect(await exportTaught('jardi\u0301n.onnx', '--out', 'accents')).toMatchObject({ status: 0 });
  const index = await readFile(join(home, 'accents/index.json'), 'utf8');
  expect(modelIndexSchema.parse(JSON.parse(index)).models.map(({ name }) => name)).toEqual(['jard\u00edn']);
});

test('another file is rejected: without the outputs, with other parameters, or with an unusable name', async () => {
  await writeFile(join(home, 'old.onnx'), fileOf(1));
  expect(await exportTaught('old.onnx')).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(
      /old\.onnx: has no self-check .*npm run export wrote can be served .*train there again and download the file/,
    ),
  });
  await writeFile(join(home, 'other.onnx'), fileOf(2, check));
  expect(await exportTaught('other.onnx')).toMatchObject({
    status: 5,
    stderr: expect.stringContaining('its outputs differ from those of the page'),
  });
  await writeFile(join(home, 'unlabelled.onnx'), fileOf(1, check));
  expect(await exportTaught('unlabelled.onnx', '--precision', 'int8')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--precision: a file from Teach has no labelled patches'),
  });
  await writeFile(join(home, '#1.onnx'), fileOf(1, check));
  expect((await exportTaught('#1.onnx')).stderr).toContain('#1.onnx: rename it');
  await writeFile(join(home, 'yard.throughput.onnx'), fileOf(1, check));
  expect((await exportTaught('yard.throughput.onnx')).stderr).toContain('yard.throughput.onnx: rename it');
  expect((await exportTaught('.')).stderr).toContain('this is a folder; --taught takes the .onnx file');
  expect((await exportTaught('missing.onnx')).stderr).toContain('missing.onnx: there is no such file');
  expect(await exportTaught('old.onnx', '--run', 'runs/x')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--run, --taught and --study cannot be used together'),
  });
});
