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

test('npm signals the program of every script, not a shell that ends without it', async () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(await readFile(manifest, 'utf8')));
  const programs = Object.entries(scripts).filter(([, script]) => /\bnode --import\b/.test(script));
  expect(programs.length).toBeGreaterThan(20);
  expect(programs.filter(([, script]) => !script.startsWith('exec node ')).map(([name]) => name)).toEqual([]);
});
