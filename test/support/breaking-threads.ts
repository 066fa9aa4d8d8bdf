/** Our own threads, which can be made to break. */
import { BroadcastChannel } from 'node:worker_threads';

export type BreakOrder = 'throw' | 'exit';

export const breakingThreads = {
  inference: new URL('./breaking-inference-thread.ts', import.meta.url),
  preparation: new URL('./breaking-preparation-thread.ts', import.meta.url),
  picture: new URL('./breaking-picture-thread.ts', import.meta.url),
};

const name = 'textura-test-break';

/** In the test: breaks every thread that listens, as soon as it is between two pieces of native work. */
export function breakThreads(order: BreakOrder): void {
  const channel = new BroadcastChannel(name);
  channel.postMessage(order);
  channel.close();
}

/** In a thread. */
export function listenForBreaks(): void {
  const channel = new BroadcastChannel(name);
  channel.unref();
  channel.onmessage = (event) => {
    if ((event as { data: BreakOrder }).data === 'exit') process.exit(7);
    throw new Error('broken by a test');
  };
}
