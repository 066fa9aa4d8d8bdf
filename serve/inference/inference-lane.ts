/** Threads with onnxruntime sessions, seen from the thread that answers requests. */
import type { Worker } from 'node:worker_threads';
import { TexturaError } from '../../model/error.ts';
import { startThread } from '../../node/thread.ts';

/** What onnxruntime computes on. */
export const inferenceDevices = ['cpu', 'cuda', 'webgpu'] as const;
export type InferenceDevice = (typeof inferenceDevices)[number];

export interface SessionSettings {
  readonly device: InferenceDevice;
  /** Processor threads of one run. */
  readonly threads: number;
  /**
   * How long a thread that has nothing to do spins before it sleeps, within a run. A short spin brings a single patch back sooner; a
   * long one takes time from the threads that decode and answer.
   */
  readonly spinMicroseconds: number;
}

export type InferenceRequest = { readonly id: number; readonly session: string } & (
  | { readonly kind: 'load'; readonly bytes: Uint8Array; readonly settings: SessionSettings }
  | { readonly kind: 'release' }
  | { readonly kind: 'run'; readonly patches: Uint8Array | Float32Array }
);

export interface InferenceResult {
  /** `[count,C]`. */
  readonly logits: Float32Array;
  readonly inferMs: number;
}

export interface InferenceAnswer {
  readonly id: number;
  /** Of a run that went well. */
  readonly result?: InferenceResult;
  /** Why what was asked for failed. */
  readonly fault?: string;
}

interface Waiting {
  resolve(answer: InferenceAnswer): void;
  reject(error: unknown): void;
}

const inferenceThread = new URL('./inference-thread.ts', import.meta.url);

/** One thread of computation and the sessions that it owns, by name. Close it only when nothing runs. */
export class InferenceLane {
  /** Settles where the thread ends unasked, with its sessions: from then on nothing is computed here. */
  readonly failure: Promise<TexturaError>;
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #death: TexturaError | undefined;
  #isClosed = false;
  #fail: (fault: TexturaError) => void = () => {};

  constructor(module = inferenceThread) {
    this.failure = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#thread = startThread(module, {});
    this.#thread.on('message', (answer: InferenceAnswer) => {
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    });
    this.#thread.on('error', (cause) => this.#die(cause));
    this.#thread.on('exit', () => this.#die());
  }

  /** Errors: `model-unusable` where onnxruntime does not load the bytes on this device. */
  async load(session: string, bytes: Uint8Array, settings: SessionSettings): Promise<void> {
    const { fault } = await this.#ask({ kind: 'load', session, bytes, settings });
    if (fault !== undefined) {
      throw new TexturaError(
        'model-unusable',
        `onnxruntime does not load it on ${settings.device}: ${fault}`,
      );
    }
  }

  async release(session: string): Promise<void> {
    await this.#ask({ kind: 'release', session });
  }

  /** Runs patches `[count,64,64]`, grey 0..255, which are given away. Errors: `internal` where the run fails. */
  async run(
    session: string,
    patches: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  ): Promise<InferenceResult> {
    const { result, fault } = await this.#ask({ kind: 'run', session, patches }, [patches.buffer]);
    if (result !== undefined) return result;
    throw new TexturaError('internal', `a run failed: ${fault}`);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#thread.terminate();
  }

  #ask(
    request: DistributiveOmit<InferenceRequest, 'id'>,
    transferred: readonly ArrayBuffer[] = [],
  ): Promise<InferenceAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#death !== undefined) return reject(this.#death);
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#thread.postMessage({ ...request, id }, transferred);
    });
  }

  #die(cause?: Error): void {
    this.#death ??= new TexturaError('internal', 'the thread that computes has ended', { cause });
    for (const { reject } of this.#waiting.values()) reject(this.#death);
    this.#waiting.clear();
    if (!this.#isClosed) this.#fail(this.#death);
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
