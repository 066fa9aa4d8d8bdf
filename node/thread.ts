/** Worker threads whose code is TypeScript, on every Node that the product runs on. */
import { getPriority, setPriority } from 'node:os';
import { Worker, workerData } from 'node:worker_threads';
import './native-environment.ts';

/** Starts a thread on a module of ours. `data` reaches it through `threadData`; shared memory in it stays shared. */
export function startThread(module: URL, data: unknown): Worker {
  // Flags such as --import do not reach the loader of a thread on Node 20: the thread registers it itself.
  return new Worker(new URL('./thread-start.mjs', import.meta.url), {
    workerData: { module: module.href, data },
    execArgv: [],
  });
}

/** In a thread: what it was started with. The module that starts it and the one that it runs agree on the type. */
export function threadData<T>(): T {
  return (workerData as { data: T }).data;
}

/** Whether a view is all of its memory, so that moving that to a thread takes nothing else along. */
export function ownsMemory<T extends Uint8Array | Float32Array>(view: T): view is T & OwnMemory<T> {
  return view.buffer instanceof ArrayBuffer && view.byteLength === view.buffer.byteLength;
}

type OwnMemory<T> = T extends Float32Array ? Float32Array<ArrayBuffer> : Uint8Array<ArrayBuffer>;

/**
 * In a thread: raises its nice value to this one, on Linux, where a priority is a thread's own. A higher one
 * stays, because only root may lower it. Never throws: some sandboxes forbid even raising it.
 */
export function lowerPriority(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    if (getPriority() < niceness) setPriority(niceness);
  } catch {}
}
