/**
 * Runs tasks one at a time: WebGPU refuses concurrent runs, and on wasm they slow each other down. A task
 * with a key replaces a waiting task with the same key, so that frames are dropped instead of queued. A task
 * that fails rejects only its own promise.
 */

/** The result of a task that a newer one with its key replaced. */
export const superseded = Symbol('superseded');

interface Waiting {
  readonly key: string | undefined;
  /** Never rejects. */
  readonly begin: () => Promise<void>;
  readonly supersede: () => void;
}

interface RunQueue {
  /**
   * Settles as `run` does, or with `superseded` if a newer task replaced this one. Tasks without a key are
   * never replaced.
   */
  add<T>(key: string | undefined, run: () => Promise<T>): Promise<T | typeof superseded>;
}

export function runQueue(): RunQueue {
  const waiting: Waiting[] = [];
  let running = false;

  async function drain(): Promise<void> {
    if (running) return;
    running = true;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.begin();
    } finally {
      running = false;
    }
  }

  function add<T>(key: string | undefined, run: () => Promise<T>): Promise<T | typeof superseded> {
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        key,
        begin: async () => {
          try {
            resolve(await run());
          } catch (error) {
            reject(error);
          }
        },
        supersede: () => resolve(superseded),
      };
      const older = key === undefined ? -1 : waiting.findIndex((other) => other.key === key);
      // The newer task gets the older one's position, so that tasks with other keys are not delayed.
      const [replaced] = older < 0 ? [] : waiting.splice(older, 1, entry);
      if (replaced === undefined) waiting.push(entry);
      else replaced.supersede();
      void drain();
    });
  }
  return { add };
}
