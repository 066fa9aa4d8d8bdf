import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { takeFolderLock } from '../../../node/folder-lock.ts';
import { shownAddress } from '../../../study/queue/address.ts';
import { connectRedis } from '../../../study/queue/job.ts';
import { receiveArchive, sendArchive } from '../../../study/queue/run-archive.ts';
import { redisInstalled, redisServer } from '../../support/redis-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const title = (sentence: string) =>
  redisInstalled ? sentence : `${sentence} (skipped: there is no redis-server on this machine)`;

async function connected(): Promise<Redis> {
  const redis = new Redis(await redisServer());
  onTestFinished(() => redis.disconnect());
  return redis;
}

test.skipIf(!redisInstalled)(
  title('a directory arrives byte-exactly, and replaces an existing one'),
  async () => {
    const redis = await connected();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256);
    const sent = await temporaryFolder({ 'run/run.json': '{}', 'run/checkpoint/last.safetensors': bytes });
    await writeFile(join(sent, 'run/half.tmp'), 'a file that is being written');
    // A lock that came along would keep the next worker from the run.
    const lock = await takeFolderLock(join(sent, 'run'));
    onTestFinished(lock.release);
    await sendArchive(redis, 'key', join(sent, 'run'), (path) => path !== 'run.json');
    await sendArchive(redis, 'key', join(sent, 'run'));
    const target = await temporaryFolder({ 'run/old.txt': 'of another time' });
    expect(await receiveArchive(redis, 'key', join(target, 'run'))).toBe(true);
    expect((await readdir(join(target, 'run'))).sort()).toEqual(['checkpoint', 'run.json']);
    expect(await readFile(join(target, 'run/checkpoint/last.safetensors'))).toEqual(Buffer.from(bytes));
    expect(await redis.keys('*')).toEqual(['key']);
  },
);

test.skipIf(!redisInstalled)(title('without an archive the directory does not change'), async () => {
  const redis = await connected();
  const target = await temporaryFolder({ 'run/old.txt': 'stays' });
  expect(await receiveArchive(redis, 'none', join(target, 'run'))).toBe(false);
  expect(await readdir(join(target, 'run'))).toEqual(['old.txt']);
});

test.skipIf(!redisInstalled)(
  title('bytes with another checksum, and paths outside the directory, are rejected and nothing is replaced'),
  async () => {
    const redis = await connected();
    const folder = await temporaryFolder({ 'run/a.txt': 'sent', 'here/old.txt': 'stays' });
    await sendArchive(redis, 'key', join(folder, 'run'));
    await redis.hset('key', 'a.txt', 'changed');
    await expect(receiveArchive(redis, 'key', join(folder, 'here'))).rejects.toThrow(
      'a.txt: its checksum does not match',
    );
    await redis.hset('key', 'a.txt', 'sent');
    const manifest = JSON.parse((await redis.hget('key', 'manifest')) ?? '{}');
    await redis.hset(
      'key',
      'manifest',
      JSON.stringify({ '../out.txt': manifest['a.txt'] }),
      '../out.txt',
      'sent',
    );
    await expect(receiveArchive(redis, 'key', join(folder, 'here'))).rejects.toThrow(
      "outside the run's directory",
    );
    expect((await readdir(folder)).sort()).toEqual(['here', 'run']);
    expect(await readdir(join(folder, 'here'))).toEqual(['old.txt']);
  },
);

test('a server that does not answer is reported', async () => {
  await expect(connectRedis('redis://127.0.0.1:1')).rejects.toMatchObject({
    code: 'engine-unavailable',
    message: expect.stringContaining('--queue redis://127.0.0.1:1: no Redis server answers there'),
  });
  await expect(connectRedis('http://127.0.0.1:1')).rejects.toMatchObject({
    code: 'usage',
    message: '--queue: expected redis://HOST or rediss://HOST, got "http://127.0.0.1:1"',
  });
});

test('an address that is no URL is rejected', async () => {
  for (const url of [
    'redis://:pa#ss@127.0.0.1',
    'redis://127.0.0.1:port',
    'redis:127.0.0.1:1',
    '127.0.0.1:x',
  ])
    await expect(connectRedis(url), url).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^--queue: expected redis:\/\/HOST .*, got (?!.*pa#ss)/),
    });
});

test('the password of a server is not shown', async () => {
  for (const [url, shown] of [
    ['redis://:p/a#ss@word@127.0.0.1:1', 'redis://:***@127.0.0.1:1'],
    ['redis://me:secret@127.0.0.1:1/2', 'redis://me:***@127.0.0.1:1/2'],
    ['redis://127.0.0.1:1', 'redis://127.0.0.1:1'],
    ['redis://[::1]:1/2', 'redis://[::1]:1/2'],
  ] as const)
    expect(shownAddress(url)).toBe(shown);
  await expect(connectRedis('redis://me:secret@127.0.0.1:1')).rejects.toMatchObject({
    message: expect.stringContaining('--queue redis://me:***@127.0.0.1:1: no Redis server answers'),
  });
});
