import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { modelIndexSchema, modelReportSchema } from '../../model/model-file.ts';
import { classifiedPatches } from '../../model/patch.ts';
import { meanRow, softmaxRows } from '../../model/scores.ts';
import { classifyAnswerSchema, type ModelList, modelListSchema } from '../../model/service.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { classify } from '../../serve/classification.ts';
import { Model } from '../../serve/model.ts';
import { SandboxCheck } from '../../serve/registry/sandbox-check.ts';
import { pngFile } from '../support/pictures.ts';
import { exportModels, type RunningService, runService } from '../support/running-service.ts';
import { replaceFile } from '../support/tampered-model.ts';
import { overconfidentValidation, sixTextures } from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

let exported: { readonly first: string; readonly second: string };
let folder: string;
let running: RunningService;
let picture: Buffer;

beforeAll(async () => {
  const made = await mkdtemp(join(tmpdir(), 'textura-models-'));
  exported = { first: join(made, 'first'), second: join(made, 'second') };
  await exportModels(exported.first, [{ variant: 'lab-baseline', seed: 7 }]);
  await exportModels(exported.second, [{ variant: 'lab-baseline', seed: 8 }]);
  picture = await pngFile(1, 70, 66);
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'textura-registry-'));
});
afterEach(async () => {
  await running.close();
  await rm(folder, { recursive: true });
});

const lay = (from: string) => cp(from, folder, { recursive: true });
const look = () => running.service.registry.refresh();
const notes = () => running.logged.map((line) => JSON.parse(line).msg as string);
const list = async (): Promise<ModelList> =>
  modelListSchema.parse(await (await fetch(`${running.address}/models`)).json());
const ask = async () => {
  const headers = { 'Content-Type': 'image/png' };
  const response = await fetch(`${running.address}/classify`, {
    method: 'POST',
    body: new Uint8Array(picture),
    headers,
  });
  return {
    status: response.status,
    answer: response.ok ? classifyAnswerSchema.parse(await response.json()) : undefined,
  };
};
const hashOf = async (from: string) =>
  modelIndexSchema.parse(JSON.parse(await readFile(join(from, 'index.json'), 'utf8'))).models[0]?.sha256;

test('a page that is opened while the models are loaded gets them all', async () => {
  await lay(exported.first);
  let index: Promise<Response> | undefined;
  running = await runService(folder, {}, {}, undefined, undefined, (address) => {
    index = fetch(`${address}/models/index.json`);
  });
  const { models } = modelIndexSchema.parse(await (await index)?.json());
  expect(models.map(({ name }) => name)).toEqual(['lab-baseline']);
});

test('a model answers from when it enters the folder until it leaves the index', async () => {
  running = await runService(folder);
  expect((await fetch(`${running.address}/readyz`)).status).toBe(503);
  expect((await ask()).status).toBe(404);
  await lay(exported.first);
  await look();
  expect(() => running.service.registry.lease('other')).toThrow(
    'model other: not found; the service has lab-baseline',
  );
  expect((await fetch(`${running.address}/readyz`)).status).toBe(200);
  expect((await ask()).answer?.model.sha256).toBe(await hashOf(exported.first));
  await writeFile(join(folder, 'index.json'), '{"models": []}');
  await look();
  expect((await list()).models).toEqual([]);
  expect((await ask()).status).toBe(404);
  expect(notes()).toContain('lab-baseline: no longer listed in index.json');
});

test('the default model loads first, so that no other one answers in its place meanwhile', async () => {
  await exportModels(folder, [
    { variant: 'lab-baseline', seed: 7 },
    { variant: 'reference', width: 0.1, seed: 7 },
  ]);
  running = await runService(folder);
  expect(notes().filter((note) => note.includes('loaded'))).toEqual([
    'reference: loaded on cpu',
    'lab-baseline: loaded on cpu',
  ]);
});

test('a changed model takes over under load, and no request is dropped or mixed', async () => {
  await lay(exported.first);
  running = await runService(folder);
  const [first, second] = [await hashOf(exported.first), await hashOf(exported.second)];
  const before = (await ask()).answer;
  let isOver = false;
  const answers: Awaited<ReturnType<typeof ask>>[] = [];
  const client = async () => {
    while (!isOver) answers.push(await ask());
  };
  const clients = [client(), client(), client()];
  await lay(exported.second);
  await look();
  const after = (await ask()).answer;
  isOver = true;
  await Promise.all(clients);
  expect([before?.model.sha256, after?.model.sha256]).toEqual([first, second]);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  const top = (hash: string | undefined) =>
    new Set(
      answers.flatMap(({ answer }) =>
        answer?.model.sha256 === hash ? (answer?.results[0]?.predictions[0]?.label ?? []) : [],
      ),
    );
  expect(top(first)).toEqual(new Set([before?.results[0]?.predictions[0]?.label]));
  expect(notes()).toContain('lab-baseline: replaced on cpu');
});

test('a broken file is rejected and logged once, and the previous version still answers', async () => {
  await lay(exported.first);
  running = await runService(folder);
  const before = await ask();
  const path = join(folder, 'lab-baseline.onnx');
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, whole.length / 2));
  await look();
  await look();
  expect((await ask()).answer?.results).toEqual(before.answer?.results);
  const levels = running.logged.map((line) => JSON.parse(line) as { level: number; msg: string });
  expect(levels.find(({ msg }) => msg.includes('refused'))?.level, 'warn').toBe(40);
  expect(levels.find(({ msg }) => msg.includes('loaded'))?.level, 'info').toBe(30);
  const refusals = notes().filter((note) => note.includes('refused'));
  expect(refusals).toHaveLength(1);
  expect(refusals[0]).toMatch(
    /^lab-baseline: refused: lab-baseline\.onnx: .*SHA-256.*the previous version still answers$/,
  );
  expect((await fetch(`${running.address}/models/lab-baseline.onnx`)).status).toBe(503);
  await writeFile(path, whole);
  await look();
  expect((await fetch(`${running.address}/models/lab-baseline.onnx`)).status).toBe(200);
});

test('a refused model is tried again, because the fault may have been one of the machine', async () => {
  const crash = { passed: false, code: 'model-unusable', message: 'the sandbox process crashed' } as const;
  vi.spyOn(SandboxCheck.prototype, 'answer').mockResolvedValueOnce(crash);
  await lay(exported.first);
  running = await runService(folder);
  const names = async () => (await list()).models.map(({ name }) => name);
  expect(await names()).toEqual([]);
  await look();
  expect(await names(), 'not at once').toEqual([]);
  await expect.poll(() => look().then(names)).toEqual(['lab-baseline']);
  expect(notes().filter((note) => note.includes('refused'))).toHaveLength(1);
});

test('a refused model that leaves the index and comes back is checked at once and logged again', async () => {
  await lay(exported.first);
  await writeFile(join(folder, 'lab-baseline.onnx'), 'damaged');
  running = await runService(folder);
  const path = join(folder, 'index.json');
  const index = await readFile(path, 'utf8');
  for (const text of ['{"models": []}', index]) {
    await writeFile(path, text);
    await look();
  }
  expect(notes().filter((note) => note.includes('refused'))).toHaveLength(2);
});

test('a file whose outputs differ from its report is rejected with the difference', async () => {
  await lay(exported.first);
  await replaceFile(folder, 'lab-baseline', await readFile(join(exported.second, 'lab-baseline.onnx')));
  running = await runService(folder);
  expect((await list()).models).toEqual([]);
  expect(notes().join()).toMatch(
    /refused: lab-baseline\.onnx: self-check failed: probabilities differ from the report by 0\.\d+ \(allowed 0\.0001\)/,
  );
});

const badIndexes: readonly (readonly [what: string, change: (index: string) => string])[] = [
  ['a path out of the folder', (index) => index.replace('"lab-baseline.onnx"', '"../lab-baseline.onnx"')],
  ['an absolute path', (index) => index.replace('"lab-baseline.onnx"', '"/etc/passwd"')],
  ['a name that is none', (index) => index.replace('"name": "lab-baseline"', '"name": "../x"')],
  ['a missing report', (index) => index.replace('lab-baseline.report.json', 'other.report.json')],
  ['nothing but a part of it', (index) => index.slice(0, 100)],
  ['another shape', () => '{"models": {}}'],
];

test('models answer while their folder is gone, as a network drive for a moment or during a copy', async () => {
  await lay(exported.first);
  running = await runService(folder);
  await rm(folder, { recursive: true });
  for (let scan = 0; scan < 2; scan++) await look();
  expect((await ask()).status).toBe(200);
  const refusals = () => notes().filter((note) => note.includes('refused'));
  expect(refusals()).toEqual(['index.json: refused: cannot be read; the loaded models still answer']);
  await lay(exported.second);
  await look();
  expect((await ask()).answer?.model.sha256).toBe(await hashOf(exported.second));
});

test('an index with paths, invalid names or missing parts gives no model and harms nothing', async () => {
  running = await runService(folder);
  await lay(exported.first);
  const path = join(folder, 'index.json');
  const good = await readFile(path, 'utf8');
  for (const [i, [what, change]] of badIndexes.entries()) {
    await writeFile(path, change(good));
    await look();
    expect([what, (await list()).models]).toEqual([what, []]);
    expect([what, (await ask()).status]).toEqual([what, 404]);
    const refusals = notes().filter((note) => note.includes('refused'));
    expect([what, refusals.length]).toEqual([what, i + 1]);
  }
  await writeFile(path, good);
  await look();
  expect((await list()).models).toHaveLength(1);
  const [withoutReport = '', , ofAnotherShape = ''] = badIndexes.slice(3).map(([, change]) => change(good));
  for (const index of [withoutReport, good, withoutReport, good, ofAnotherShape]) {
    await writeFile(path, index);
    await look();
  }
  expect(notes().at(-1)).toMatch(/^index\.json: refused: models: .*; the loaded models still answer$/);
  const refusals = notes().filter((note) => note.includes('refused'));
  expect(refusals, 'a fault that comes back is logged again').toHaveLength(badIndexes.length + 3);
});

test('a model that the index lists twice is refused and logged once', async () => {
  await lay(exported.first);
  running = await runService(folder);
  const path = join(folder, 'index.json');
  const { models } = modelIndexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  await writeFile(path, JSON.stringify({ models: [...models, ...models] }));
  for (let scan = 0; scan < 3; scan++) await look();
  expect((await ask()).status).toBe(200);
  expect(notes().filter((note) => note.includes('refused'))).toEqual([
    'lab-baseline: refused: index.json: lab-baseline is listed twice; the previous version still answers',
  ]);
});

test('a report without its self-check is rejected', async () => {
  await lay(exported.first);
  const path = join(folder, 'lab-baseline.report.json');
  const report = modelReportSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  await writeFile(path, JSON.stringify({ ...report, selfCheck: [] }));
  running = await runService(folder);
  expect((await list()).models).toEqual([]);
});

test('a failed scan is logged, and later scans continue', async () => {
  await lay(exported.first);
  running = await runService(folder);
  await writeFile(join(folder, 'index.json'), '{"models": []}');
  vi.spyOn(running.service.metrics, 'countModelChange').mockImplementationOnce(() => {
    throw new Error('no counter');
  });
  await look();
  expect(notes()).toContain('scanning the models failed: no counter');
  await lay(exported.second);
  await look();
  expect((await ask()).answer?.model.sha256).toBe(await hashOf(exported.second));
});

test('a model of an older export with known scores and only a throughput file answers without `known`', async () => {
  await lay(exported.first);
  const path = join(folder, 'index.json');
  const index = modelIndexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const models = index.models.map(({ files: { throughput = '' }, ...entry }) => ({
    ...entry,
    files: { throughput },
    threshold: { photograph: 0.5, patch: 0.5 },
  }));
  await writeFile(path, JSON.stringify({ models }));
  await rm(join(folder, 'lab-baseline.onnx'));
  running = await runService(folder);
  const [result] = (await ask()).answer?.results ?? [];
  expect(result?.predictions).toHaveLength(5);
  expect(result).not.toHaveProperty('known');
});

test('a model with temperatures answers with them, and is refused if the index has others', async () => {
  await exportModels(folder, [
    { variant: 'lab-baseline', labels: sixTextures, validation: overconfidentValidation(6) },
  ]);
  running = await runService(folder);
  const model = await Model.load(join(folder, 'lab-baseline.onnx'));
  try {
    const { patch, photograph } = model.temperatures;
    // 70x66 pixels have 2 x 2 patches.
    const image = await decodeImage(picture, 'picture');
    const { logits } = await model.run(classifiedPatches(image, 64, 'auto'));
    const labels: readonly string[] = sixTextures;
    const expected = softmaxRows(
      meanRow(logits, 6).map((logit) => logit / photograph),
      6,
    );
    const { predictions = [] } = (await ask()).answer?.results[0] ?? {};
    expect(photograph).not.toBe(1);
    for (const { label, probability } of predictions) {
      const own = expected[labels.indexOf(label)] ?? Number.NaN;
      expect(Math.abs(probability - own)).toBeLessThan(tolerances.servedProbability);
    }
    expect(predictions).toHaveLength(5);
    const served = await classify(model, image, { crops: 'center', top: 1 });
    const { logits: centre } = await model.run(classifiedPatches(image, 64, 'center'));
    const alone = softmaxRows(
      centre.map((logit) => logit / patch),
      6,
    );
    expect(served.predictions[0]?.probability).toBeCloseTo(Math.max(...alone), 6);
  } finally {
    await model.close();
  }
  const path = join(folder, 'index.json');
  const index = modelIndexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const models = index.models.map((entry) => ({ ...entry, temperatures: { patch: 1, photograph: 1 } }));
  await writeFile(path, JSON.stringify({ models }));
  await look();
  expect(notes().at(-1)).toContain('its temperatures differ from those in the index');
});
