import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { classifyAnswerSchema, problemSchema } from '../../model/service.ts';
import { breakingThreads, breakThreads } from '../support/breaking-threads.ts';
import { encoder, rgbPicture } from '../support/pictures.ts';
import { exportModels, type RunningService, runService } from '../support/running-service.ts';

let home: string;
/** A model that is preferred to the other. */
let two: string;
let running: RunningService;
let picture: Buffer;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-lost-'));
  await exportModels(home, [{ variant: 'lab-baseline' }]);
  two = await mkdtemp(join(tmpdir(), 'textura-lost-'));
  await exportModels(two, [{ variant: 'texture-net' }, { variant: 'lab-baseline' }]);
  // No plain PNG, which no preparation thread would see.
  picture = await encoder(rgbPicture(333, 222)).jpeg().toBuffer();
});
afterEach(() => running.close());
afterAll(async () => {
  for (const folder of [home, two]) await rm(folder, { recursive: true });
});

const ask = async () => {
  const headers = { 'Content-Type': 'image/jpeg' };
  const body = new Uint8Array(picture);
  const response = await fetch(`${running.address}/classify`, { method: 'POST', body, headers });
  return { status: response.status, body: await response.json() };
};
const answerOf = ({ status, body }: Awaited<ReturnType<typeof ask>>) => {
  expect(status).toBe(200);
  return classifyAnswerSchema.parse(body).results;
};
const lostSoFar = async () => {
  const text = await (await fetch(`${running.address}/metrics`)).text();
  return Number(/^textura_lost_threads_total (\d+)$/m.exec(text)?.[1]);
};

test('twenty threads lost in a row under load fail only their own requests', {
  timeout: 120_000,
}, async () => {
  running = await runService(home, {}, {}, undefined, breakingThreads);
  const before = answerOf(await ask());
  let isOver = false;
  const answers: Awaited<ReturnType<typeof ask>>[] = [];
  const client = async () => {
    while (!isOver) answers.push(await ask());
  };
  const clients = Array.from({ length: 6 }, client);
  for (let round = 1; round <= 10; round++) {
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(round * 10), {
      timeout: 20_000,
      interval: 5,
    });
    breakThreads(round % 2 === 0 ? 'throw' : 'exit');
    // The inference thread and the preparation thread.
    await vi.waitFor(async () => expect(await lostSoFar()).toBe(2 * round), {
      timeout: 20_000,
      interval: 10,
    });
    expect(answerOf(await ask())).toEqual(before);
  }
  isOver = true;
  await Promise.all(clients);
  const failed = answers.filter(({ status }) => status !== 200);
  expect(failed.length).toBeGreaterThan(0);
  for (const { status, body } of failed) {
    expect([status, problemSchema.parse(body).code]).toEqual([500, 'internal']);
  }
  for (const answer of answers) if (answer.status === 200) expect(answerOf(answer)).toEqual(before);
  expect(running.service.isReady()).toBe(true);
  expect(await Promise.race([running.service.failure, 'no failure'])).toBe('no failure');
});

test('no other model answers for the default one while that must be loaded again', async () => {
  running = await runService(two, {}, {}, undefined, breakingThreads);
  const { registry } = running.service;
  await vi.waitFor(() => expect(registry.list()).toHaveLength(2));
  // A file that is written again makes the replaced thread refuse it, until the next scan.
  const path = join(two, 'texture-net.onnx');
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(1));
  breakThreads('exit');
  await vi.waitFor(() => expect(registry.list().map(({ name }) => name)).toEqual(['lab-baseline']), {
    timeout: 20_000,
  });
  expect(running.service.isReady()).toBe(false);
  const { status, body } = await ask();
  expect([status, problemSchema.parse(body)]).toMatchObject([
    503,
    { code: 'overloaded', detail: 'texture-net: is being loaded again; try again later' },
  ]);
  await writeFile(path, bytes);
  await registry.refresh();
  expect(answerOf(await ask())).toHaveLength(1);
  expect(running.service.isReady()).toBe(true);
});
