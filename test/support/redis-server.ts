/** A Redis server of its own for a test, where the machine has the program. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { freePort } from '../../bench/server-process.ts';

export const redisInstalled = spawnSync('redis-server', ['--version']).status === 0;

/** Starts a server without persistence, on a free port by default, and returns its address; it ends with the test. */
export async function redisServer(port?: number): Promise<string> {
  port ??= await freePort();
  const server = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], {
    cwd: tmpdir(),
    stdio: 'ignore',
  });
  onTestFinished(() => ended(server));
  const redis = new Redis(port, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {});
  while (
    !(await redis.connect().then(
      () => true,
      () => false,
    ))
  )
    await sleep(50);
  redis.disconnect();
  return `redis://127.0.0.1:${port}`;
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill();
  await new Promise((resolve) => server.once('close', resolve));
}
