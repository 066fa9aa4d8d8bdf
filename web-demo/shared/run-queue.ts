/**
 * One run at a time, whatever is asked: WebGPU refuses a run that begins before the last one has ended, and two at once on wasm only
 * slow each other. In a lane the latest request wins: what waits there and has not begun gives way, so that frames are dropped and
 * never queued. A run that fails is its caller's fault to handle: the queue goes on with the next.
 */

/** What a run gives where a newer one of its lane took its place. */
export const superseded = Symbol('superseded');

interface Waiting {
  readonly lane: string | undefined;
  /** Never rejects. */
  readonly begin: () => Promise<void>;
  readonly giveWay: () => void;
}

export interface RunQueue {
  /** Settles as `run` does; `superseded` where a newer run of the lane took its place. `lane` undefined never gives way. */
  add<T>(lane: string | undefined, run: () => Promise<T>): Promise<T | typeof superseded>;
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

  function add<T>(lane: string | undefined, run: () => Promise<T>): Promise<T | typeof superseded> {
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        lane,
        begin: async () => {
          try {
            resolve(await run());
          } catch (error) {
            reject(error);
          }
        },
        giveWay: () => resolve(superseded),
      };
      const older = lane === undefined ? -1 : waiting.findIndex((other) => other.lane === lane);
      // The newer run takes the older one's place, so a busy lane cannot push another one back.
      const [replaced] = older < 0 ? [] : waiting.splice(older, 1, entry);
      if (replaced === undefined) waiting.push(entry);
      else replaced.giveWay();
      void drain();
    });
  }
  return { add };
}
