import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { moduleAddress } from '../support/command.ts';

const manifest = new URL('../../package.json', import.meta.url);

const script = `
import { stopSignal } from ${JSON.stringify(moduleAddress('node/stop-signal.ts'))};
setInterval(() => {}, 1000);
stopSignal().then((signal) => console.log(signal));
console.log('waits');
`;

test('a signal that arrives twice at once is one request to stop, a later one ends the process', async () => {
  const args = ['--input-type=module', '--eval', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('waits');
  child.kill('SIGTERM');
  child.kill('SIGINT');
  child.kill('SIGTERM');
  expect(['SIGTERM', 'SIGINT']).toContain((await lines.next()).value);
  await sleep(1200);
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  child.kill('SIGTERM');
  expect(await ended).toEqual([null, 'SIGTERM']);
});

test('a second signal ends a process in which a thread starts to inflate, after its exit listeners', async () => {
  const inflating = `
    process.binding('zlib').Zlib.prototype.init = () => {
      require('node:worker_threads').parentPort.postMessage('begun');
      for (;;);
    };
    require('node:zlib').inflateSync(Buffer.alloc(8));`;
  const script = `
    import { Worker } from 'node:worker_threads';
    import { onInterrupt } from ${JSON.stringify(moduleAddress('node/stop-signal.ts'))};
    onInterrupt({ line: console.log }, () => {}, 'stopping');
    process.on('exit', () => console.log('exit'));
    const thread = new Worker(${JSON.stringify(inflating)}, { eval: true, execArgv: ['--no-deprecation'] });
    thread.on('message', (text) => console.log(text));`;
  const args = ['--no-deprecation', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('begun');
  child.kill('SIGINT');
  expect((await lines.next()).value).toBe('stopping');
  await sleep(1200);
  child.kill('SIGINT');
  expect((await lines.next()).value).toBe('exit');
  expect(await ended).toEqual([null, 'SIGINT']);
});

test('npm signals the program of every script, not a shell that ends without it', async () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(await readFile(manifest, 'utf8')));
  const programs = Object.entries(scripts).filter(([, script]) => /\bnode --import\b/.test(script));
  expect(programs.length).toBeGreaterThan(20);
  expect(programs.filter(([, script]) => !script.startsWith('exec node ')).map(([name]) => name)).toEqual([]);
});
