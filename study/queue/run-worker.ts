/** A worker takes runs from the queue, one process each, and sends their directories back: checkpoints on the way, all in the end. */
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Job, WaitingError, Worker } from 'bullmq';
import { runFiles } from '../../model/run-file.ts';
import { productVersion } from '../../node/product-version.ts';
import { type RunChild, startRunChild } from '../run-child.ts';
import type { Computing, RunEnd } from '../run-message.ts';
import { receiveParcel, sendParcel } from './parcel.ts';
import { connectRedis, parcelKey, queueName, type RunJob, runJobSchema } from './run-queue.ts';

export interface WorkerSetting {
  readonly url: string;
  /** Where the data is on this machine; undefined where it is where the study says. */
  readonly data: string | undefined;
  /** Folder for the directories of runs under way. */
  readonly workFolder: string;
  readonly computing: Computing;
  /** Runs at a time. */
  readonly atOnce: number;
  /** After this long without a sign of life a worker is taken for dead and its runs go to others. */
  readonly stallSeconds: number;
  readonly onLine: (text: string) => void;
}

export interface RunWorker {
  /** Sends back what is under way, which then waits for another worker, and ends. */
  close(): Promise<void>;
}

/** A run may lose this many workers before it counts as failed. */
const mostLostWorkers = 20;
const checkpointLookMs = 1000;

/** Errors: `engine-unavailable` where no Redis server answers. */
export async function startRunWorker(setting: WorkerSetting): Promise<RunWorker> {
  const redis = await connectRedis(setting.url);
  const files = redis.duplicate();
  const underWay = new Set<RunChild>();

  async function processJob(job: Job<RunJob, RunEnd>, token?: string): Promise<RunEnd> {
    const order = runJobSchema.parse(job.data);
    const refusal = refusalOf(order);
    if (refusal !== undefined) return refusal;
    const [key, directory] = [parcelKey(order), join(setting.workFolder, order.study, order.run)];
    const resumes = await receiveParcel(files, key, directory);
    setting.onLine(`${order.run}: ${resumes ? 'resumes from the checkpoint of another worker' : 'begins'}`);
    const end = await trainAndSend(
      order,
      directory,
      (message) => void job.updateProgress(message).catch(() => {}),
    );
    setting.onLine(`${order.run}: ${end.kind === 'failed' ? `failed: ${end.failure.message}` : end.kind}`);
    await rm(directory, { recursive: true, force: true });
    if (end.kind !== 'stopped') return end;
    await job.moveToWait(token);
    throw new WaitingError();
  }

  async function trainAndSend(
    order: RunJob,
    directory: string,
    onMessage: (message: object) => void,
  ): Promise<RunEnd> {
    const { computing, data = order.config.data } = setting;
    const { content } = order;
    const config = { ...order.config, data };
    const child = startRunChild({ config, directory, computing, content }, onMessage);
    underWay.add(child);
    const sending = sendCheckpoints(directory, () => sendParcel(files, parcelKey(order), directory));
    const end = await child.ended;
    underWay.delete(child);
    await sending.stop();
    const isWanted = (path: string) => end.kind === 'stopped' || !path.startsWith(`${runFiles.checkpoints}/`);
    // A run that failed before it began has no directory.
    if (await modifiedMs(join(directory, runFiles.run)))
      await sendParcel(files, parcelKey(order), directory, isWanted);
    return end;
  }

  const worker = new Worker<RunJob, RunEnd>(queueName, processJob, {
    connection: redis,
    concurrency: setting.atOnce,
    lockDuration: setting.stallSeconds * 1000,
    stalledInterval: setting.stallSeconds * 1000,
    maxStalledCount: mostLostWorkers,
  });
  worker.on('error', (error) => setting.onLine(`queue: ${error.message}`));
  worker.on('stalled', (id) => setting.onLine(`${id}: its worker is gone`));
  async function close(): Promise<void> {
    for (const child of underWay) child.stop();
    try {
      await worker.close();
    } finally {
      files.disconnect();
      redis.disconnect();
    }
  }
  try {
    await worker.waitUntilReady();
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function refusalOf({ textura }: RunJob): RunEnd | undefined {
  if (textura === productVersion()) return undefined;
  const message = `the study is of Textura ${textura}, the worker is ${productVersion()}; give all machines one version`;
  return { kind: 'failed', failure: { code: 'usage', message } };
}

/** Sends the directory each time that it has a new checkpoint. */
function sendCheckpoints(directory: string, send: () => Promise<void>) {
  const last = join(directory, runFiles.checkpoints, 'last.safetensors');
  let [sentMs, busy] = [0, Promise.resolve()];
  async function look(): Promise<void> {
    const writtenMs = (await modifiedMs(last)) ?? 0;
    if (writtenMs <= sentMs) return;
    await send();
    sentMs = writtenMs;
  }
  const timer = setInterval(() => {
    busy = busy.then(look);
  }, checkpointLookMs);
  return {
    async stop() {
      clearInterval(timer);
      await busy;
    },
  };
}

async function modifiedMs(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}
