import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLog } from '../../serve/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

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
  const { log, flush } = openLog('info', openSync(path, 'a'));
  log.info({ port: 1 }, 'listening');
  log.debug('left out');
  flush();
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ level: 30, port: 1, msg: 'listening' });
});

test('a closed log pipe does not block', async () => {
  const { reader, writer } = await pipe();
  const { log, flush } = openLog('info', writer);
  closeSync(reader);
  log.info('nobody reads this');
  log.fatal('nor this');
  flush();
  log.info('nor this');
  flush();
});

test('a stalled log reader does not block, and gets complete lines from the beginning', async () => {
  const { reader, writer } = await pipe();
  onTestFinished(() => closeSync(reader));
  const { log, flush } = openLog('info', writer);
  for (let i = 0; i < 300; i++) log.info({ i, filling: 'x'.repeat(1000) }, 'a line');
  flush();
  const text = Buffer.alloc(100_000);
  const lines = text.toString('utf8', 0, readSync(reader, text)).split('\n').slice(0, -1);
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.map((line) => JSON.parse(line).i)).toEqual(lines.map((_, i) => i));
});
