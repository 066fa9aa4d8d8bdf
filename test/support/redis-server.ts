/** A Redis server of its own for a test, where the machine has the program. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';

export const redisInstalled = spawnSync('redis-server', ['--version']).status === 0;

/** Starts a server without persistence on a free port and returns its address; it ends with the test. */
export async function redisServer(): Promise<string> {
  const port = await freePort();
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

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function ended(server: ChildProcess): Promise<void> {
  server.kill();
  await new Promise((resolve) => server.once('close', resolve));
}
