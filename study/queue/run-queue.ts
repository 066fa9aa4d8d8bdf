/** The queue that a study shares with its workers: its name, what a job says, and where a run's files lie meanwhile. */
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import type { Study } from '../../model/study-file.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';

export const queueName = 'textura-ablation';

export const runJobSchema = z.strictObject({
  /** Of the product: other versions might compute other numbers. */
  textura: z.string(),
  study: z.string(),
  run: z.string(),
  config: trainingConfigSchema,
  /** Content fingerprint of the data; a worker that has other data refuses the run. */
  content: z.string(),
});
export type RunJob = z.infer<typeof runJobSchema>;

/** Name of a study among those that share a Redis server: it stays the same when the study goes on. */
export function studyKey({ startedAt, config }: Study): string {
  return createHash('sha256')
    .update(JSON.stringify([startedAt, config]))
    .digest('hex')
    .slice(0, 16);
}

/** Redis key of the files of a run: on the way its checkpoints, in the end its whole directory. */
export function parcelKey({ study, run }: Pick<RunJob, 'study' | 'run'>): string {
  return `textura:${study}:${run}`;
}

/** A connection as BullMQ's workers need it. Errors: `engine-unavailable` where no server answers. */
export async function connectRedis(url: string): Promise<Redis> {
  const unreachable = (cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new TexturaError('engine-unavailable', `--queue ${url}: no Redis server answers there: ${why}`, {
      cause,
    });
  };
  const probe = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  let reason: unknown;
  probe.on('error', (error) => {
    reason = error;
  });
  await probe.connect().catch((error: unknown) => {
    throw unreachable(reason ?? error);
  });
  probe.disconnect();
  return new Redis(url, { maxRetriesPerRequest: null });
}
