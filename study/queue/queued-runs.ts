/** The runs of a study on other machines: each a job on the queue, its directory fetched when a worker has ended it. */
import { type Job, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Study } from '../../model/study-file.ts';
import type { TrainingConfig } from '../../model/training-config.ts';
import { productVersion } from '../../node/product-version.ts';
import type { RunsUnderWay } from '../local-runs.ts';
import { type RunEnd, type RunProgress, runEndSchema, runMessageSchema } from '../run-message.ts';
import type { StudyRun } from '../study-directory.ts';
import { receiveParcel } from './parcel.ts';
import { connectRedis, parcelKey, queueName, type RunJob, studyKey } from './run-queue.ts';

export interface QueuedSetting {
  readonly url: string;
  readonly study: Study;
  readonly configOf: (run: StudyRun) => TrainingConfig;
  /** Content fingerprint of the data. */
  readonly content: string;
  readonly onBegun: (run: StudyRun) => void;
  readonly onProgress: (run: StudyRun, progress: RunProgress) => void;
  /** Called after each run that ended and whose directory is here. */
  readonly onEnd: (run: StudyRun, end: RunEnd) => Promise<void>;
}

interface QueueConnection {
  readonly redis: Redis;
  readonly queue: Queue<RunJob, RunEnd>;
  readonly events: QueueEvents;
  close(): Promise<void>;
}

async function openQueue(url: string): Promise<QueueConnection> {
  const redis = await connectRedis(url);
  const queue = new Queue<RunJob, RunEnd>(queueName, { connection: redis });
  const listening = redis.duplicate();
  const events = new QueueEvents(queueName, { connection: listening });
  const close = async () => {
    try {
      await events.close();
      await queue.close();
    } finally {
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

/** Puts the runs on the queue. Those that were put there before and have ended since are fetched at once. */
export async function startQueuedRuns(
  runs: readonly StudyRun[],
  setting: QueuedSetting,
): Promise<RunsUnderWay> {
  const connection = await openQueue(setting.url);
  try {
    const { queue, events } = connection;
    const byJob = new Map(runs.map((run) => [jobId(setting.study, run), run]));
    events.on('active', ({ jobId: id }) => {
      const run = byJob.get(id);
      if (run !== undefined) setting.onBegun(run);
    });
    events.on('progress', ({ jobId: id, data }) => {
      const [run, message] = [byJob.get(id), runMessageSchema.safeParse(data)];
      if (run !== undefined && message.data?.kind === 'progress') setting.onProgress(run, message.data);
    });
    const jobs = await Promise.all(runs.map((run) => enqueued(queue, run, setting)));
    return followRuns(runs, jobs, connection, setting);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function followRuns(
  runs: readonly StudyRun[],
  jobs: readonly Job<RunJob, RunEnd>[],
  { redis, events, close }: QueueConnection,
  { onEnd }: QueuedSetting,
): RunsUnderWay {
  let [stopped, letGo] = [false, () => {}];
  const stopping = new Promise<void>((resolve) => {
    letGo = resolve;
  });

  async function follow(run: StudyRun, job: Job<RunJob, RunEnd>): Promise<void> {
    const end = await Promise.race([endOf(job, events), stopping]);
    if (end === undefined) return;
    const key = parcelKey(job.data);
    await receiveParcel(redis, key, run.directory);
    await onEnd(run, end);
    await job.remove();
    await redis.del(key);
  }

  async function follows(): Promise<boolean> {
    try {
      await Promise.all(runs.map((run, i) => follow(run, jobs[i] as Job<RunJob, RunEnd>)));
      return stopped;
    } finally {
      await close();
    }
  }

  return {
    ended: follows(),
    stop() {
      stopped = true;
      void Promise.allSettled(jobs.map((job) => removeIfWaiting(job))).then(letGo);
    },
  };
}

function jobId(study: Study, run: StudyRun): string {
  return `${studyKey(study)}-${run.name}`;
}

/** The job of a run: the one that is there from before, unless it failed; else a new one. */
async function enqueued(
  queue: Queue<RunJob, RunEnd>,
  run: StudyRun,
  { study, configOf, content }: QueuedSetting,
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
  };
  return queue.add(run.name, data, { jobId: id });
}

/** How the worker says that the run ended; a job that BullMQ itself gives up has failed. */
async function endOf(job: Job<RunJob, RunEnd>, events: QueueEvents): Promise<RunEnd> {
  try {
    return runEndSchema.parse(await job.waitUntilFinished(events));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', failure: { code: 'internal', message } };
  }
}

/** A job that a worker has begun goes on; what it gives is fetched when the study goes on. */
async function removeIfWaiting(job: Job<RunJob, RunEnd>): Promise<void> {
  if (await job.isWaiting()) await job.remove();
}
