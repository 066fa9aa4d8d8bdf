/**
 * What a study and its workers share: the queue's name, the schema of its jobs, the keys of their files, and
 * the connection.
 */
import { Redis } from 'ioredis';
import { z } from 'zod';
import { messageOf, TexturaError } from '../../model/error.ts';
import type { Study } from '../../model/study-file.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { sha256 } from '../../node/sha256.ts';
import { computingSchema } from '../trainer.ts';
import { shownAddress } from './address.ts';

export const queueName = 'textura-ablation';

export const runJobSchema = z.strictObject({
  /** Version of the product: others may compute other numbers. */
  textura: z.string(),
  study: z.string(),
  run: z.string(),
  config: trainingConfigSchema,
  /** Content fingerprint of the data; a worker with other data refuses the run. */
  content: z.string(),
  log: computingSchema.shape.log,
});
export type RunJob = z.infer<typeof runJobSchema>;

/** Identifies a study on a Redis server; does not change when the study is resumed, even if its data have moved. */
export function studyKey({ startedAt, config }: Pick<Study, 'startedAt' | 'config'>): string {
  const { data: _data, group: _group, ...settings } = config;
  return sha256(JSON.stringify([startedAt, settings])).slice(0, 16);
}

/** Redis key of a run's archive: its directory, as it is so far or at its end. */
export function archiveKey({ study, run }: Pick<RunJob, 'study' | 'run'>): string {
  return `textura:${study}:${run}`;
}

/** A connection for BullMQ. Errors: `usage` for an address of another kind; `engine-unavailable` if no server answers. */
export async function connectRedis(url: string): Promise<Redis> {
  const shown = shownAddress(url);
  const unreachable = (cause: unknown) => {
    const why = messageOf(cause);
    return new TexturaError('engine-unavailable', `--queue ${shown}: no Redis server answers there: ${why}`, {
      cause,
    });
  };
  const isOther = /^(?!rediss?:)[a-z][a-z+.-]*:\/\//i.test(url);
  // ioredis throws the URL, with its password.
  if (isOther || !URL.canParse(url.includes(':/') ? url : `redis://${url}`))
    throw new TexturaError(
      'usage',
      `--queue: expected redis://HOST or rediss://HOST, got ${JSON.stringify(shown)}`,
    );
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

/** A connection, or what BullMQ opens on one. */
interface Connected {
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * Gives each problem of the queue to `onLine` once, until the server of `redis` answers again. Without a listener,
 * ioredis and BullMQ print a stack trace for each attempt to reach a lost server.
 */
export function reportProblems(
  redis: Redis,
  others: readonly Connected[],
  onLine: (text: string) => void,
): void {
  const reported = new Set<string>();
  const report = ({ message }: Error) => {
    if (!reported.has(message)) onLine(`queue: ${message}`);
    reported.add(message);
  };
  redis.on('error', report).on('ready', () => reported.clear());
  for (const other of others) other.on('error', report);
}
