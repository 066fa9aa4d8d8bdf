import { connect } from 'node:net';
import express from 'express';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { problemSchema } from '../../model/service.ts';
import { uploadRoute } from '../../serve/http/body.ts';
import { beginExchange, sendJson } from '../../serve/http/exchange.ts';
import { answerProblem } from '../../serve/http/problem.ts';
import { readImages } from '../../serve/http/request-images.ts';
import { listen, type RunningServer } from '../../serve/http/server.ts';
import { PreparationPool } from '../../serve/inference/preparation-pool.ts';
import { Metrics } from '../../serve/metrics.ts';
import { resolveSettings, serveOptions } from '../../serve/settings.ts';
import { BodyBudget, type BudgetSettings, requestTimeoutMs } from '../../serve/upload-budget.ts';
import { exchangeRaw, statusesIn } from '../support/raw-http.ts';

const maxUploadBytes = 200_000;
const settings = resolveSettings(
  serveOptions.parse({
    port: 0,
    drainMs: 0,
    maxUploadBytes,
    maxImages: 16,
    maxBufferedBytes: 1_000_000,
    uploadTimeoutMs: 1000,
    deadlineMs: 500,
  }),
  {},
);

let budget: BodyBudget;
let preparation: PreparationPool;
let server: RunningServer;

beforeAll(async () => {
  budget = new BodyBudget(settings);
  preparation = new PreparationPool(1);
  const log = pino({ level: 'silent' });
  const uploads = { limits: settings, budget };
  const app = express();
  app.use(beginExchange(new Metrics(), log));
  app.post(
    '/images',
    uploadRoute(uploads, async (upload) => {
      const images = await readImages(upload, preparation);
      sendJson(upload.response, { images: images.map(({ length }) => length) });
    }),
  );
  app.post(
    '/never',
    uploadRoute(uploads, async (upload) => {
      await readImages(upload, preparation);
      await new Promise(() => {});
    }),
  );
  app.use(answerProblem(log));
  server = await listen(app, settings);
});

afterAll(async () => {
  await server.close();
  await preparation.close();
});

/** After each test nothing is held, and the next request is answered. */
afterEach(async () => {
  await expect.poll(() => budget.takenBytes, { timeout: 5000, interval: 2 }).toBe(0);
  const answer = await fetch(`${server.address}/images`, {
    method: 'POST',
    body: formOf([part('image', 50)]),
    headers: { 'Content-Type': 'multipart/form-data; boundary=x' },
  });
  expect(await answer.json()).toEqual({ images: [50] });
});

const disposition = (name: string) =>
  `Content-Disposition: form-data; name="${name}"; filename="photo.jpg"\r\n`;
/** One part; without a name it has no Content-Disposition. */
const part = (name: string | undefined, bytes: number, content = Buffer.alloc(bytes, 7)) =>
  Buffer.concat([
    Buffer.from(`--x\r\n${name === undefined ? 'X-A: b\r\n' : disposition(name)}\r\n`),
    content,
    Buffer.from('\r\n'),
  ]);
const formOf = (parts: readonly Buffer[], end = '--x--\r\n') => Buffer.concat([...parts, Buffer.from(end)]);

function headOf(bytes: number, path = '/images', headers = ''): string {
  return (
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
    'Content-Type: multipart/form-data; boundary=x\r\n' +
    `Content-Length: ${bytes}\r\n${headers}\r\n`
  );
}

/** In one write, so that the last bytes arrive with all others. */
function post(body: Buffer, path?: string): Promise<string> {
  return exchangeRaw(server.address, [Buffer.concat([Buffer.from(headOf(body.length, path)), body])], 4000);
}

const problemIn = (answer: string) =>
  problemSchema.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))));

describe('a form is answered and its memory released', () => {
  test.each([
    ['where its only part has no name', [part(undefined, 40_000)], 400, 'got one without a name'],
    [
      'if it has one photograph too many at its end',
      [...Array.from({ length: 16 }, () => part('image', 100)), part('image', 40_000)],
      413,
      'more than 16 images',
    ],
    ['where a part has another name', [part('photo', 40_000)], 400, 'got one named "photo"'],
    ['where it has no part', [], 400, 'got no part'],
  ])('%s', async (_, parts, status, detail) => {
    const answer = await post(formOf(parts));
    expect(statusesIn(answer)).toEqual([status]);
    expect(problemIn(answer).detail).toContain(detail);
  });

  test('for forty such forms one after another', async () => {
    const parts = [...Array.from({ length: 16 }, () => part('image', 100)), part('image', 40_000)];
    for (let i = 0; i < 40; i++) expect(statusesIn(await post(formOf(parts)))).toEqual([413]);
    expect(budget.isStuck()).toBe(false);
  });

  test('for any parts, any truncation and any disconnect', {
    timeout: 60_000,
  }, async () => {
    const aPart = fc.record({
      name: fc.oneof(
        { weight: 4, arbitrary: fc.constant('image') },
        fc.constantFrom(undefined, '', 'photo', '__proto__'),
      ),
      bytes: fc.oneof(fc.nat(200), fc.nat(60_000), fc.constantFrom(0, 16_384, 65_536, maxUploadBytes + 1)),
    });
    const request = fc.record({
      parts: fc.array(aPart, { maxLength: 20 }),
      end: fc.constantFrom('--x--\r\n', '--x--', '--x--\r\nepilogue', '--x\r\n', ''),
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
      /** How much is sent before the client leaves. */
      sent: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1, noNaN: true })),
      halfCloses: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ parts, end, cuts, sent, halfCloses }) => {
        const body = formOf(
          parts.map(({ name, bytes }) => part(name, bytes)),
          end,
        );
        const length = Math.floor(body.length * sent);
        const places = [0, ...cuts.map((cut) => Math.floor(cut * length)).sort((a, b) => a - b), length];
        const pieces = places.slice(1).map((place, i) => body.subarray(places[i], place));
        const statuses = await sendPieces([headOf(body.length), ...pieces], {
          leaves: sent < 1 && !halfCloses,
          halfCloses,
        });
        if (sent === 1) expect([200, 400, 413]).toContain(statuses[0]);
        await expect.poll(() => budget.takenBytes, { timeout: 3000, interval: 1 }).toBe(0);
      }),
      { numRuns: 150, seed: 11 },
    );
  });
});

/** Writes the pieces one after another and gives the statuses of what is answered. */
async function sendPieces(
  pieces: readonly (string | Buffer)[],
  { leaves, halfCloses }: { readonly leaves: boolean; readonly halfCloses: boolean },
): Promise<readonly number[]> {
  const { hostname, port } = new URL(server.address);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text;
  });
  const ended = new Promise<void>((resolve) => {
    socket.on('end', resolve).on('error', () => resolve());
  });
  for (const piece of pieces) {
    await new Promise<void>((resolve) => {
      socket.write(piece, () => resolve());
    });
  }
  if (halfCloses) socket.end();
  if (!leaves) await ended;
  socket.destroy();
  return statusesIn(answer);
}

describe('a route that never ends', () => {
  test('gets 504 after the request timeout, and holds nothing', async () => {
    const answer = await post(formOf([part('image', 40_000)]), '/never');
    expect(statusesIn(answer)).toEqual([504]);
    expect(problemIn(answer).detail).toContain(`timeout of ${requestTimeoutMs(settings)} ms`);
    expect(budget.takenBytes).toBe(0);
  });

  test('releases its bytes as soon as its client disconnects', async () => {
    const body = formOf([part('image', 40_000)]);
    const { hostname, port } = new URL(server.address);
    const socket = connect(Number(port), hostname);
    socket.write(Buffer.concat([Buffer.from(headOf(body.length, '/never')), body]));
    await expect.poll(() => budget.takenBytes, { interval: 2 }).toBe(body.length);
    socket.destroy();
    const left = performance.now();
    await expect.poll(() => budget.takenBytes, { interval: 2 }).toBe(0);
    expect(performance.now() - left).toBeLessThan(requestTimeoutMs(settings) / 2);
  });
});

describe('the budget', () => {
  const bounds: BudgetSettings = { ...settings, maxBufferedBytes: 1000, maxUploadBytes: 300 };
  const overdueMs = requestTimeoutMs(bounds) + 2000;

  test('releases the bytes of a request only once', () => {
    const own = new BodyBudget(bounds);
    const [one, other] = [own.open(), own.open()];
    one.take(400);
    other.take(600);
    expect(() => one.take(1)).toThrow(/too many concurrent uploads/);
    one.release();
    one.release();
    expect(own.takenBytes).toBe(600);
    expect(() => one.take(1)).toThrow(/has ended/);
    expect(own.takenBytes).toBe(600);
  });

  test('refuses a request that exceeds it, however often it is sent', () => {
    expect(() => new BodyBudget(bounds).open().take(1001)).toThrow(
      expect.objectContaining({
        code: 'image-too-large',
        message: expect.stringContaining('at most 1000 bytes'),
      }),
    );
  });

  test('is stuck only if overdue requests leave no space for another', () => {
    const own = new BodyBudget(bounds);
    const [old, older] = [own.open(0), own.open(0)];
    const recent = own.open(overdueMs);
    old.take(700);
    recent.take(290);
    expect(own.isStuck(1000)).toBe(false);
    expect(own.isStuck(overdueMs)).toBe(false);
    older.take(1);
    expect(own.isStuck(overdueMs)).toBe(true);
    older.release();
    expect(own.isStuck(overdueMs)).toBe(false);
  });
});

describe('a client that sends Expect: 100-continue', () => {
  test('is rejected for its size before it sends the body', async () => {
    const begin = performance.now();
    const head = headOf(maxUploadBytes * 10, '/images', 'Expect: 100-continue\r\n');
    const answer = await exchangeRaw(server.address, [head], 3000);
    expect(statusesIn(answer)).toEqual([413]);
    expect(answer).toContain(`got a body of ${maxUploadBytes * 10}`);
    expect(performance.now() - begin).toBeLessThan(1500);
  });

  test('is rejected for its type before it sends the body', async () => {
    const head = headOf(100, '/images', 'Expect: 100-continue\r\nContent-Encoding: gzip\r\n');
    expect(statusesIn(await exchangeRaw(server.address, [head], 3000))).toEqual([415]);
  });

  test('gets 100 Continue for an accepted body, and its response', async () => {
    const body = formOf([part('image', 1000)]);
    const { hostname, port } = new URL(server.address);
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    socket.write(headOf(body.length, '/images', 'Expect: 100-continue\r\n'));
    await expect.poll(() => statusesIn(answer)).toEqual([100]);
    socket.write(body);
    await expect.poll(() => statusesIn(answer)).toEqual([100, 200]);
    expect(answer).toContain('{"images":[1000]}');
    socket.destroy();
  });
});

describe('a client that closes its half of the connection', () => {
  test('after a complete request gets its response', async () => {
    const body = formOf([part('image', 1000)]);
    expect(await sendPieces([headOf(body.length), body], { leaves: false, halfCloses: true })).toEqual([200]);
  });

  test('before the end of its request gets an error', async () => {
    const statuses = await sendPieces([headOf(1000), Buffer.alloc(500)], { leaves: false, halfCloses: true });
    expect(statuses).toEqual([400]);
  });

  test('and waits long gets interim responses before the final one', async () => {
    const body = formOf([part('image', 1000)]);
    const statuses = await sendPieces([headOf(body.length, '/never'), body], {
      leaves: false,
      halfCloses: true,
    });
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set([100]));
    expect(statuses.at(-1)).toBe(504);
  });
});
