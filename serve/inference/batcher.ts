/**
 * Dynamic batching. If nothing is running, a request runs at once, on all cores. While a batch of its model is
 * running, requests gather until a batch is worth another worker. An idle server adds no delay, and a busy one
 * computes batches.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TexturaError } from '../../model/error.ts';
import { patchBytes } from '../../model/patch.ts';
import type { PatchOutputs } from '../../node/onnxruntime.ts';
import { ownsMemory } from '../../node/thread.ts';
import { FairQueue } from './fair-queue.ts';
import type { InferenceResult, InferenceWorker } from './inference-worker.ts';

/**
 * Batches of one size, to which smaller ones are padded. onnxruntime's CUDA provider keeps cuDNN's plan for one
 * size of a batch only; computing that plan again takes much longer than the padding.
 */
export interface GpuBatch {
  readonly patches: number;
  readonly session: string;
}

/**
 * Names of a model's sessions. If nothing else is running, the first worker uses `smallBatch` or `largeBatch`
 * on all cores. If several run, each of the first `workers` uses `parallel` on its share of the cores.
 */
export interface ModelSessions {
  readonly smallBatch: string;
  largeBatch: string;
  parallel: string;
  workers: number;
  /** On a GPU, instead of the above: a session for each size of a batch, in ascending order. */
  gpuBatches?: readonly GpuBatch[];
  /**
   * Called when a large batch starts, so that the sessions for it can be opened; the names above then change.
   */
  onLargeBatch?: (() => void) | undefined;
}

interface BatchSettings {
  /** Maximum patches in a batch on the CPU; at least as many as an image can have. */
  readonly batchPatches: number;
  /** Smallest number of patches of a large batch. */
  readonly largeBatchPatches: number;
  /** Patches of a model that must wait before a second worker runs it. */
  readonly gatherPatches: number;
}

export interface InferredPatches extends PatchOutputs {
  /** From submission to the start of the run. */
  readonly waitMs: number;
  readonly inferMs: number;
  /** Size of the batch. */
  readonly batchPatches: number;
}

/** `[count,64,64]` grey levels: bytes of an image, or the floats that a client sent. */
type PatchValues = Uint8Array | Float32Array;
type MovablePatches = Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** Jobs of a batch that are answered in one turn of the event loop; all at once would block it. */
const answersPerTurn = 4;

interface Job {
  /** Transferred to the worker when the job runs; `count` stays. */
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
  readonly #workers: readonly InferenceWorker[];
  readonly #settings: BatchSettings;
  /** The model that each busy worker runs. */
  readonly #busy = new Map<InferenceWorker, ModelSessions>();
  /** Queues of the models that have jobs, in the order of their turns. */
  readonly #lines = new Map<ModelSessions, Line>();
  #isClosed = false;

  constructor(workers: readonly InferenceWorker[], settings: BatchSettings) {
    this.#workers = workers;
    this.#settings = settings;
    for (const { events } of workers) events.on('ready', this.#dispatch);
  }

  /** Number of jobs that wait for a worker. */
  get waiting(): number {
    let jobs = 0;
    for (const { queue } of this.#lines.values()) jobs += queue.size;
    return jobs;
  }

  /** Maximum patches in a batch of this model. */
  maxPatches({ gpuBatches }: ModelSessions): number {
    return gpuBatches?.at(-1)?.patches ?? this.#settings.batchPatches;
  }

  /**
   * Runs patches `[count,64,64]`, at most `maxPatches`. Their memory is transferred. Aborting `signal`
   * removes them from the queue.
   * Errors: the signal's reason; `internal`; `ThreadLost` if the worker's thread was lost.
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
      if (patches.length > this.maxPatches(sessions) * patchBytes) {
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

  /** Rejects the waiting jobs and every later one. */
  close(): void {
    this.#isClosed = true;
    for (const { events } of this.#workers) events.off('ready', this.#dispatch);
    for (const { queue } of this.#lines.values()) {
      for (let job = queue.take(); job !== undefined; job = queue.take()) {
        job.signal.removeEventListener('abort', job.onAbort);
        job.reject(closed());
      }
    }
    this.#lines.clear();
  }

  readonly #dispatch = (): void => {
    for (const [place, worker] of this.#workers.entries()) {
      if (this.#busy.has(worker) || !worker.isReady) continue;
      const isIdle = this.#busy.size === 0;
      const sessions = this.#nextModel(place);
      if (sessions !== undefined)
        this.#start(worker, sessions, this.#takeBatch(sessions), isIdle && place === 0);
    }
  };

  /**
   * The first model in turn that this worker has and that has enough patches waiting; it moves to the end of
   * the turns. A model that is not running needs only one, so that a busy model does not hold up another.
   */
  #nextModel(place: number): ModelSessions | undefined {
    const running = new Set(this.#busy.values());
    for (const [sessions, line] of this.#lines) {
      const leastPatches = running.has(sessions) ? this.#settings.gatherPatches : 1;
      if (line.waitingPatches < leastPatches || place >= sessions.workers) continue;
      this.#lines.delete(sessions);
      this.#lines.set(sessions, line);
      return sessions;
    }
    return undefined;
  }

  #takeBatch(sessions: ModelSessions): readonly Job[] {
    const line = this.#lines.get(sessions);
    const jobs: Job[] = [];
    let room = this.maxPatches(sessions);
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
    worker: InferenceWorker,
    sessions: ModelSessions,
    jobs: readonly Job[],
    isSolo: boolean,
  ): Promise<void> {
    this.#busy.set(worker, sessions);
    const startedAt = performance.now();
    try {
      await answer(jobs, startedAt, await this.#infer(worker, sessions, jobs, isSolo));
    } catch (error) {
      for (const job of jobs) job.reject(error);
    }
  }

  async #infer(
    worker: InferenceWorker,
    sessions: ModelSessions,
    jobs: readonly Job[],
    isSolo: boolean,
  ): Promise<BatchResult> {
    try {
      const { smallBatch, largeBatch, parallel, onLargeBatch, gpuBatches } = sessions;
      const batchPatches = jobs.reduce((sum, { count }) => sum + count, 0);
      const isLarge = batchPatches >= this.#settings.largeBatchPatches;
      if (isLarge) onLargeBatch?.();
      const { patches: size, session } = gpuBatches?.find(({ patches }) => patches >= batchPatches) ?? {
        patches: batchPatches,
        session: isSolo ? (isLarge ? largeBatch : smallBatch) : parallel,
      };
      const result = await worker.run(session, concatenated(jobs, size));
      return { ...firstRows(result, size, batchPatches), batchPatches };
    } finally {
      this.#free(worker);
    }
  }

  #free(worker: InferenceWorker): void {
    this.#busy.delete(worker);
    this.#dispatch();
  }
}

function closed(): TexturaError {
  return new TexturaError('internal', 'the batcher is closed');
}

async function answer(
  jobs: readonly Job[],
  startedAt: number,
  { logits, knownScores, inferMs, batchPatches }: BatchResult,
): Promise<void> {
  const classes = logits.length / batchPatches;
  let row = 0;
  for (const [place, job] of jobs.entries()) {
    if (place > 0 && place % answersPerTurn === 0) await nextTurn();
    const end = row + job.count;
    const own = {
      logits: logits.subarray(row * classes, end * classes),
      ...(knownScores && { knownScores: knownScores.subarray(row, end) }),
    };
    job.resolve({ ...own, waitMs: startedAt - job.queuedAt, inferMs, batchPatches });
    row = end;
  }
}

/** Drops the results of the padding. */
function firstRows(
  { logits, knownScores, inferMs }: InferenceResult,
  size: number,
  count: number,
): InferenceResult {
  const classes = logits.length / size;
  return {
    logits: logits.subarray(0, count * classes),
    ...(knownScores && { knownScores: knownScores.subarray(0, count) }),
    inferMs,
  };
}

/**
 * One transferable buffer of `size` patches, zeros after those of the jobs. It stays bytes if all jobs are
 * bytes, a quarter of the memory of floats.
 */
function concatenated(jobs: readonly Job[], size: number): MovablePatches {
  const [first] = jobs;
  const length = size * patchBytes;
  if (first !== undefined && first.patches.length === length && ownsMemory(first.patches))
    return first.patches;
  const areBytes = jobs.every(({ patches }) => patches instanceof Uint8Array);
  const values = areBytes ? new Uint8Array(length) : new Float32Array(length);
  let at = 0;
  for (const { patches } of jobs) {
    values.set(patches, at);
    at += patches.length;
  }
  return values;
}
