/**
 * Forms batches of what is waiting. While nothing is computed, whatever comes is computed at once, on all cores; while something is,
 * work gathers until it fills a batch that is worth a lane of its own. So an idle server adds no delay and a busy one computes batches.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TexturaError } from '../../model/error.ts';
import { patchBytes } from '../../model/patch.ts';
import { ownsMemory } from '../../node/thread.ts';
import { FairQueue } from './fair-queue.ts';
import type { InferenceLane, InferenceResult } from './inference-lane.ts';

/**
 * Names of a model's sessions. On the first lane, while no other computes, `few` and `many` compute small and large batches on all
 * cores; beside other lanes each of the first `lanes` computes on its share of them with `beside`.
 */
export interface ModelSessions {
  readonly few: string;
  many: string;
  beside: string;
  lanes: number;
  /** Told when a large batch begins, so that sessions that are made for it can be opened; the names above then change. */
  onLargeBatch?: (() => void) | undefined;
}

export interface BatchSettings {
  /** Most patches of a batch; no less than an image can have. */
  readonly batchPatches: number;
  /** Patches from which on a batch is a large one. */
  readonly manyFromPatches: number;
  /** Patches that must wait before a lane begins beside another that computes. */
  readonly gatherPatches: number;
}

export interface InferredPatches {
  /** `[count,C]`. */
  readonly logits: Float32Array;
  /** From submission to the start of the run. */
  readonly waitMs: number;
  readonly inferMs: number;
  /** Patches of the whole batch that it was computed in. */
  readonly batchPatches: number;
}

/** `[count,64,64]` grey levels: bytes of an image, or the floats that a client sent. */
export type PatchValues = Uint8Array | Float32Array;
type MovablePatches = Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** Jobs of a batch that are answered in one turn of the event loop. */
const answersATurn = 4;

interface Job {
  /** Gone once it is computed; their number stays. */
  readonly patches: PatchValues;
  readonly count: number;
  readonly queuedAt: number;
  readonly onAbort: () => void;
  readonly signal: AbortSignal;
  resolve(result: InferredPatches): void;
  reject(error: unknown): void;
}

interface BatchResult extends InferenceResult {
  readonly batchPatches: number;
}

interface Line {
  readonly queue: FairQueue<Job>;
  waitingPatches: number;
}

export class Batcher {
  readonly #lanes: readonly InferenceLane[];
  readonly #settings: BatchSettings;
  readonly #busy = new Set<InferenceLane>();
  /** Lines that have jobs, in the order of their turns. */
  readonly #lines = new Map<ModelSessions, Line>();
  #isClosed = false;

  constructor(lanes: readonly InferenceLane[], settings: BatchSettings) {
    this.#lanes = lanes;
    this.#settings = settings;
    for (const { events } of lanes) events.on('ready', () => this.#dispatch());
  }

  /** Jobs that wait for a lane. */
  get waiting(): number {
    let jobs = 0;
    for (const { queue } of this.#lines.values()) jobs += queue.size;
    return jobs;
  }

  /**
   * Computes `[count,64,64]` patches, at most a batch of them, which are given away. `signal` takes them out of the queue. Errors: its
   * reason, `internal`; `ThreadLost` where the thread that computed it was lost.
   */
  submit(
    client: string,
    sessions: ModelSessions,
    patches: PatchValues,
    signal: AbortSignal,
  ): Promise<InferredPatches> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#isClosed) return reject(closed());
      if (patches.length > this.#settings.batchPatches * patchBytes) {
        throw new TexturaError('internal', `a job of ${patches.length / patchBytes} patches fits no batch`);
      }
      const line = this.#lines.get(sessions) ?? { queue: new FairQueue<Job>(), waitingPatches: 0 };
      const onAbort = () => {
        if (!line.queue.remove(client, job)) return;
        line.waitingPatches -= job.count;
        if (line.queue.size === 0) this.#lines.delete(sessions);
        reject(signal.reason);
      };
      const count = patches.length / patchBytes;
      const job: Job = { patches, count, queuedAt: performance.now(), signal, onAbort, resolve, reject };
      this.#lines.set(sessions, line);
      line.queue.push(client, job);
      line.waitingPatches += job.count;
      signal.addEventListener('abort', onAbort);
      this.#dispatch();
    });
  }

  /** Rejects the jobs that wait for a lane, and every later one. */
  close(): void {
    this.#isClosed = true;
    for (const { queue } of this.#lines.values()) {
      for (let job = queue.take(); job !== undefined; job = queue.take()) {
        job.signal.removeEventListener('abort', job.onAbort);
        job.reject(closed());
      }
    }
    this.#lines.clear();
  }

  #dispatch(): void {
    for (const [place, lane] of this.#lanes.entries()) {
      if (this.#busy.has(lane) || !lane.isReady) continue;
      const isIdle = this.#busy.size === 0;
      const sessions = this.#nextModel(place, isIdle ? 1 : this.#settings.gatherPatches);
      if (sessions !== undefined)
        this.#start(lane, sessions, this.#takeBatch(sessions), isIdle && place === 0);
    }
  }

  /** The model whose turn it is, of those that this lane has and with enough patches waiting; it goes to the end of the turns. */
  #nextModel(place: number, leastPatches: number): ModelSessions | undefined {
    for (const [sessions, line] of this.#lines) {
      if (line.waitingPatches < leastPatches || place >= sessions.lanes) continue;
      this.#lines.delete(sessions);
      this.#lines.set(sessions, line);
      return sessions;
    }
    return undefined;
  }

  #takeBatch(sessions: ModelSessions): readonly Job[] {
    const line = this.#lines.get(sessions);
    const jobs: Job[] = [];
    let room = this.#settings.batchPatches;
    for (;;) {
      const job = line?.queue.take((candidate) => candidate.count <= room);
      if (line === undefined || job === undefined) return jobs;
      job.signal.removeEventListener('abort', job.onAbort);
      room -= job.count;
      line.waitingPatches -= job.count;
      if (line.queue.size === 0) this.#lines.delete(sessions);
      jobs.push(job);
    }
  }

  async #start(
    lane: InferenceLane,
    sessions: ModelSessions,
    jobs: readonly Job[],
    isAlone: boolean,
  ): Promise<void> {
    this.#busy.add(lane);
    const startedAt = performance.now();
    try {
      await answer(jobs, startedAt, await this.#infer(lane, sessions, jobs, isAlone));
    } catch (error) {
      for (const job of jobs) job.reject(error);
    }
  }

  /** Whatever happens, the lane is free afterwards. */
  async #infer(
    lane: InferenceLane,
    { few, many, beside, onLargeBatch }: ModelSessions,
    jobs: readonly Job[],
    isAlone: boolean,
  ): Promise<BatchResult> {
    try {
      const patches = concatenated(jobs);
      const batchPatches = patches.length / patchBytes;
      const isLarge = batchPatches >= this.#settings.manyFromPatches;
      const whileAlone = isLarge ? many : few;
      if (isLarge) onLargeBatch?.();
      return { ...(await lane.run(isAlone ? whileAlone : beside, patches)), batchPatches };
    } finally {
      this.#free(lane);
    }
  }

  #free(lane: InferenceLane): void {
    this.#busy.delete(lane);
    this.#dispatch();
  }
}

function closed(): TexturaError {
  return new TexturaError('internal', 'the batcher is closed');
}

async function answer(
  jobs: readonly Job[],
  startedAt: number,
  { logits, inferMs, batchPatches }: BatchResult,
): Promise<void> {
  const classes = logits.length / batchPatches;
  let row = 0;
  for (const [place, job] of jobs.entries()) {
    // Answers, and the requests that follow them, come in small groups: all at once would hold the loop.
    if (place > 0 && place % answersATurn === 0) await nextTurn();
    const end = row + job.count;
    const own = logits.subarray(row * classes, end * classes);
    job.resolve({ logits: own, waitMs: startedAt - job.queuedAt, inferMs, batchPatches });
    row = end;
  }
}

/** In one piece of memory that can be moved; bytes as long as all are, which are a quarter of the memory to move. */
function concatenated(jobs: readonly Job[]): MovablePatches {
  const [first] = jobs;
  if (first !== undefined && jobs.length === 1 && ownsMemory(first.patches)) return first.patches;
  const length = jobs.reduce((sum, { patches }) => sum + patches.length, 0);
  const areBytes = jobs.every(({ patches }) => patches instanceof Uint8Array);
  const values = areBytes ? new Uint8Array(length) : new Float32Array(length);
  let at = 0;
  for (const { patches } of jobs) {
    values.set(patches, at);
    at += patches.length;
  }
  return values;
}
