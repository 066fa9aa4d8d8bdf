import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLog } from '../../serve/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const json = { logLevel: 'info', logFormat: 'auto' } as const;

/** Both ends of a pipe. */
async function pipe() {
  const path = join(await temporaryFolder(), 'pipe');
  spawnSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return { reader, writer };
}

test('a flush writes the buffered lines', async () => {
  const path = join(await temporaryFolder({ log: '' }), 'log');
  const { log, flush } = openLog(json, openSync(path, 'a'));
  log.info({ port: 1 }, 'listening');
  log.debug('left out');
  await flush();
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ level: 30, port: 1, msg: 'listening' });
});

test('lines are written in their order, even if the last ones are logged while a write is in flight', async () => {
  const path = join(await temporaryFolder({ log: '' }), 'log');
  const { log, flush } = openLog(json, openSync(path, 'a'));
  // The open of a pipe without a writer occupies a thread of the pool that writes: more opens than threads.
  const blocking = join(await temporaryFolder(), 'pipe');
  spawnSync('mkfifo', [blocking]);
  const opened = Array.from({ length: 16 }, () => open(blocking, 'r'));
  log.info({ filling: 'x'.repeat(10_000) }, 'request');
  log.info('stopped');
  const flushed = flush();
  const release = openSync(blocking, constants.O_RDWR | constants.O_NONBLOCK);
  for (const handle of await Promise.all(opened)) await handle.close();
  closeSync(release);
  await flushed;
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['request', 'stopped']);
});

test('a closed log pipe does not block', async () => {
  const { reader, writer } = await pipe();
  const { log, flush } = openLog(json, writer);
  closeSync(reader);
  log.info('nobody reads this');
  log.fatal('nor this');
  await flush();
  log.info('nor this');
  await flush();
});

test('a stalled log reader does not block, and gets complete lines from the beginning', async () => {
  const { reader, writer } = await pipe();
  onTestFinished(() => closeSync(reader));
  const { log, flush } = openLog(json, writer);
  for (let i = 0; i < 300; i++) log.info({ i, filling: 'x'.repeat(1000) }, 'a line');
  await flush();
  const text = Buffer.alloc(100_000);
  const lines = text.toString('utf8', 0, readSync(reader, text)).split('\n').slice(0, -1);
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.map((line) => JSON.parse(line).i)).toEqual(lines.map((_, i) => i));
});

test('as text, a line has the local time, the message and its values, and an error its request and stack', async () => {
  const path = join(await temporaryFolder({ log: '' }), 'log');
  const { log, flush } = openLog({ logLevel: 'info', logFormat: 'text' }, openSync(path, 'a'), 2);
  log.info({ address: 'http://127.0.0.1:8080' }, 'listening');
  log.info({ models: ['a', 'b\u001b[2J'] }, 'ready');
  log.info({ requestId: 'r1', method: 'POST', path: '/classify', status: 200, ms: 3.2 }, 'request');
  log.warn('no models');
  log.error({ requestId: 'r2', err: new Error('broken') }, 'fault');
  await flush();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines.slice(0, 5).map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, ''))).toEqual([
    '[2]  listening  http://127.0.0.1:8080',
    '[2]  ready  a, b\\u001b[2J',
    '[2]  POST /classify  200  3.2 ms',
    '[2]  warning: no models',
    '[2]  error: fault  request r2',
  ]);
  expect(lines[5]).toBe('Error: broken');
  expect(lines[6]).toMatch(/^ {4}at .*log\.test/);
});
