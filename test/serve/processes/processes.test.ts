/** `npm run serve -- --processes 2`. Most tests share one service; the last one stops it. */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  invalidRequests,
  sendHostile,
  sendInvalid,
  sendValid,
  validRequests,
} from '../../../bench/soak-scenarios.ts';
import { modelIndexSchema } from '../../../model/model-file.ts';
import { modelListSchema } from '../../../model/service.ts';
import { isAlive } from '../../../node/process-life.ts';
import { Model } from '../../../serve/model.ts';
import { runScript } from '../../support/command.ts';
import { hostileLimits, hostileUploads } from '../../support/hostile-uploads.ts';
import { pngFile } from '../../support/pictures.ts';
import { exchangeRaw, statusesIn } from '../../support/raw-http.ts';
import { exportModels, runService } from '../../support/running-service.ts';
import { neverAccepted, startLoad, startService } from '../../support/started-service.ts';

type Started = Awaited<ReturnType<typeof startService>>;

const two = ['--processes', '2', '--device', 'cpu', '--inference-workers', '1', '--decode-threads', '1'];
const limits = Object.entries({
  '--max-image-pixels': hostileLimits.maxImagePixels,
  '--max-images': hostileLimits.maxImages,
  '--max-upload-bytes': hostileLimits.maxUploadBytes,
  '--headers-timeout-ms': 2000,
  '--reload-interval-ms': 500,
  '--drain-ms': 300,
}).flatMap(([flag, value]) => [flag, String(value)]);

// A start or a check of a model takes half a minute on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });
const patient = { timeout: 90_000 };

let home: string;
let service: Started;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-processes-'));
  await exportModels(join(home, 'models'), [{ variant: 'lab-baseline', width: 0.2 }]);
  await exportModels(join(home, 'next'), [{ variant: 'lab-baseline', width: 0.3 }]);
  service = await startService(['--models', 'models', ...two, ...limits], { cwd: home });
});
afterAll(() => rm(home, { recursive: true }));

/** A request on a connection of its own: successive ones reach different processes. */
const get = (path: string) =>
  fetch(`${service.address}${path}`, { headers: { Connection: 'close' } }).then((response) =>
    response.text(),
  );
const metric = async (name: string) => {
  const text = await get('/metrics');
  const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  expect(lines.length, name).toBeGreaterThan(0);
  return lines.reduce((sum, [, value]) => sum + Number(value), 0);
};
const childrenOf = (pid: number | undefined) =>
  execFileSync('pgrep', ['-P', String(pid), '-f', 'service-process'])
    .toString()
    .trim()
    .split('\n')
    .map(Number);
/** Adds to a failed expectation what the service has logged about more than requests. */
const withLog = (error: Error) => {
  const lines = messages(/^(?!request$)/).map(({ time, process, msg }) => `${time} ${process} ${msg}`);
  throw new Error([error.message, ...lines].join('\n'), { cause: error });
};
const messages = (wanted: RegExp) => service.records.filter(({ msg }) => wanted.test(String(msg)));

test('the address, the readiness and the models that both processes load are logged once', async () => {
  expect(messages(/^listening$/)).toMatchObject([{ processes: 2 }]);
  expect(messages(/^ready$/)).toMatchObject([{ models: ['lab-baseline'] }]);
  expect(await metric('textura_processes')).toBe(2);
  expect(messages(/loaded on cpu/)).toHaveLength(1);
  expect(await metric('textura_model_changes_total')).toBe(1);
});

test('the answers are those of one process, byte for byte, and the metrics count both processes', async () => {
  const single = await runService(join(home, 'models'));
  onTestFinished(single.close);
  const pictures = [await pngFile(1, 64, 64), await pngFile(2, 333, 222), await pngFile(3, 70, 66)];
  const before = await metric('textura_images_inferred_total').catch(() => 0);
  const resultsOf = async (address: string, picture: Buffer) => {
    const body = new Uint8Array(picture);
    const headers = { Connection: 'close' };
    const answer = await (await fetch(`${address}/classify`, { method: 'POST', body, headers })).text();
    return answer.slice(0, answer.indexOf('"timings"'));
  };
  for (const picture of pictures) {
    const expected = await resultsOf(single.address, picture);
    expect(expected).toContain('"predictions":[{"label":');
    // Twice, so that each process answers.
    for (let turn = 0; turn < 2; turn++) expect(await resultsOf(service.address, picture)).toBe(expected);
  }
  expect((await metric('textura_images_inferred_total')) - before).toBe(2 * pictures.length);
  await expect
    .poll(() => messages(/^request$/).filter(({ path }) => path === '/classify').length)
    .toBe(2 * pictures.length);
  const answering = messages(/^request$/).filter(({ path }) => path === '/classify');
  expect(answering.filter(({ process: number }) => number === 1)).toHaveLength(pictures.length);
});

describe('hostile requests', () => {
  hostileUploads({
    address: () => service.address,
    memoryBytes: () => metric('process_resident_memory_bytes'),
    mutations: { files: 30, json: 10 },
  });

  test('headers that never end time out', async () => {
    const answer = await exchangeRaw(
      service.address,
      ['GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: '],
      10_000,
    );
    expect(statusesIn(answer)).toEqual([408]);
  });
});

test('the requests of the soak are answered as expected', async () => {
  const model = await Model.load(join(home, 'models/lab-baseline.onnx'));
  onTestFinished(() => model.close());
  const valid = await validRequests([model]);
  const [first] = valid;
  if (first === undefined) throw new Error('no valid request');
  const sent = valid.map((request, turn) => sendValid(service.address, request, turn));
  expect(await Promise.all(sent)).toEqual(valid.map(() => 'correct'));
  await Promise.all([0, 1, 2, 3, 4, 5].map((turn) => sendHostile(service.address, first.bytes, turn)));
  for (const [i, request] of (await invalidRequests(first.bytes)).entries())
    expect(await sendInvalid(service.address, request), `invalid request ${i}`).toBe('correct');
});

test('a replaced model replaces it in both processes under load, and no answer fails', async () => {
  const load = startLoad(service.address, await pngFile(1, 64, 64), 4);
  const servedBy = async () =>
    modelListSchema.parse(JSON.parse(await get('/models'))).models.map(({ sha256 }) => sha256);
  const index = await readFile(join(home, 'next/index.json'), 'utf8');
  const next = modelIndexSchema.parse(JSON.parse(index)).models.map(({ sha256 }) => sha256);
  expect(await servedBy()).not.toEqual(next);
  await cp(join(home, 'next'), join(home, 'models'), { recursive: true });
  // A scan during the copy sees one file of the model replaced, and the next scan the others.
  await expect
    .poll(async () => [await servedBy(), await servedBy()], patient)
    .toEqual([next, next])
    .catch(withLog);
  // Once for each change, not for each process. Every process buffers its log for a moment.
  const changes = await metric('textura_model_changes_total\\{model="lab-baseline",change="replaced"\\}');
  expect(changes).toBeGreaterThan(0);
  const logged = () => messages(/replaced on cpu/).length;
  await expect.poll(logged, patient).toBeGreaterThanOrEqual(changes);
  await sleep(500);
  expect(logged()).toBe(changes);
  await load.end();
  expect(new Set(load.outcomes)).toEqual(new Set(['200']));
});

test('a damaged file of a model that passed is refused, which is logged once with the reason', async () => {
  const path = join(home, 'models/lab-baseline.onnx');
  const whole = await readFile(path);
  // A scan may have seen the copy of the previous test half done.
  const before = messages(/refused/).length;
  await writeFile(path, Buffer.from(whole).fill(0, whole.length >> 1, (whole.length >> 1) + 400));
  const refused = () =>
    messages(/refused/)
      .slice(before)
      .map(({ msg }) => msg);
  await expect.poll(() => refused().length, patient).toBeGreaterThanOrEqual(1);
  // The other process, and two more attempts.
  await sleep(4000);
  await writeFile(path, whole);
  const fault = 'lab-baseline: refused: lab-baseline.onnx: its SHA-256 is not the one in its report';
  expect(refused()).toEqual([`${fault}; the previous version still answers`]);
});

test('a killed process fails only its own requests, is replaced and counted, and no counter falls', async () => {
  const answered = 'textura_http_requests_total\\{route="/classify",method="POST",status="200"\\}';
  const load = startLoad(service.address, await pngFile(1, 64, 64), 6);
  const before = await metric(answered);
  const [victim = 0, other = 0] = childrenOf(service.child.pid);
  process.kill(victim, 'SIGKILL');
  await expect.poll(() => messages(/a process was lost/).length, patient).toBe(1);
  expect(messages(/a process was lost/)).toMatchObject([{ pid: victim, end: 'SIGKILL', process: 1 }]);
  // Meanwhile the other one answers.
  const atLoss = load.outcomes.length;
  await expect.poll(() => load.outcomes.length, patient).toBeGreaterThan(atLoss + 20);
  expect(await get('/readyz')).toBe('{"status":"ready"}');
  await expect.poll(() => metric('textura_processes'), patient).toBe(2);
  await load.end();
  const failed = load.outcomes.filter((outcome) => outcome !== '200');
  expect(failed.filter((outcome) => outcome !== 'UND_ERR_SOCKET' && outcome !== 'ECONNRESET')).toEqual([]);
  expect(failed.length).toBeLessThanOrEqual(6);
  expect(await metric('textura_lost_processes_total')).toBe(1);
  expect(await metric(answered)).toBeGreaterThanOrEqual(before);
  const now = childrenOf(service.child.pid);
  expect(now).toContain(other);
  expect(now).not.toContain(victim);
});

test('SIGTERM under load: every accepted request is answered, and all processes end', async () => {
  const processes = childrenOf(service.child.pid);
  const load = startLoad(service.address, await pngFile(1, 64, 64), 6);
  await expect.poll(() => load.outcomes.length, patient).toBeGreaterThan(20);
  const clients = load.untilStopped();
  service.child.kill('SIGTERM');
  expect(await service.ended).toEqual({ status: 0, errors: '' });
  await clients;
  const answered = load.outcomes.filter((outcome) => outcome === '200');
  const others = load.outcomes.filter((outcome) => outcome !== '200');
  expect(others.filter((outcome) => !neverAccepted.includes(outcome))).toEqual([]);
  const logged = service.records.filter(({ requestId }) => requestId === load.id);
  expect(logged.map((record) => record.status)).toEqual(answered.map(Number));
  expect(service.records.at(-1)?.msg).toBe('stopped; every accepted request was answered');
  expect(processes.filter(isAlive)).toEqual([]);
});

test('a port in use is reported once', async () => {
  const running = await startService(['--models', 'none', ...two], { cwd: home }, /no such folder/);
  onTestFinished(() => void running.child.kill('SIGKILL'));
  const { port } = new URL(running.address);
  const taken = await runScript('serve/serve.ts', ['--port', port, ...two], { cwd: home });
  expect([taken.status, taken.stdout, taken.stderr]).toEqual([
    2,
    '',
    `serve: --host 127.0.0.1 --port ${port}: cannot listen: the port is in use\n`,
  ]);
  // Without models it is not ready, which is said once, and without the primary process no other remains.
  expect((await fetch(`${running.address}/readyz`)).status).toBe(503);
  expect(running.records.filter(({ msg }) => /no such folder/.test(String(msg)))).toHaveLength(1);
  const processes = childrenOf(running.child.pid);
  expect(processes).toHaveLength(2);
  running.child.kill('SIGKILL');
  await expect.poll(() => processes.filter(isAlive), patient).toEqual([]);
});
