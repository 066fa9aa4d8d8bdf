import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { pythonEnvironment } from '../../bench/peer/interpreter.ts';
import { inferAnswerSchema, modelMetadataSchema, serverMetadataSchema } from '../../model/open-inference.ts';
import { patchBytes } from '../../model/patch.ts';
import { softmaxRows } from '../../model/scores.ts';
import { cacheFolder } from '../../node/cache-folder.ts';
import { runProgram } from '../../node/program.ts';
import { Model } from '../../serve/model.ts';
import { largestDifference } from '../support/onnx-session.ts';
import { randomPatches } from '../support/random-network.ts';
import { exportModels, type RunningService, runService } from '../support/running-service.ts';
import { tolerances } from '../tolerances.ts';

const classes = 6;
/** More than a batch, so that it is computed in two. */
const count = 35;
const patches = randomPatches(count, 5);

let home: string;
let running: RunningService;
let logits: Float32Array;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-protocol-'));
  await exportModels(home, [{ variant: 'lab-baseline' }]);
  running = await runService(home);
  const model = await Model.load(join(home, 'lab-baseline.onnx'));
  logits = (await model.run(patches)).logits;
  await model.close();
});
afterAll(async () => {
  await running.close();
  await rm(home, { recursive: true });
});

const infer = (
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  model = 'lab-baseline',
) => fetch(`${running.address}/v2/models/${model}/infer`, { method: 'POST', body, headers });
const image = (rows: number, data: unknown, others: object = {}) => ({
  inputs: [{ name: 'image', shape: [rows, 1, 64, 64], datatype: 'FP32', data, ...others }],
});

describe('the Open Inference Protocol', () => {
  test('describes the server and its models', async () => {
    const get = async (path: string) => (await fetch(`${running.address}/v2${path}`)).json();
    expect(serverMetadataSchema.parse(await get('')).extensions).toEqual(['binary_tensor_data']);
    const metadata = modelMetadataSchema.parse(await get('/models/lab-baseline'));
    expect(metadata.inputs).toEqual([{ name: 'image', datatype: 'FP32', shape: [-1, 1, 64, 64] }]);
    expect(metadata.outputs.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['probabilities', -1, classes],
      ['logits', -1, classes],
    ]);
    expect(await get('/models/lab-baseline/versions/1')).toEqual(metadata);
    expect(await get('/models/lab-baseline/ready')).toEqual({ name: 'lab-baseline', ready: true });
    expect(await get('/health/ready')).toEqual({ ready: true });
  });

  test('reads flat or nested JSON data, and returns the requested outputs', async () => {
    const two = patches.subarray(0, 2 * patchBytes);
    const flat = Array.from(two);
    const nested = [0, 1].map((n) => [
      Array.from({ length: 64 }, (_, y) =>
        flat.slice(n * patchBytes + y * 64, n * patchBytes + (y + 1) * 64),
      ),
    ]);
    for (const data of [flat, nested]) {
      const response = await infer(
        JSON.stringify({ id: 'a', ...image(2, data), outputs: [{ name: 'logits' }] }),
      );
      const answer = inferAnswerSchema.parse(await response.json());
      expect([answer.id, answer.model_name, answer.outputs.length, answer.outputs[0]?.shape]).toEqual([
        'a',
        'lab-baseline',
        1,
        [2, classes],
      ]);
      expect(largestDifference(answer.outputs[0]?.data ?? [], logits.subarray(0, 2 * classes))).toBeLessThan(
        tolerances.engineLogit,
      );
    }
  });

  test.each([
    ['no JSON', '{', /JSON/],
    ['no body', '', /^body: expected JSON, got 0 bytes$/],
    ['no patch', JSON.stringify(image(0, [])), /^image: there is no patch in it/],
    ['no input', '{"inputs": []}', /inputs/],
    [
      'another input',
      JSON.stringify({ inputs: [{ name: 'x', shape: [1], datatype: 'FP32', data: [1] }] }),
      /exactly one, named image, got x$/,
    ],
    [
      'another type',
      JSON.stringify({ inputs: [{ name: 'image', shape: [1, 1, 64, 64], datatype: 'UINT8', data: [] }] }),
      /FP32 \[N,1,64,64\], got UINT8 \[1,1,64,64\]$/,
    ],
    [
      'another shape',
      JSON.stringify({ inputs: [{ name: 'image', shape: [1, 64, 64, 1], datatype: 'FP32', data: [] }] }),
      /FP32 \[N,1,64,64\], got FP32 \[1,64,64,1\]$/,
    ],
    ['too few values', JSON.stringify(image(1, [1, 2, 3])), /4096 numbers, got 3/],
    [
      'values that are text',
      JSON.stringify(image(1, Array(4096).fill('1'))),
      /^image: has values that are not numbers$/,
    ],
    ['values that are not finite', JSON.stringify(image(1, Array(4096).fill(1e39))), /finite/],
    [
      'no inputs',
      JSON.stringify({ inputs: [] }),
      /^body: inputs: expected 1 entry or more, got a list of 0$/,
    ],
    ['no values', JSON.stringify(image(1, undefined)), /4096 numbers/],
    [
      'an unknown output',
      JSON.stringify({ ...image(1, Array(4096).fill(9)), outputs: [{ name: 'x' }] }),
      /probabilities or logits, got "x"$/,
    ],
  ])('a request with %s gets an error in the form of the protocol', async (_, body, message) => {
    const response = await infer(body);
    expect(response.status).toBe(400);
    const { error, code } = z
      .looseObject({ error: z.string(), code: z.string() })
      .parse(await response.json());
    expect(error).toMatch(message);
    expect(code).toBe('usage');
  });

  test('wrong tensor lengths are rejected', async () => {
    const json = (bytes: number) =>
      JSON.stringify(image(1, undefined, { parameters: { binary_data_size: bytes } }));
    const send = async (text: string, tail: number, announced = text.length) => {
      const body = new Uint8Array(Buffer.concat([Buffer.from(text), Buffer.alloc(tail)]));
      const length = { 'Inference-Header-Content-Length': String(announced) };
      const response = await infer(body, announced === 0 ? {} : length);
      const answer = z.looseObject({ error: z.string().optional() }).parse(await response.json());
      return `${response.status} ${answer.error}`;
    };
    const bytes = 4 * patchBytes;
    expect(await send(json(bytes), bytes)).toBe('200 undefined');
    expect(await send(json(bytes), bytes - 1)).toBe(
      '400 image: expected 16384 bytes after the JSON, got 16383',
    );
    expect(await send(json(bytes - 4), bytes)).toBe('400 image: binary_data_size: expected 16384, got 16380');
    expect(await send(json(2 ** 40), 8)).toMatch(/^400 image: binary_data_size: /);
    expect(await send(json(bytes), 0, 10_000)).toMatch(/^400 Inference-Header-Content-Length: larger than/);
    expect(await send(json(bytes), 0, -1)).toMatch(/^400 Inference-Header-Content-Length: expected a number/);
    expect(await send(json(bytes), 0, 0)).toMatch(/^400 Inference-Header-Content-Length: missing/);
  });

  test('too many patches are a 413, and an unknown model or version is a 404', async () => {
    expect((await infer(JSON.stringify(image(5000, [])))).status).toBe(413);
    expect((await infer('{}', {}, 'other')).status).toBe(404);
    expect((await fetch(`${running.address}/v2/models/lab-baseline/versions/2`)).status).toBe(404);
  });

  test("Triton's client gets the right results, binary and as JSON", {
    timeout: 300_000,
  }, async (context) => {
    const pathOf = (file: string) => fileURLToPath(new URL(`open-inference/${file}`, import.meta.url));
    const environment = await pythonEnvironment({
      purpose: 'tritonclient',
      requirements: pathOf('requirements.txt'),
      cache: cacheFolder(),
      withDependencies: true,
    });
    if ('missing' in environment) return context.skip(environment.missing);
    const file = join(home, 'patches.f32');
    await writeFile(file, Buffer.from(Float32Array.from(patches).buffer));
    const { host } = new URL(running.address);
    const { status, stdout, stderr } = await runProgram(environment.python, [
      pathOf('client.py'),
      host,
      'lab-baseline',
      String(count),
      file,
    ]);
    expect(status, stderr).toBe(0);
    const rows = z.array(z.array(z.number()));
    const outputs = z.strictObject({ logits: rows, probabilities: rows });
    const answers = z
      .looseObject({
        live: z.literal(true),
        ready: z.literal(true),
        modelReady: z.literal(true),
        binary: outputs,
        json: outputs,
        mixed: outputs,
        default: rows,
        fault: z.string(),
      })
      .parse(JSON.parse(stdout));
    for (const answer of [answers.binary, answers.json, answers.mixed]) {
      expect(largestDifference(answer.logits.flat(), logits)).toBeLessThan(tolerances.engineLogit);
      expect(largestDifference(answer.probabilities.flat(), softmaxRows(logits, classes))).toBeLessThan(
        tolerances.servedProbability,
      );
    }
    expect(answers.default).toEqual(answers.binary.probabilities);
    expect(answers.fault).toMatch(/^model \S+: not found; the service has lab-baseline$/);
  });
});
