/** A batch thread: makes the batches that it is asked for, in the order asked. */
import { parentPort } from 'node:worker_threads';
import { TexturaError } from '../../model/error.ts';
import { threadData } from '../../node/thread.ts';
import { type BatchRequest, type BatchSetting, batchMaker } from './batch-maker.ts';
import type { BatchAnswer } from './batches.ts';

const make = batchMaker(threadData<BatchSetting>());

let lastAnswered: Promise<void> = Promise.resolve();

// One after another: images decoded on demand arrive when they like, and answers are told apart by their order alone.
parentPort?.on('message', (request: BatchRequest) => {
  lastAnswered = lastAnswered.then(() => answer(request));
});

async function answer(request: BatchRequest): Promise<void> {
  const made = await answerTo(request);
  parentPort?.postMessage(made, 'batch' in made ? [made.batch.patches.buffer as ArrayBuffer] : []);
}

async function answerTo(request: BatchRequest): Promise<BatchAnswer> {
  const startedAt = performance.now();
  try {
    const batch = await make(request);
    return { batch, makingMs: performance.now() - startedAt };
  } catch (error) {
    const code = error instanceof TexturaError ? error.code : 'internal';
    return { failure: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}
