/**
 * Batches made ahead of the engine by threads. The engine holds the main thread while it computes; meanwhile the threads fill
 * the next batches, so that it finds one waiting.
 */
import type { Worker } from 'node:worker_threads';
import { TexturaError, type TexturaErrorCode } from '../../model/error.ts';
import { startThread } from '../../node/thread.ts';
import type { Batch } from '../engine/engine.ts';
import type { BatchRequest, BatchSetting } from './batch-maker.ts';

/** What a thread sends back, in the order of the requests. */
export type BatchAnswer =
  | { readonly batch: Batch; readonly makingMs: number }
  | { readonly failure: BatchFailure };

/** An error as it crosses from a thread: classes do not, so its code and message go by themselves. */
export interface BatchFailure {
  readonly code: TexturaErrorCode;
  readonly message: string;
}

/** How long batches took, to show which half of the work is the slower one. */
export interface BatchTimes {
  patches: number;
  /** Time that threads spent making them. */
  makingMs: number;
  /** Time that the consumer stood waiting for one. */
  waitingMs: number;
}

export interface BatchSource {
  /** The batches of the requests, in order, each made ahead of its use. Ending the loop early is allowed. */
  batches(requests: readonly BatchRequest[]): AsyncGenerator<Batch>;
  readonly times: BatchTimes;
  /** Ends the threads, which keep the process alive until then. */
  close(): Promise<void>;
}

/** Batches that are under way for each thread: one being made, one waiting to be taken. */
const aheadPerThread = 2;

export function startBatches(setting: BatchSetting, threads: number): BatchSource {
  const share = { ...setting, cacheBytes: setting.cacheBytes / threads };
  const makers = Array.from({ length: threads }, () => startMaker(share));
  const times: BatchTimes = { patches: 0, makingMs: 0, waitingMs: 0 };

  async function* batches(requests: readonly BatchRequest[]): AsyncGenerator<Batch> {
    const underWay: Promise<BatchAnswer>[] = [];
    let asked = 0;
    const askAhead = () => {
      while (asked < requests.length && underWay.length < threads * aheadPerThread) {
        const maker = makers[asked % threads] as Maker;
        underWay.push(maker.ask(requests[asked] as BatchRequest));
        asked++;
      }
    };
    for (askAhead(); underWay.length > 0; askAhead()) {
      const startedAt = performance.now();
      const answer = await (underWay.shift() as Promise<BatchAnswer>);
      times.waitingMs += performance.now() - startedAt;
      if ('failure' in answer) throw new TexturaError(answer.failure.code, answer.failure.message);
      times.makingMs += answer.makingMs;
      times.patches += answer.batch.labels.length;
      yield answer.batch;
    }
  }

  const close = async () => {
    await Promise.all(makers.map((maker) => maker.close()));
  };
  return { batches, times, close };
}

/** Requests for the patches 0 to `patches`, in batches of `batch` with what is left in the last. */
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

interface Maker {
  ask(request: BatchRequest): Promise<BatchAnswer>;
  close(): Promise<unknown>;
}

function startMaker(setting: BatchSetting): Maker {
  const thread: Worker = startThread(new URL('./batch-thread.ts', import.meta.url), setting);
  const waiting: ((answer: BatchAnswer) => void)[] = [];
  let ended: BatchFailure | undefined;
  const end = (message: string) => {
    ended ??= { code: 'internal', message };
    for (const settle of waiting.splice(0)) settle({ failure: ended });
  };
  thread.on('message', (answer: BatchAnswer) => {
    waiting.shift()?.(answer);
  });
  thread.on('error', (error) =>
    end(`a batch thread failed: ${error instanceof Error ? error.stack : error}`),
  );
  thread.on('exit', () => end('a batch thread ended'));
  return {
    ask: (request) =>
      new Promise((settle) => {
        if (ended !== undefined) {
          settle({ failure: ended });
          return;
        }
        waiting.push(settle);
        thread.postMessage(request);
      }),
    close: () => thread.terminate(),
  };
}
