import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { receiveParcel, sendParcel } from '../../study/queue/parcel.ts';
import { connectRedis } from '../../study/queue/run-queue.ts';
import { takeRunLock } from '../../training/run/run-lock.ts';
import { redisInstalled, redisServer } from '../support/redis-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const title = (sentence: string) =>
  redisInstalled ? sentence : `${sentence} (skipped: there is no redis-server on this machine)`;

async function connected(): Promise<Redis> {
  const redis = new Redis(await redisServer());
  onTestFinished(() => redis.disconnect());
  return redis;
}

test.skipIf(!redisInstalled)(
  title('a directory arrives byte for byte, and replaces what was there'),
  async () => {
    const redis = await connected();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256);
    const sent = await temporaryFolder({ 'run/run.json': '{}', 'run/checkpoint/last.safetensors': bytes });
    await writeFile(join(sent, 'run/half.tmp'), 'a file that is being written');
    // A lock that came along would keep the next worker from the run.
    const lock = await takeRunLock(join(sent, 'run'));
    onTestFinished(lock.release);
    await sendParcel(redis, 'key', join(sent, 'run'), (path) => path !== 'run.json');
    await sendParcel(redis, 'key', join(sent, 'run'));
    const target = await temporaryFolder({ 'run/old.txt': 'of another time' });
    expect(await receiveParcel(redis, 'key', join(target, 'run'))).toBe(true);
    expect((await readdir(join(target, 'run'))).sort()).toEqual(['checkpoint', 'run.json']);
    expect(await readFile(join(target, 'run/checkpoint/last.safetensors'))).toEqual(Buffer.from(bytes));
    expect(await redis.keys('*')).toEqual(['key']);
  },
);

test.skipIf(!redisInstalled)(title('without a parcel the directory is left alone'), async () => {
  const redis = await connected();
  const target = await temporaryFolder({ 'run/old.txt': 'stays' });
  expect(await receiveParcel(redis, 'none', join(target, 'run'))).toBe(false);
  expect(await readdir(join(target, 'run'))).toEqual(['old.txt']);
});

test.skipIf(!redisInstalled)(
  title(
    'bytes that are not those that were sent, and paths that lead out, are refused and nothing is replaced',
  ),
  async () => {
    const redis = await connected();
    const folder = await temporaryFolder({ 'run/a.txt': 'sent', 'here/old.txt': 'stays' });
    await sendParcel(redis, 'key', join(folder, 'run'));
    await redis.hset('key', 'a.txt', 'changed');
    await expect(receiveParcel(redis, 'key', join(folder, 'here'))).rejects.toThrow('a.txt: not the bytes');
    await redis.hset('key', 'a.txt', 'sent');
    const manifest = JSON.parse((await redis.hget('key', 'manifest')) ?? '{}');
    await redis.hset(
      'key',
      'manifest',
      JSON.stringify({ '../out.txt': manifest['a.txt'] }),
      '../out.txt',
      'sent',
    );
    await expect(receiveParcel(redis, 'key', join(folder, 'here'))).rejects.toThrow('leads out');
    expect(await readdir(folder)).not.toContain('out.txt');
    expect(await readdir(join(folder, 'here'))).toEqual(['old.txt']);
  },
);

test('a server that does not answer is named', async () => {
  await expect(connectRedis('redis://127.0.0.1:1')).rejects.toMatchObject({
    code: 'engine-unavailable',
    message: expect.stringContaining('--queue redis://127.0.0.1:1: no Redis server answers there'),
  });
});
