/**
 * Takes runs from the queue, trains each in a process, and sends its directory back: during training with its
 * checkpoints, at the end without those of a run that has its result.
 */
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, WaitingError, Worker } from 'bullmq';
import { messageOf, TexturaError } from '../../model/error.ts';
import { runFiles } from '../../model/run-file.ts';
import { productVersion } from '../../node/product-version.ts';
import { areGroupFiles } from '../../training/data/groups.ts';
import { type Computing, type RunEnd, startTrainer, type TrainerProcess } from '../trainer.ts';
import { archiveKey, connectRedis, queueName, type RunJob, reportProblems, runJobSchema } from './job.ts';
import { receiveArchive, sendArchive } from './run-archive.ts';

interface QueueWorkerOptions {
  readonly url: string;
  /** The data folder on this machine; by default the study's. */
  readonly data: string | undefined;
  /** The file of groups on this machine, for studies that have one; by default the study's. */
  readonly group?: string | undefined;
  /** Folder for the directories of active runs. */
  readonly workFolder: string;
  readonly computing: Computing;
  readonly parallelRuns: number;
  /** A worker that does not answer for this long has lost its runs to other workers. */
  readonly stallSeconds: number;
  readonly onLine: (text: string) => void;
}

interface RunWorker {
  /** Why it takes no more runs: it has another version of Textura than the study. */
  readonly refused: Promise<TexturaError>;
  /** Sends active runs back to the queue, for other workers, and ends. */
  close(): Promise<void>;
}

/** A run fails after it has lost this many workers. */
const mostLostWorkers = 20;
const checkpointPollMs = 1000;
/** Interval at which the files of a run that has ended are sent again, as to a server without free memory. */
const resendMs = 5000;

/** Errors: `engine-unavailable` where no Redis server answers. */
export async function startRunWorker(options: QueueWorkerOptions): Promise<RunWorker> {
  const redis = await connectRedis(options.url);
  const files = redis.duplicate();
  const active = new Set<TrainerProcess>();
  const closing = new AbortController();
  let refuse = (_: TexturaError): void => {};
  const refused = new Promise<TexturaError>((resolve) => {
    refuse = resolve;
  });

  /** Returns the run to the queue, for another worker. */
  async function returned(job: Job<RunJob, RunEnd>, token?: string): Promise<never> {
    await job.moveToWait(token);
    throw new WaitingError();
  }

  async function processJob(job: Job<RunJob, RunEnd>, token?: string): Promise<RunEnd> {
    // Before the order is parsed: that of another version may have other settings.
    const refusal = refusalOf(job.data);
    if (refusal !== undefined) {
      // Otherwise it would take one run after another.
      await worker.pause(true);
      refuse(refusal);
      return returned(job, token);
    }
    const order = runJobSchema.parse(job.data);
    const directory = join(options.workFolder, `${order.study}-${order.run}`);
    let end: RunEnd;
    let isKept = false;
    try {
      const resumes = await receiveArchive(files, archiveKey(order), directory);
      options.onLine(`${order.run}: ${resumes ? 'resumes from its checkpoint' : 'starts'}`);
      isKept = true;
      end = await trainAndSend(
        order,
        directory,
        (message) => void job.updateProgress(message).catch(() => {}),
      );
      isKept = false;
    } catch (error) {
      const kept = isKept ? `; they stay in ${directory}` : '';
      const message = `its files were not transferred: ${messageOf(error)}${kept}`;
      options.onLine(`${order.run}: ${message}`);
      throw new TexturaError('output-unwritable', message, { cause: error });
    } finally {
      if (!isKept) await rm(directory, { recursive: true, force: true });
    }
    options.onLine(`${order.run}: ${end.kind === 'failed' ? `failed: ${end.failure.message}` : end.kind}`);
    return end.kind === 'stopped' ? returned(job, token) : end;
  }

  async function trainAndSend(
    order: RunJob,
    directory: string,
    onMessage: (message: object) => void,
  ): Promise<RunEnd> {
    const { data = order.config.data } = options;
    const { content, log } = order;
    const computing = { ...options.computing, ...(log && { log }) };
    const group = areGroupFiles(options.group, order.config.group) ? options.group : order.config.group;
    const config = { ...order.config, data, group };
    const child = startTrainer({ config, directory, computing, content }, onMessage);
    active.add(child);
    // Its files arrived after `close` had stopped the others.
    if (closing.signal.aborted) child.stop();
    const sending = sendCheckpoints(
      directory,
      () => sendArchive(files, archiveKey(order), directory),
      (error) => options.onLine(`${order.run}: a checkpoint was not sent: ${messageOf(error)}`),
    );
    const end = await child.ended;
    active.delete(child);
    await sending.stop();
    const isComplete = end.kind === 'finished' || end.kind === 'diverged';
    const isWanted = (path: string) => !isComplete || !path.startsWith(`${runFiles.checkpoints}/`);
    // A run that failed before it started has no directory.
    if (await modifiedMs(join(directory, runFiles.run)))
      await delivered(order.run, () => sendArchive(files, archiveKey(order), directory, isWanted));
    return end;
  }

  /** Sends until it succeeds, or the worker closes: a run that was trained is not trained again. */
  async function delivered(run: string, send: () => Promise<void>): Promise<void> {
    for (let reported = ''; ; ) {
      try {
        return await send();
      } catch (error) {
        const message = messageOf(error);
        if (closing.signal.aborted) throw error;
        if (message !== reported)
          options.onLine(`${run}: its files are sent again until they arrive: ${message}`);
        reported = message;
      }
      await sleep(resendMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  const worker = new Worker<RunJob, RunEnd>(queueName, processJob, {
    connection: redis,
    concurrency: options.parallelRuns,
    lockDuration: options.stallSeconds * 1000,
    stalledInterval: options.stallSeconds * 1000,
    maxStalledCount: mostLostWorkers,
  });
  reportProblems(redis, [files, worker], options.onLine);
  worker.on('stalled', (id) =>
    options.onLine(`${id.slice(id.indexOf('-') + 1)}: its worker does not answer`),
  );
  async function close(): Promise<void> {
    closing.abort();
    for (const child of active) child.stop();
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
  return { refused, close };
}

function refusalOf({ textura }: Pick<RunJob, 'textura'>): TexturaError | undefined {
  if (textura === productVersion()) return undefined;
  return new TexturaError(
    'usage',
    `the study uses Textura ${textura}, this worker ${productVersion()}; install the same version on all machines`,
  );
}

/**
 * Sends the directory after each new checkpoint. One that cannot be sent is reported to `onFailure` and not sent
 * again: the next one replaces it.
 */
export function sendCheckpoints(
  directory: string,
  send: () => Promise<void>,
  onFailure: (error: unknown) => void,
) {
  const last = join(directory, runFiles.checkpoints, 'last.safetensors');
  let [sentMs, busy] = [0, Promise.resolve()];
  async function sendIfNew(): Promise<void> {
    const writtenMs = (await modifiedMs(last)) ?? 0;
    if (writtenMs <= sentMs) return;
    sentMs = writtenMs;
    await send().catch(onFailure);
  }
  const timer = setInterval(() => {
    busy = busy.then(sendIfNew);
  }, checkpointPollMs);
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
