/**
 * One run at a time, whatever is asked: WebGPU refuses a run that begins before the last one has ended, and two at once on wasm only
 * slow each other. In a lane the latest request wins: what waits there and is not begun gives way, so that frames are dropped and
 * never queued.
 */
interface Waiting {
  readonly lane: string | undefined;
  readonly run: () => Promise<void>;
  readonly onSuperseded: () => void;
}

export interface RunQueue {
  /** Adds a run; `lane` undefined never gives way. `run` must not reject. */
  add(lane: string | undefined, run: () => Promise<void>, onSuperseded: () => void): void;
}

export function runQueue(): RunQueue {
  const waiting: Waiting[] = [];
  let running = false;

  async function drain(): Promise<void> {
    if (running) return;
    running = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.run();
    running = false;
  }

  return {
    add(lane, run, onSuperseded) {
      const older = lane === undefined ? -1 : waiting.findIndex((entry) => entry.lane === lane);
      // The newer run takes the older one's place, so a busy lane cannot push another one back.
      const [superseded] = older < 0 ? [] : waiting.splice(older, 1, { lane, run, onSuperseded });
      if (superseded === undefined) waiting.push({ lane, run, onSuperseded });
      superseded?.onSuperseded();
      void drain();
    },
  };
}
