import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { studySchema } from '../../../model/study-file.ts';
import { trainingConfigSchema } from '../../../model/training-config.ts';
import { startQueuedRuns } from '../../../study/queue/producer.ts';
import { redisInstalled, redisServer } from '../../support/redis-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a study whose Redis server is lost says so once, and continues when the server is back'
    : 'a study whose Redis server is lost (skipped: there is no redis-server on this machine)',
  async () => {
    const complaints = vi.spyOn(console, 'error').mockReturnValue();
    const url = await redisServer();
    const config = trainingConfigSchema.parse({ data: 'photos' });
    const lines: string[] = [];
    const arm = { name: 'reference', variant: 'reference', width: 1 } as const;
    const run = { name: 'reference-s1', arm, seed: 1, directory: await temporaryFolder() };
    const { variant: _variant, width: _width, seed: _seed, ...common } = config;
    const study = studySchema.parse({
      ...{ textura: '1.0.0', recipe: 'default', config: common, arms: [arm], seeds: [1], marginPoints: 2 },
      ...{ failures: {}, startedAt: '2026-03-07T08:09:10Z' },
    });
    const runs = await startQueuedRuns([run], {
      ...{ url, study, log: undefined, content: '', configOf: () => config },
      onStart: () => {},
      onProgress: () => {},
      onEnd: async () => {},
      onLine: (text) => lines.push(text),
    });
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
