/** Threads that turn what was uploaded into patches, and the queue before them. */
import type { Worker } from 'node:worker_threads';
import { TexturaError, type TexturaErrorCode } from '../../model/error.ts';
import { greyFromPixels } from '../../model/image.ts';
import { readPlainPng } from '../../node/plain-png.ts';
import { startThread } from '../../node/thread.ts';
import { cutImage, type Preparation } from './cut-image.ts';
import { FairQueue } from './fair-queue.ts';
import type { JsonImageLimits } from './json-images.ts';
import type { TensorRequest } from './tensor-request.ts';

export interface PreparedImage {
  /** `[count,64,64]`, grey 0..255. */
  readonly patches: Uint8Array<ArrayBuffer>;
  readonly decodeMs: number;
  /** Time that the file waited for a thread. */
  readonly waitMs: number;
}

type Task =
  | ({ readonly kind: 'cut' } & Preparation)
  | { readonly kind: 'unpack'; readonly body: Uint8Array<ArrayBuffer>; readonly limits: JsonImageLimits }
  | ({ readonly kind: 'tensors'; readonly body: Uint8Array<ArrayBuffer> } & TensorLimits);

export interface TensorLimits {
  /** Length of the JSON where tensors follow it. */
  readonly jsonBytes: number | undefined;
  readonly maxPatches: number;
}

export interface PreparationRequest {
  readonly id: number;
  readonly task: Task;
}

export interface PreparationResult {
  /** Of `cut` the patches, of `unpack` the image files, of `tensors` the values. */
  readonly parts: readonly (Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>)[];
  /** Of `tensors` the rest of the request. */
  readonly request?: TensorRequest['request'];
  readonly workMs: number;
}

export type PreparationAnswer = { readonly id: number } & (
  | PreparationResult
  | { readonly code: TexturaErrorCode; readonly message: string }
);

interface Job {
  readonly task: Task;
  readonly queuedAt: number;
  startedAt: number;
  resolve(result: PreparationResult): void;
  reject(error: unknown): void;
}

interface Lane {
  readonly thread: Worker;
  readonly running: Map<number, Job>;
}

/** Images that a thread has in work: while one is decoded by libvips, another is cut and others are at hand. */
const imagesAThread = 4;

export class PreparationPool {
  readonly #images = new FairQueue<Job>();
  readonly #bodies = new FairQueue<Job>();
  readonly #lanes: Lane[] = [];
  #nextId = 0;
  #isClosed = false;

  constructor(threads: number) {
    for (let i = 0; i < threads; i++) this.#lanes.push(this.#startLane());
  }

  /** Images that wait for a thread. */
  get waiting(): number {
    return this.#images.size;
  }

  /**
   * Decodes and cuts an image; its bytes are given away. `signal` takes it out of the queue.
   * Errors: those of `decodeImage` and `classifiedPatches`; the signal's reason; `internal` where the thread died.
   */
  async prepare(client: string, preparation: Preparation, signal: AbortSignal): Promise<PreparedImage> {
    signal.throwIfAborted();
    const prepared = preparePlain(preparation);
    if (prepared !== undefined) return prepared;
    const job = newJob({ kind: 'cut', ...preparation });
    const { parts, workMs } = await this.#submit(client, job, signal);
    return {
      patches: parts[0] as Uint8Array<ArrayBuffer>,
      decodeMs: workMs,
      waitMs: job.startedAt - job.queuedAt,
    };
  }

  /** The image files in a body of JSON, which is given away. Errors: those of `imagesFromJson`; the signal's reason. */
  async unpack(
    client: string,
    body: Uint8Array<ArrayBuffer>,
    limits: JsonImageLimits,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array<ArrayBuffer>[]> {
    const { parts } = await this.#submit(client, newJob({ kind: 'unpack', body, limits }), signal);
    return parts as readonly Uint8Array<ArrayBuffer>[];
  }

  /** A request for tensors taken apart; the body is given away. Errors: those of `readTensorRequest`; the signal's reason. */
  async takeApart(
    client: string,
    body: Uint8Array<ArrayBuffer>,
    limits: TensorLimits,
    signal: AbortSignal,
  ): Promise<TensorRequest> {
    const job = newJob({ kind: 'tensors', body, ...limits });
    const { parts, request = {} } = await this.#submit(client, job, signal);
    return { request, values: parts[0] as Float32Array<ArrayBuffer> };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#lanes.map(({ thread }) => thread.terminate()));
  }

  #submit(client: string, job: PendingJob, signal: AbortSignal): Promise<PreparationResult> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const queued: Job = Object.assign(job, { resolve, reject });
      const queue = job.task.kind === 'cut' ? this.#images : this.#bodies;
      queue.push(client, queued);
      signal.addEventListener('abort', () => {
        if (queue.remove(client, queued)) reject(signal.reason);
      });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (;;) {
      const lane = this.#lanes.reduce((a, b) => (b.running.size < a.running.size ? b : a));
      if (lane.running.size >= imagesAThread) return;
      const job = this.#bodies.take() ?? this.#images.take();
      if (job === undefined) return;
      const id = this.#nextId++;
      job.startedAt = performance.now();
      lane.running.set(id, job);
      const { task } = job;
      const moved = task.kind === 'cut' ? task.bytes.buffer : task.body.buffer;
      lane.thread.postMessage({ id, task } satisfies PreparationRequest, [moved]);
    }
  }

  #startLane(): Lane {
    const thread = startThread(new URL('./preparation-thread.ts', import.meta.url), {});
    const lane: Lane = { thread, running: new Map() };
    thread.on('message', (answer: PreparationAnswer) => {
      const job = lane.running.get(answer.id);
      lane.running.delete(answer.id);
      if ('code' in answer) job?.reject(new TexturaError(answer.code, answer.message));
      else job?.resolve(answer);
      this.#dispatch();
    });
    thread.on('error', (error) => this.#replace(lane, error));
    return lane;
  }

  /** A thread that died fails what it had in work and nothing else. */
  #replace(lane: Lane, cause: Error): void {
    const fault = new TexturaError('internal', 'the thread that prepared the image has ended', { cause });
    for (const { reject } of lane.running.values()) reject(fault);
    if (this.#isClosed) return;
    this.#lanes.splice(this.#lanes.indexOf(lane), 1, this.#startLane());
    this.#dispatch();
  }
}

/** Small plain images at once and here: to send them to a thread and back takes longer. */
function preparePlain({ bytes, maxPixels, ...wishes }: Preparation): PreparedImage | undefined {
  const start = performance.now();
  const plain = readPlainPng(bytes);
  if (plain === undefined || plain.width * plain.height > maxPixels) return undefined;
  const patches = cutImage(greyFromPixels(plain), wishes);
  return { patches, decodeMs: performance.now() - start, waitMs: 0 };
}

type PendingJob = Omit<Job, 'resolve' | 'reject'>;

function newJob(task: Task): PendingJob {
  return { task, queuedAt: performance.now(), startedAt: 0 };
}
