/**
 * The data loader: worker threads prepare the next batches while the engine computes, which blocks the main
 * thread.
 */
import type { Worker } from 'node:worker_threads';
import { type Fault, messageOf, TexturaError } from '../../model/error.ts';
import type { Batch } from '../../model/patch.ts';
import { startThread } from '../../node/thread.ts';
import type { Engine } from '../engine/engine.ts';
import type { BatchRequest, LoaderSettings } from './collate.ts';

/** What a worker is asked: for a batch, or to exit. */
export type LoaderRequest = BatchRequest | 'end';

/** A worker's replies come in the order of the requests. */
export type LoaderReply =
  | { readonly batch: Batch; readonly collateMs: number }
  | { readonly failure: LoaderFailure };

interface LoaderFailure extends Fault {
  /** Where it was thrown; internal errors are reported with it. */
  readonly stack?: string | undefined;
}

/** Shows which is slower, the data loader or the engine. */
export interface LoaderTimes {
  patches: number;
  /** Time that the workers spent making the patches. */
  collateMs: number;
  /** Time that the consumer spent waiting for a batch. */
  waitingMs: number;
}

export interface DataLoader {
  /** The requested batches in order, prefetched. The consumer may leave the loop early. */
  batches(requests: readonly BatchRequest[]): AsyncGenerator<Batch>;
  readonly times: LoaderTimes;
  /** Ends the workers, which keep the process alive until then. */
  close(): Promise<void>;
}

/** One batch in work and one ready. */
const prefetchedPerWorker = 2;

/** About 10,000 patches a second each with the strong augmentation. */
const mostCuttingWorkers = 8;

/**
 * Number of workers for an engine. One that cuts cached pixels keeps up with an engine on the CPU, but not
 * with a GPU. Decoding is slower than any engine, so it gets all threads.
 */
export function loaderWorkers(
  { pixels }: Pick<LoaderSettings, 'pixels'>,
  { device }: Pick<Engine, 'device'>,
  threads: number,
): number {
  if (pixels === undefined) return Math.max(2, threads);
  return device === 'cpu' ? 1 : Math.max(1, Math.min(mostCuttingWorkers, threads - 1));
}

/** Prefetches at least `ahead` batches. */
export function startDataLoader(settings: LoaderSettings, workerCount: number, ahead = 0): DataLoader {
  const prefetched = Math.max(ahead, workerCount * prefetchedPerWorker);
  const share = { ...settings, cacheBytes: settings.cacheBytes / workerCount };
  const workers = Array.from({ length: workerCount }, () => startWorker(share));
  const times: LoaderTimes = { patches: 0, collateMs: 0, waitingMs: 0 };

  async function* batches(requests: readonly BatchRequest[]): AsyncGenerator<Batch> {
    const inFlight: Promise<LoaderReply>[] = [];
    let requested = 0;
    const prefetch = () => {
      while (requested < requests.length && inFlight.length < prefetched) {
        const worker = workers[requested % workerCount] as LoaderWorker;
        inFlight.push(worker.request(requests[requested] as BatchRequest));
        requested++;
      }
    };
    for (prefetch(); inFlight.length > 0; prefetch()) {
      const startedAt = performance.now();
      const reply = await (inFlight.shift() as Promise<LoaderReply>);
      times.waitingMs += performance.now() - startedAt;
      if ('failure' in reply) throw errorOf(reply.failure);
      times.collateMs += reply.collateMs;
      times.patches += reply.batch.labels.length;
      yield reply.batch;
    }
  }

  const close = async () => {
    await Promise.all(workers.map((worker) => worker.close()));
  };
  return { batches, times, close };
}

function errorOf({ code, message, stack }: LoaderFailure): TexturaError {
  const error = new TexturaError(code, message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Splits the patches `from` to `patches` into ranges of `batch`; the last one may be smaller. */
export function batchRanges(
  patches: number,
  batch: number,
  from = 0,
): readonly { start: number; count: number }[] {
  return Array.from({ length: Math.max(0, Math.ceil((patches - from) / batch)) }, (_, i) => {
    const start = from + i * batch;
    return { start, count: Math.min(batch, patches - start) };
  });
}

interface LoaderWorker {
  request(request: BatchRequest): Promise<LoaderReply>;
  close(): Promise<void>;
}

function startWorker(settings: LoaderSettings): LoaderWorker {
  const thread: Worker = startThread(new URL('./loader-worker.ts', import.meta.url), settings);
  const pending: ((reply: LoaderReply) => void)[] = [];
  let failure: LoaderFailure | undefined;
  const end = (message: string, stack?: string) => {
    failure ??= { code: 'internal', message, stack };
    for (const settle of pending.splice(0)) settle({ failure });
  };
  thread.on('message', (reply: LoaderReply) => {
    pending.shift()?.(reply);
  });
  thread.on('error', (error) =>
    end(`a loader worker failed: ${messageOf(error)}`, error instanceof Error ? error.stack : undefined),
  );
  const exited = new Promise<void>((resolve) => {
    thread.on('exit', () => {
      end('a loader worker exited');
      resolve();
    });
  });
  return {
    request: (request) =>
      new Promise((settle) => {
        if (failure !== undefined) {
          settle({ failure });
          return;
        }
        pending.push(settle);
        thread.postMessage(request);
      }),
    // It exits by itself: Node aborts the process if a thread is terminated while it starts to inflate a PNG.
    close() {
      thread.postMessage('end' satisfies LoaderRequest);
      return exited;
    },
  };
}
