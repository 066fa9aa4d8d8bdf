/** The page's end of the worker that teaches. */
import { InferenceError } from '../../shared/faults.ts';
import type { TaughtResult, TeachingNews, TeachingOrder } from '../../shared/teaching-messages.ts';
import { runtimeFolder } from '../inference/inference.ts';
import { startWorker } from '../start-worker.ts';

export type TeachingProgress = Extract<TeachingNews, { kind: 'progress' }>;

export interface Teaching {
  /** Undefined where it was stopped. Rejects with what went wrong. */
  readonly result: Promise<TaughtResult | undefined>;
  onProgress(look: (progress: TeachingProgress) => void): void;
  stop(): void;
}

/** Begins to teach in a worker of its own, which ends with it: all of its memory comes back. */
export function teach(order: Omit<TeachingOrder, 'folder'>): Teaching {
  let look: (progress: TeachingProgress) => void = () => {};
  let stop: () => void = () => {};
  let fail: (error: InferenceError) => void = () => {};
  const worker = startWorker('teaching-worker', (cause) => fail(new InferenceError(cause)));
  const result = new Promise<TaughtResult | undefined>((resolve, reject) => {
    stop = () => resolve(undefined);
    fail = reject;
    worker.addEventListener('message', ({ data }: MessageEvent<TeachingNews>) => {
      if (data.kind === 'progress') look(data);
      else if (data.kind === 'done') resolve(data.result);
      else reject(new InferenceError(data.fault));
    });
  }).finally(() => worker.terminate());
  worker.postMessage({ ...order, folder: runtimeFolder() } satisfies TeachingOrder);
  return {
    result,
    onProgress(next) {
      look = next;
    },
    stop: () => stop(),
  };
}
