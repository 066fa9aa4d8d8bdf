import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classifyAnswerSchema, problemSchema } from '../../model/service.ts';
import type { Batcher } from '../../serve/inference/batcher.ts';
import { ServiceClassifier } from '../../serve/inference/classifier.ts';
import type { PreparationPool } from '../../serve/inference/preparation-pool.ts';
import { Metrics } from '../../serve/metrics.ts';
import type { ServedModel } from '../../serve/registry/registry.ts';
import type { ServeOptions } from '../../serve/settings.ts';
import { pngFile } from '../support/pictures.ts';
import { exchangeRaw, statusesIn } from '../support/raw-http.ts';
import { exportModels, type RunningService, runService } from '../support/running-service.ts';

let home: string;
let running: RunningService;
let small: Buffer;
let large: Buffer;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-overload-'));
  await exportModels(home, [{ variant: 'lab-baseline' }]);
  small = await pngFile(1, 64, 64);
  large = await pngFile(2, 333, 222);
});
afterAll(() => rm(home, { recursive: true }));

/** One service for all tests of a group. */
function serving(options: Partial<ServeOptions>, environment: Record<string, string> = {}): void {
  beforeAll(async () => {
    running = await runService(home, options, environment);
  });
  afterAll(() => running.close());
}
const send = (bytes: Uint8Array, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${running.address}/classify`, {
    method: 'POST',
    body: new Uint8Array(bytes),
    headers: { 'Content-Type': 'image/png', ...headers },
    ...(signal === undefined ? {} : { signal }),
  });
const metric = async (name: string) => {
  const text = await (await fetch(`${running.address}/metrics`)).text();
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
};

describe('with room for twelve images', () => {
  serving({ queueImages: 12, trustProxyHops: 1 });

  test('too many images get 503 with Retry-After, the others correct results', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => send(large)));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(problemSchema.parse(await answer.json()).code).toBe('overloaded');
    }
    const good = answers.filter(({ status }) => status === 200);
    expect(good.length).toBeGreaterThanOrEqual(12);
    expect(good.length + refused.length).toBe(60);
    const bodies = await Promise.all(
      good.map(async (answer) => classifyAnswerSchema.parse(await answer.json())),
    );
    expect(new Set(bodies.map(({ results }) => results[0]?.predictions[0]?.label)).size).toBe(1);
    expect(await metric('textura_images_in_flight')).toBe(0);
  });

  test('a client with many requests makes room for one with few', async () => {
    const greedy = Array.from({ length: 40 }, () => send(large, { 'X-Forwarded-For': '192.0.2.1' }));
    await expect.poll(() => running.service.classifier.admitted, { interval: 2 }).toBe(12);
    const modest = await send(small, { 'X-Forwarded-For': '192.0.2.2' });
    expect(modest.status).toBe(200);
    const statuses = (await Promise.all(greedy)).map(({ status }) => status);
    expect(statuses).toContain(503);
  });
});

describe('with ordinary limits', () => {
  serving({ maxBufferedBytes: 40_000_000 });

  test('the work of disconnected clients is never computed', async () => {
    const before = await metric('textura_images_inferred_total');
    const leaving = new AbortController();
    const requests = Array.from({ length: 100 }, () =>
      send(large, {}, leaving.signal).catch(() => undefined),
    );
    await expect.poll(() => running.service.classifier.admitted, { interval: 2 }).toBeGreaterThan(30);
    leaving.abort();
    await Promise.all(requests);
    await expect.poll(() => metric('textura_images_in_flight'), { timeout: 10_000 }).toBe(0);
    const inferred = (await metric('textura_images_inferred_total')) - before;
    expect(inferred).toBeLessThan(90);
    expect(await metric('textura_images_abandoned_total')).toBeGreaterThan(10);
    expect(await metric('textura_upload_bytes')).toBe(0);
    expect((await send(small)).status).toBe(200);
  });

  test('the health check answers while forty pictures of fifteen patches are computed', async () => {
    const work = Promise.all(Array.from({ length: 40 }, () => send(large)));
    const times: number[] = [];
    let isWorking = true;
    work.finally(() => {
      isWorking = false;
    });
    while (isWorking) {
      const begin = performance.now();
      expect((await fetch(`${running.address}/healthz`)).status).toBe(200);
      times.push(performance.now() - begin);
      await sleep(5);
    }
    expect((await work).every(({ status }) => status === 200)).toBe(true);
    // Half of them: while other tests run, the slowest responses depend on the machine's load.
    expect(times.sort((a, b) => a - b)[Math.floor(times.length / 2)]).toBeLessThan(50);
  });

  test('an upload budget that is never released makes the service not ready', async () => {
    const statusOf = async (path: string) => (await fetch(`${running.address}${path}`)).status;
    const lost = running.service.uploads.budget.open(performance.now() - 3_600_000);
    lost.take(30_000_000);
    expect([await statusOf('/readyz'), await statusOf('/v2/health/ready')]).toEqual([503, 503]);
    expect(await statusOf('/healthz')).toBe(200);
    lost.release();
    expect([await statusOf('/readyz'), await statusOf('/v2/health/ready')]).toEqual([200, 200]);
  });

  test('there is no CORS', async () => {
    const headers = { Origin: 'https://example.org' };
    const answer = await fetch(`${running.address}/models`, { headers });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('with short time limits for bodies, and little memory', () => {
  // Node's own time limit comes after them: it would answer a second time.
  serving({ uploadStallMs: 200, uploadTimeoutMs: 400, headersTimeoutMs: 300, maxBufferedBytes: 4000 });

  test('a body that stops half-way times out and its memory is freed', async () => {
    const head = `POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: ${small.length}\r\n\r\n`;
    const answer = await exchangeRaw(running.address, [head, small.subarray(0, 500)]);
    expect(statusesIn(answer)).toEqual([408]);
    expect(answer).toContain('"code":"upload-timeout"');
    expect(await metric('textura_upload_bytes')).toBe(0);
  });

  test('a body that trickles times out', async () => {
    const head =
      'POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { hostname, port } = new URL(running.address);
    const socket = connect(Number(port), hostname);
    socket.write(head);
    const drip = setInterval(() => socket.write('1\r\nx\r\n'), 50);
    let answer = '';
    await new Promise<void>((resolve) => {
      socket.on('error', () => resolve()).on('close', () => resolve());
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
      });
    });
    clearInterval(drip);
    expect(statusesIn(answer)).toEqual([408]);
    expect(await metric('textura_upload_bytes')).toBe(0);
  });

  test('an upload above the budget of all uploads, which would never succeed, gets 413', async () => {
    const answer = await send(large);
    expect(answer.status).toBe(413);
    expect(await metric('textura_upload_bytes')).toBe(0);
  });
});

describe('with time limits for headers and answers', () => {
  serving({ deadlineMs: 1, headersTimeoutMs: 300 });

  test('a request past its deadline is a 504', async () => {
    const answer = await send(large);
    expect(answer.status).toBe(504);
    expect(problemSchema.parse(await answer.json()).code).toBe('deadline-exceeded');
  });

  test('headers that never end time out', async () => {
    const answer = await exchangeRaw(running.address, ['GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: '], 5000);
    expect(statusesIn(answer)).toEqual([408]);
  });
});

describe('with a key and an origin', () => {
  serving({ allowOrigin: 'https://example.org' }, { TEXTURA_API_KEY: 'sixteen létters!\n' });

  test('requests without the key are rejected, and it may have spaces and any letters', async () => {
    expect((await send(small)).status).toBe(401);
    // As curl sends it.
    const key = Buffer.from('sixteen létters!').toString('latin1');
    expect((await send(small, { 'X-API-Key': 'sixteen letters!' })).status).toBe(401);
    expect((await send(small, { Authorization: 'Bearer sixteen' })).status).toBe(401);
    expect((await send(small, { 'X-API-Key': key })).status).toBe(200);
    expect((await send(small, { Authorization: `Bearer ${key}` })).status).toBe(200);
    expect((await fetch(`${running.address}/models`)).headers.get('www-authenticate')).toBe('Bearer');
    expect((await fetch(`${running.address}/healthz`)).status).toBe(200);
  });

  test('a preflight request needs no key', async () => {
    const headers = { Origin: 'https://example.org' };
    const preflight = await fetch(`${running.address}/classify`, { method: 'OPTIONS', headers });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://example.org',
    ]);
    const allowed = preflight.headers.get('access-control-allow-headers')?.split(', ');
    expect(allowed).toEqual(expect.arrayContaining(['X-API-Key', 'Inference-Header-Content-Length']));
  });
});

test('a request for which there is no room evicts no others in vain', async () => {
  const untilAborted = (_client: string, _image: unknown, signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const preparation = { prepare: untilAborted } as unknown as PreparationPool;
  const settings = { queueImages: 4, deadlineMs: 60_000, maxImagePixels: 1e6 };
  const classifier = new ServiceClassifier(preparation, {} as Batcher, settings, new Metrics().events);
  const model = { input: { patchPx: 64 } } as ServedModel;
  const leaving = new AbortController();
  const ask = (client: string, images: number) => {
    const files = Array.from({ length: images }, () => new Uint8Array(1));
    const { signal } = leaving;
    return classifier.classify({ client, model, images: files, crops: 'auto', top: 1, signal });
  };
  const outcomes = Promise.allSettled([ask('busy', 1), ask('busy', 1), ask('busy', 1)]);
  await expect(ask('greedy', 4)).rejects.toMatchObject({ code: 'overloaded' });
  // There is never room for it: the client must not try again.
  await expect(ask('greedy', 5)).rejects.toMatchObject({ code: 'image-too-large' });
  expect(classifier.admitted).toBe(3);
  const modest = ask('modest', 2);
  leaving.abort('left');
  await expect(modest).rejects.toBe('left');
  const reasons = (await outcomes).map((outcome) => 'reason' in outcome && outcome.reason);
  expect(reasons).toEqual(['left', 'left', expect.objectContaining({ code: 'overloaded' })]);
});
