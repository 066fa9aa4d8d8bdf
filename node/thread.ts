/** Starts worker threads with our modules, on every supported version of Node. */
import { getPriority, setPriority } from 'node:os';
import { Worker, workerData } from 'node:worker_threads';
import './native-environment.ts';
import { startable } from './own-module.ts';

/**
 * Starts a thread that runs `module`, which gets `data` from `threadData`. Shared memory in `data` stays
 * shared.
 */
export function startThread(module: URL, data: unknown): Worker {
  const { url, execArgv } = startable(module);
  const entry = execArgv.length === 0 ? url : new URL('./thread-start.mjs', import.meta.url);
  return new Worker(entry, { workerData: { module: url.href, data }, execArgv: [] });
}

/** In a thread: the `data` that it was started with. */
export function threadData<T>(): T {
  return (workerData as { data: T }).data;
}

/** Whether a view covers its whole buffer, so that transferring the buffer transfers nothing else. */
export function ownsMemory<T extends Uint8Array | Float32Array>(view: T): view is T & OwnMemory<T> {
  return view.buffer instanceof ArrayBuffer && view.byteLength === view.buffer.byteLength;
}

type OwnMemory<T> = T extends Float32Array ? Float32Array<ArrayBuffer> : Uint8Array<ArrayBuffer>;

/**
 * In a thread: raises its nice value, on Linux, where threads have their own priority. A higher value stays,
 * because only root may lower it. Never throws: some sandboxes forbid raising it too.
 */
export function lowerPriority(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    if (getPriority() < niceness) setPriority(niceness);
  } catch {}
}
