/** A loader worker: makes the batches that the data loader requests, in the order of the requests. */
import { parentPort } from 'node:worker_threads';
import { faultOf } from '../../model/error.ts';
import { threadData } from '../../node/thread.ts';
import { type BatchRequest, collator, type LoaderSettings } from './collate.ts';
import type { LoaderReply, LoaderRequest } from './data-loader.ts';

const collate = collator(threadData<LoaderSettings>());

let lastReply: Promise<void> = Promise.resolve();

// Replies carry no id, so they are sent in the order of the requests, whichever images are decoded first.
parentPort?.on('message', (request: LoaderRequest) => {
  if (request === 'end') process.exit();
  lastReply = lastReply.then(() => reply(request));
});

async function reply(request: BatchRequest): Promise<void> {
  const made = await replyTo(request);
  parentPort?.postMessage(made, 'batch' in made ? [made.batch.patches.buffer as ArrayBuffer] : []);
}

async function replyTo(request: BatchRequest): Promise<LoaderReply> {
  const startedAt = performance.now();
  try {
    const batch = await collate(request);
    return { batch, collateMs: performance.now() - startedAt };
  } catch (error) {
    return { failure: { ...faultOf(error), stack: error instanceof Error ? error.stack : undefined } };
  }
}
