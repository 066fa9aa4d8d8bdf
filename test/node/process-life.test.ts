import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { isAlive, livenessOf, ownIdentity } from '../../node/process-life.ts';

test('a process is alive only under its own identity, not by its number or on another machine', () => {
  const own = ownIdentity();
  expect(livenessOf(own)).toBe('alive');
  expect(livenessOf({ ...own, tick: `${own.tick}1` })).toBe('dead');
  expect(livenessOf({ ...own, boot: 'before' })).toBe('dead');
  expect(livenessOf({ ...own, host: 'elsewhere' })).toBe('unknown');
  expect(livenessOf({ ...own, namespace: 'of a container' })).toBe('unknown');
});

test.skipIf(process.platform !== 'linux')(
  'a killed process that was not waited for yet is dead',
  async () => {
    // The shell becomes a program that never waits for its child.
    const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const child = Number(String((await once(parent.stdout, 'data'))[0]));
    expect(isAlive(child)).toBe(true);
    await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n');
    process.kill(child, 'SIGKILL');
    await expect.poll(() => isAlive(child)).toBe(false);
    // Its number is still taken.
    process.kill(child, 0);
  },
);
