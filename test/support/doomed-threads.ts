/** Loaded before a command: on SIGUSR2 every thread of the process ends, and each one started later. */
import { Worker } from 'node:worker_threads';

const threads = new Set<Worker>();
let areDoomed = false;

// Whoever starts a thread listens to it.
const { on } = Worker.prototype;
Worker.prototype.on = function (this: Worker, ...listening: Parameters<typeof on>) {
  const isNew = !threads.has(this);
  threads.add(this);
  // The first to listen is its own constructor, before there is a thread.
  if (areDoomed && isNew) setImmediate(() => void this.terminate());
  return on.apply(this, listening);
} as typeof on;

process.on('SIGUSR2', () => {
  areDoomed = true;
  for (const thread of threads) void thread.terminate();
});
