/** Every route of the service but `POST /classify`, its metrics and its log. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelIndexSchema } from '../../model/model-file.ts';
import { modelListSchema } from '../../model/service.ts';
import { pngFile } from '../support/pictures.ts';
import {
  askService,
  exportModels,
  problemOf,
  type RunningService,
  runService,
} from '../support/running-service.ts';

let home: string;
let running: RunningService;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-routes-'));
  await exportModels(join(home, 'models'), [
    { variant: 'lab-baseline' },
    { variant: 'no-conv4-pool4', labels: ['a', 'b', 'c'] },
  ]);
  running = await runService(join(home, 'models'));
});

afterAll(async () => {
  await running.close();
  await rm(home, { recursive: true });
});

const ask = (path: string, init?: RequestInit) => askService(running, path, init);

test('GET /models lists the models and their files, which can be downloaded', async () => {
  const list = modelListSchema.parse((await ask('/models')).body);
  expect(list.models.map(({ name, labels, device }) => [name, labels.length, device])).toEqual([
    ['lab-baseline', 6, 'cpu'],
    ['no-conv4-pool4', 3, 'cpu'],
  ]);
  const response = await fetch(`${running.address}/models/lab-baseline.onnx`);
  const file = await readFile(join(home, 'models/lab-baseline.onnx'));
  expect(Buffer.from(await response.arrayBuffer()).equals(file)).toBe(true);
  const etag = response.headers.get('etag') ?? '';
  const statusWith = async (known: string) => {
    const headers = { 'If-None-Match': known };
    const again = await fetch(`${running.address}/models/lab-baseline.onnx`, { headers });
    await again.arrayBuffer();
    return again.status;
  };
  // A proxy that compresses makes a tag weak; a cache may have several.
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) expect(await statusWith(known)).toBe(304);
  expect(await statusWith('"other"')).toBe(200);
});

test('GET /models/index.json is the index that the page reads', async () => {
  const answer = await ask('/models/index.json');
  const { models } = modelIndexSchema.parse(answer.body);
  // The commands that the page shows if there is no model.
  expect(answer.headers.get('x-textura-commands')).toBe('npm run');
  expect(models.map(({ name, files }) => [name, files.throughput])).toEqual([
    ['lab-baseline', 'lab-baseline.throughput.onnx'],
    ['no-conv4-pool4', 'no-conv4-pool4.throughput.onnx'],
  ]);
});

test.each([
  '/models/other.onnx',
  '/models/..%2findex.json',
  '/models/index.json.tmp',
  '/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
])('GET %s is not found', async (path) => {
  expect(problemOf(await ask(path))).toMatchObject({ status: 404, code: 'model-not-found' });
});

test('GET /healthz and /readyz report a healthy service', async () => {
  expect(await ask('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await ask('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
});

test('an unknown route and a wrong method are reported', async () => {
  expect(problemOf(await ask('/other'))).toMatchObject({ status: 404, code: 'route-not-found' });
  const answer = await ask('/classify');
  expect(problemOf(answer)).toMatchObject({ status: 405, code: 'method-not-allowed' });
  expect(answer.headers.get('allow')).toBe('POST');
});

test('GET /metrics counts requests, stages, batches and classes', async () => {
  const body = new Uint8Array(await pngFile(1, 64, 64));
  const headers = { 'Content-Type': 'image/png' };
  await ask('/classify?model=no-conv4-pool4', { method: 'POST', body, headers });
  const text = await (await fetch(`${running.address}/metrics`)).text();
  for (const sample of [
    /textura_http_requests_total\{route="\/classify",method="POST",status="200"\} [1-9]/,
    /textura_stage_seconds_count\{stage="decode"\} [1-9]/,
    /textura_stage_seconds_count\{stage="queue"\} [1-9]/,
    /textura_stage_seconds_count\{stage="infer"\} [1-9]/,
    /textura_stage_seconds_count\{stage="serialise"\} [1-9]/,
    /textura_batch_patches_count\{model="no-conv4-pool4"\} [1-9]/,
    /textura_top_class_total\{model="no-conv4-pool4",label="[abc]"\} [1-9]/,
    /textura_top_probability_sum\{model="no-conv4-pool4"\} [0-9.]+/,
    /textura_model_changes_total\{model="no-conv4-pool4",change="loaded"\} 1/,
    /textura_images_in_flight 0/,
    /textura_upload_bytes 0/,
    /nodejs_eventloop_lag_p99_seconds/,
  ]) {
    expect(text).toMatch(sample);
  }
});

test('GET /metrics counts requests by the pattern of their route, and every other address together', async () => {
  for (const path of ['/models/no-such.onnx', '/models/nor-such.onnx', '/nothing', '/nor/this'])
    await ask(path);
  await fetch(`${running.address}/healthz`, { method: 'POST' });
  const text = await (await fetch(`${running.address}/metrics`)).text();
  const routes = new Set(
    [...text.matchAll(/^textura_http_requests_total\{route="([^"]*)"/gm)].map(([, at]) => at),
  );
  expect([...routes]).toEqual(expect.arrayContaining(['/models/:file', '/classify', 'other']));
  expect([...routes].filter((at) => /such|nothing|nor/.test(at ?? ''))).toEqual([]);
  expect(text).toMatch(/textura_http_requests_total\{route="\/healthz",method="POST",status="405"\} 1/);
});

test('the log has requests by id and nothing of their content', async () => {
  const bytes = await pngFile(12, 64, 64);
  const headers = { 'Content-Type': 'image/png', 'X-Request-Id': 'order-17' };
  await ask('/classify?model=no-conv4-pool4', { method: 'POST', body: new Uint8Array(bytes), headers });
  const record = JSON.parse(running.logged.find((line) => line.includes('order-17')) ?? '{}');
  expect(record).toMatchObject({ requestId: 'order-17', method: 'POST', path: '/classify', status: 200 });
  expect(Object.keys(record).sort()).toEqual([
    'hostname',
    'level',
    'method',
    'ms',
    'msg',
    'path',
    'pid',
    'requestId',
    'status',
    'time',
  ]);
});
