/** Threads that turn uploads into patches, and the queue in front of them. */
import { TexturaError } from '../../model/error.ts';
import { greyFromPixels } from '../../model/image.ts';
import { readPlainPng } from '../../node/plain-png.ts';
import { SupervisedThread } from '../../node/supervised-thread.ts';
import { cutImage, type Preparation } from './cut-image.ts';
import { FairQueue } from './fair-queue.ts';
import type { JsonImageLimits, TensorRequest } from './json-body.ts';

export interface PreparedImage {
  /** `[count,64,64]`, grey 0..255. */
  readonly patches: Uint8Array<ArrayBuffer>;
  readonly decodeMs: number;
  /** Time that the file waited for a thread. */
  readonly waitMs: number;
}

export type PreparationTask =
  | ({ readonly kind: 'cut' } & Preparation)
  | { readonly kind: 'unpack'; readonly body: Uint8Array<ArrayBuffer>; readonly limits: JsonImageLimits }
  | ({ readonly kind: 'tensors'; readonly body: Uint8Array<ArrayBuffer> } & TensorLimits);

interface TensorLimits {
  /** Length of the JSON if tensors follow it. */
  readonly jsonBytes: number | undefined;
  readonly maxPatches: number;
}

export interface PreparationResult {
  /** For `cut` the patches, for `unpack` the image files, for `tensors` the values. */
  readonly parts: readonly (Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>)[];
  /** For `tensors` the rest of the request. */
  readonly request?: TensorRequest['request'];
  readonly workMs: number;
}

interface Job {
  readonly task: PreparationTask;
  readonly queuedAt: number;
  startedAt: number;
  resolve(result: PreparationResult): void;
  reject(error: unknown): void;
}

type PreparationThread = SupervisedThread<PreparationTask, PreparationResult>;

/** Images in flight in a thread: while libvips decodes one, another is cut and others are ready. */
const imagesPerThread = 4;

export const preparationThread = new URL('./preparation-thread.ts', import.meta.url);

export class PreparationPool {
  readonly threads: readonly PreparationThread[];
  readonly #images = new FairQueue<Job>();
  readonly #bodies = new FairQueue<Job>();
  #isClosed = false;

  constructor(threads: number, module = preparationThread) {
    this.threads = Array.from(
      { length: threads },
      () => new SupervisedThread<PreparationTask, PreparationResult>('a preparation thread', module),
    );
    for (const { events } of this.threads) events.on('ready', () => this.#dispatch());
  }

  /** Number of images that wait for a thread. */
  get waiting(): number {
    return this.#images.size;
  }

  /**
   * Decodes and cuts an image, whose memory is transferred. Aborting `signal` removes it from the queue.
   * Errors: those of `decodeImage` and `cutImage`; the signal's reason; `ThreadLost`.
   */
  async prepare(client: string, preparation: Preparation, signal: AbortSignal): Promise<PreparedImage> {
    signal.throwIfAborted();
    const prepared = prepareInPlace(preparation);
    if (prepared !== undefined) return prepared;
    const job = newJob({ kind: 'cut', ...preparation });
    const { parts, workMs } = await this.#submit(client, job, signal);
    return {
      patches: parts[0] as Uint8Array<ArrayBuffer>,
      decodeMs: workMs,
      waitMs: job.startedAt - job.queuedAt,
    };
  }

  /**
   * The image files in a JSON body, whose memory is transferred. Errors: those of `imagesFromJson`; the
   * signal's reason.
   */
  async unpack(
    client: string,
    body: Uint8Array<ArrayBuffer>,
    limits: JsonImageLimits,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array<ArrayBuffer>[]> {
    const { parts } = await this.#submit(client, newJob({ kind: 'unpack', body, limits }), signal);
    return parts as readonly Uint8Array<ArrayBuffer>[];
  }

  /**
   * Parses a body with tensors, whose memory is transferred. Errors: those of `readTensorRequest`; the
   * signal's reason.
   */
  async parseTensors(
    client: string,
    body: Uint8Array<ArrayBuffer>,
    limits: TensorLimits,
    signal: AbortSignal,
  ): Promise<TensorRequest> {
    const job = newJob({ kind: 'tensors', body, ...limits });
    const { parts, request = {} } = await this.#submit(client, job, signal);
    return { request, values: parts[0] as Float32Array<ArrayBuffer> };
  }

  /** Ends the threads. Waiting jobs, and those that are not finished in time, reject. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (let job = this.#next(); job !== undefined; job = this.#next()) job.reject(closed());
    await Promise.all(this.threads.map((thread) => thread.close()));
  }

  #submit(client: string, job: PendingJob, signal: AbortSignal): Promise<PreparationResult> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#isClosed) return reject(closed());
      const queued: Job = Object.assign(job, { resolve, reject });
      const queue = job.task.kind === 'cut' ? this.#images : this.#bodies;
      queue.push(client, queued);
      signal.addEventListener('abort', () => {
        if (queue.remove(client, queued)) reject(signal.reason);
      });
      this.#dispatch();
    });
  }

  #next(): Job | undefined {
    return this.#bodies.take() ?? this.#images.take();
  }

  #dispatch(): void {
    for (;;) {
      const [idlest] = this.threads
        .filter(({ isReady, outstanding }) => isReady && outstanding < imagesPerThread)
        .sort((a, b) => a.outstanding - b.outstanding);
      const job = idlest && this.#next();
      if (idlest === undefined || job === undefined) return;
      void this.#work(idlest, job);
    }
  }

  async #work(thread: PreparationThread, job: Job): Promise<void> {
    try {
      job.startedAt = performance.now();
      const { task } = job;
      job.resolve(await thread.ask(task, [task.kind === 'cut' ? task.bytes.buffer : task.body.buffer]));
    } catch (error) {
      job.reject(error);
    } finally {
      this.#dispatch();
    }
  }
}

function closed(): TexturaError {
  return new TexturaError('internal', 'the preparation threads are closed');
}

/** Decodes small plain PNGs in the main thread: sending them to a thread and back would take longer. */
function prepareInPlace({ bytes, maxPixels, ...cut }: Preparation): PreparedImage | undefined {
  const start = performance.now();
  const plain = readPlainPng(bytes);
  if (plain === undefined || plain.width * plain.height > maxPixels) return undefined;
  const patches = cutImage(greyFromPixels(plain), cut);
  return { patches, decodeMs: performance.now() - start, waitMs: 0 };
}

type PendingJob = Omit<Job, 'resolve' | 'reject'>;

function newJob(task: PreparationTask): PendingJob {
  return { task, queuedAt: performance.now(), startedAt: 0 };
}
