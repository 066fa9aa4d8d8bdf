/**
 * Trains the runs of a study on other machines: puts a job for each run on the queue and fetches its
 * directory when it has ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { messageOf, TexturaError } from '../../model/error.ts';
import type { Study } from '../../model/study-file.ts';
import { counted } from '../../model/words.ts';
import { productVersion } from '../../node/product-version.ts';
import { deferred } from '../../node/promises.ts';
import { hasCheckpoint } from '../../training/run/checkpoint.ts';
import type { Logger } from '../../training/run/tensorboard.ts';
import type { Schedule, ScheduledRuns } from '../local-scheduler.ts';
import type { StudyRun } from '../study-directory.ts';
import { type RunEnd, runEndSchema, runMessageSchema } from '../trainer.ts';
import { archiveKey, connectRedis, queueName, type RunJob, reportProblems, studyKey } from './job.ts';
import { receiveArchive, sendArchive } from './run-archive.ts';

export interface QueueSchedule extends Schedule {
  readonly url: string;
  readonly study: Study;
  readonly log: Logger | undefined;
  /** Gets sentences about the queue for the terminal. */
  readonly onLine: (text: string) => void;
}

interface QueueConnection {
  readonly redis: Redis;
  readonly queue: Queue<RunJob, RunEnd>;
  readonly events: QueueEvents;
  close(): Promise<void>;
}

/** BullMQ waits for the end of its connection, which ioredis does not report while it connects again. */
const closePatienceMs = 2000;

async function openQueue({ url, onLine }: QueueSchedule): Promise<QueueConnection> {
  const redis = await connectRedis(url);
  const queue = new Queue<RunJob, RunEnd>(queueName, { connection: redis });
  const listening = redis.duplicate();
  const events = new QueueEvents(queueName, { connection: listening });
  reportProblems(redis, [listening, queue, events], onLine);
  const close = async () => {
    const left = new AbortController();
    const patience = sleep(closePatienceMs, undefined, { signal: left.signal }).catch(() => {});
    try {
      await Promise.race([events.close().then(() => queue.close()), patience]);
    } finally {
      left.abort();
      for (const connection of [listening, redis]) connection.disconnect();
    }
  };
  try {
    await events.waitUntilReady();
    return { redis, queue, events, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Puts the runs on the queue. Runs that have ended since they were put there are fetched at once. */
export async function startQueuedRuns(
  runs: readonly StudyRun[],
  schedule: QueueSchedule,
): Promise<ScheduledRuns> {
  const connection = await openQueue(schedule);
  try {
    const { events } = connection;
    const byJob = new Map(runs.map((run) => [jobId(schedule.study, run), run]));
    events.on('active', ({ jobId: id }) => {
      const run = byJob.get(id);
      if (run !== undefined) schedule.onStart(run);
    });
    events.on('progress', ({ jobId: id, data }) => {
      const [run, message] = [byJob.get(id), runMessageSchema.safeParse(data)];
      if (run !== undefined && message.data?.kind === 'progress') schedule.onProgress(run, message.data);
    });
    const jobs: Job<RunJob, RunEnd>[] = [];
    // One after another, because checkpoints are large.
    for (const run of runs) jobs.push(await enqueued(connection, run, schedule));
    return followRuns(runs, jobs, connection, schedule);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function followRuns(
  runs: readonly StudyRun[],
  jobs: readonly Job<RunJob, RunEnd>[],
  connection: QueueConnection,
  schedule: QueueSchedule,
): ScheduledRuns {
  const { redis, queue, events, close } = connection;
  let stopped = false;
  const stopping = deferred<void>();
  const awaited = new Set(runs);

  async function follow(run: StudyRun, job: Job<RunJob, RunEnd>): Promise<void> {
    const end = await Promise.race([endOf(job, events), stopping.promise]);
    awaited.delete(run);
    if (end === undefined) return;
    const key = archiveKey(job.data);
    await schedule.onEnd(run, await fetched(redis, key, run, end));
    await job.remove();
    await redis.del(key);
  }

  /** A server that was started again may have lost jobs. Those with the same ids end in their place. */
  async function queueLostRuns(): Promise<void> {
    let lost = 0;
    for (const run of awaited) {
      if ((await queue.getJob(jobId(schedule.study, run))) !== undefined) continue;
      if (stopped || !awaited.has(run)) continue;
      await enqueued(connection, run, schedule);
      lost++;
    }
    if (lost > 0) schedule.onLine(`queue: the server has lost ${counted(lost, 'run')}; queued again`);
  }
  redis.on('ready', () =>
    queueLostRuns().catch((error: unknown) => schedule.onLine(`queue: ${messageOf(error)}`)),
  );

  async function followAll(): Promise<boolean> {
    try {
      await Promise.all(runs.map((run, i) => follow(run, jobs[i] as Job<RunJob, RunEnd>)));
      return stopped;
    } finally {
      await close();
    }
  }

  return {
    ended: followAll(),
    stop() {
      stopped = true;
      void Promise.allSettled(jobs.map((job) => removeIfWaiting(job))).then(() => stopping.resolve());
    },
  };
}

function jobId(study: Study, run: StudyRun): string {
  return `${studyKey(study)}-${run.name}`;
}

/**
 * The job of a run: the existing one, unless it failed, or a new one. A new one continues from the checkpoint on
 * this machine, if there is one.
 */
async function enqueued(
  { redis, queue }: QueueConnection,
  run: StudyRun,
  { study, configOf, content, log }: QueueSchedule,
): Promise<Job<RunJob, RunEnd>> {
  const id = jobId(study, run);
  const known = await queue.getJob(id);
  if (known !== undefined && !(await known.isFailed())) return known;
  await known?.remove();
  const data: RunJob = {
    textura: productVersion(),
    study: studyKey(study),
    run: run.name,
    config: configOf(run),
    content,
    ...(log && { log }),
  };
  if (hasCheckpoint(run.directory)) await sendArchive(redis, archiveKey(data), run.directory);
  return queue.add(run.name, data, { jobId: id });
}

/** How the run ended according to its worker; a job that BullMQ gives up has failed. */
async function endOf(job: Job<RunJob, RunEnd>, events: QueueEvents): Promise<RunEnd> {
  try {
    return runEndSchema.parse(await job.waitUntilFinished(events));
  } catch (error) {
    const message = messageOf(error);
    return { kind: 'failed', failure: { code: 'internal', message } };
  }
}

/**
 * Fetches the run's directory. Returns how the run ended: it has failed if its files are not on the server or
 * damaged, so that it does not stop the other runs, and resuming the study trains it again.
 */
async function fetched(redis: Redis, key: string, run: StudyRun, end: RunEnd): Promise<RunEnd> {
  try {
    if ((await receiveArchive(redis, key, run.directory)) || end.kind === 'failed') return end;
    throw new TexturaError('file-damaged', `${key}: the Redis server has lost the files of the trained run`);
  } catch (error) {
    if (!(error instanceof TexturaError && error.code === 'file-damaged')) throw error;
    const { code, message } = error;
    return { kind: 'failed', failure: { code, message } };
  }
}

/** A job that a worker has started continues; its results are fetched when the study is resumed. */
async function removeIfWaiting(job: Job<RunJob, RunEnd>): Promise<void> {
  if (await job.isWaiting()) await job.remove();
}
