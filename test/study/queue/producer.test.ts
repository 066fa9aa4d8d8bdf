import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { studySchema } from '../../../model/study-file.ts';
import { trainingConfigSchema } from '../../../model/training-config.ts';
import { archiveKey, studyKey } from '../../../study/queue/job.ts';
import { startQueuedRuns } from '../../../study/queue/producer.ts';
import { redisInstalled, redisServer } from '../../support/redis-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const config = trainingConfigSchema.parse({ data: 'photos' });
const arm = { name: 'reference', variant: 'reference', width: 1 } as const;
const { variant: _variant, width: _width, seed: _seed, ...common } = config;
const study = studySchema.parse({
  ...{ textura: '1.0.0', recipe: 'default', config: common, arms: [arm], seeds: [1], marginPoints: 2 },
  ...{ failures: {}, startedAt: '2026-03-07T08:09:10Z' },
});

/** A study of one run, which no worker takes. */
function started(url: string, directory: string, onLine: (text: string) => void = () => {}) {
  return startQueuedRuns([{ name: 'reference-s1', arm, seed: 1, directory }], {
    ...{ url, study, log: undefined, content: '', configOf: () => config },
    onStart: () => {},
    onProgress: () => {},
    onEnd: async () => {},
    onLine,
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
    ? 'a study whose Redis server is lost says so once, and continues when the server is back'
    : 'a study whose Redis server is lost (skipped: there is no redis-server on this machine)',
  async () => {
    const complaints = vi.spyOn(console, 'error').mockReturnValue();
    const url = await redisServer();
    const lines: string[] = [];
    const runs = await started(url, await temporaryFolder(), (text) => lines.push(text));
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
    runs.stop();
    expect(await runs.ended).toBe(true);
  },
);
