import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { studySchema } from '../../../model/study-file.ts';
import { trainingConfigSchema } from '../../../model/training-config.ts';
import { archiveKey, queueName, studyKey } from '../../../study/queue/job.ts';
import { startQueuedRuns } from '../../../study/queue/producer.ts';
import { sendArchive } from '../../../study/queue/run-archive.ts';
import type { RunEnd } from '../../../study/trainer.ts';
import { redisInstalled, redisServer } from '../../support/redis-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const config = trainingConfigSchema.parse({ data: 'photos' });
const arm = { name: 'reference', variant: 'reference', width: 1 } as const;
const { variant: _variant, width: _width, seed: _seed, ...common } = config;
const study = studySchema.parse({
  ...{ textura: '1.0.0', recipe: 'default', config: common, arms: [arm], seeds: [1], marginPoints: 2 },
  ...{ failures: {}, startedAt: '2026-03-07T08:09:10Z' },
});

/** A study of one run. `ends` gets how it ends. */
function started(
  url: string,
  directory: string,
  onLine: (text: string) => void = () => {},
  ends: RunEnd[] = [],
) {
  return startQueuedRuns([{ name: 'reference-s1', arm, seed: 1, directory }], {
    ...{ url, study, log: undefined, content: '', configOf: () => config },
    onStart: () => {},
    onProgress: () => {},
    onEnd: async (_run, end) => void ends.push(end),
    onLine,
  });
}

/** A worker whose runs end like this at once. */
function worker(url: string, end: RunEnd): void {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const ending = new Worker(queueName, async () => end, { connection });
  onTestFinished(async () => {
    await ending.close();
    connection.disconnect();
  });
}

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a run that has begun on this machine goes to the workers with its checkpoint'
    : 'a run that has begun on this machine (skipped: there is no redis-server on this machine)',
  async () => {
    const url = await redisServer();
    const files = { 'run.json': '{}', 'checkpoint/last.safetensors': 'values' };
    const runs = await started(url, await temporaryFolder(files));
    const client = new Redis(url);
    const archive = await client.hgetall(archiveKey({ study: studyKey(study), run: 'reference-s1' }));
    expect(archive).toMatchObject(files);
    client.disconnect();
    runs.stop();
    expect(await runs.ended).toBe(true);
  },
);

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a study whose Redis server is lost says so once, and continues when the server is back, without its data'
    : 'a study whose Redis server is lost (skipped: there is no redis-server on this machine)',
  async () => {
    const complaints = vi.spyOn(console, 'error').mockReturnValue();
    const url = await redisServer();
    const lines: string[] = [];
    const ends: RunEnd[] = [];
    const runs = await started(url, await temporaryFolder(), (text) => lines.push(text), ends);
    const client = new Redis(url, { retryStrategy: () => null });
    await client.shutdown('NOSAVE').catch(() => {});
    client.disconnect();
    const { port } = new URL(url);
    const lost = `queue: connect ECONNREFUSED 127.0.0.1:${port}`;
    await vi.waitFor(() => expect(lines).toContain(lost));
    // Several attempts.
    await sleep(500);
    expect(lines.filter((line) => line === lost)).toHaveLength(1);
    expect(complaints).not.toHaveBeenCalled();
    await redisServer(Number(port));
    await vi.waitFor(() => expect(lines).toContain('queue: the server has lost 1 run; queued again'), 10_000);
    worker(url, { kind: 'failed', failure: { code: 'usage', message: 'taken' } });
    expect(await runs.ended).toBe(false);
    expect(ends).toMatchObject([{ failure: { message: 'taken' } }]);
  },
);

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a trained run whose files the server has lost or damaged has failed, and its folder stays as it was'
    : 'a trained run whose files are lost (skipped: there is no redis-server on this machine)',
  async () => {
    const url = await redisServer();
    const redis = new Redis(url);
    onTestFinished(() => redis.disconnect());
    worker(url, { kind: 'finished' });
    const folder = await temporaryFolder({ 'run.json': 'old' });
    const key = archiveKey({ study: studyKey(study), run: 'reference-s1' });
    const ends: RunEnd[] = [];
    expect(await (await started(url, folder, undefined, ends)).ended).toBe(false);
    await sendArchive(redis, key, await temporaryFolder({ 'run.json': 'new' }));
    await redis.hset(key, 'run.json', 'damaged');
    expect(await (await started(url, folder, undefined, ends)).ended).toBe(false);
    const failed = (message: string) => ({ kind: 'failed', failure: { code: 'file-damaged', message } });
    expect(ends).toEqual([
      failed(`${key}: the Redis server has lost the files of the trained run`),
      failed(`${key}: run.json: its checksum does not match`),
    ]);
    expect(await readFile(join(folder, 'run.json'), 'utf8')).toBe('old');
    expect(await redis.exists(key)).toBe(0);
  },
);
