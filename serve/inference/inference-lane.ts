/** Threads with onnxruntime sessions, seen from the thread that answers requests. */
import { SupervisedThread } from '../../node/supervised-thread.ts';

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

export type InferenceRequest = { readonly session: string } & (
  | { readonly kind: 'load'; readonly bytes: Uint8Array; readonly settings: SessionSettings }
  | { readonly kind: 'release' }
  | { readonly kind: 'run'; readonly patches: Uint8Array | Float32Array }
);

export interface InferenceResult {
  /** `[count,C]`. */
  readonly logits: Float32Array;
  readonly inferMs: number;
}

/** The module of the thread. */
export const inferenceThread = new URL('./inference-thread.ts', import.meta.url);

/**
 * One thread of computation and the sessions that it owns, by name. Sessions are lost with their thread:
 * whoever loads them restores them (`restoreBy`). Every request may fail with `ThreadLost`.
 */
export class InferenceLane extends SupervisedThread<InferenceRequest, InferenceResult | undefined> {
  constructor(module = inferenceThread) {
    super('an inference thread', module);
  }

  /** Errors: `model-unusable` where onnxruntime does not load the bytes on this device. */
  async load(session: string, bytes: Uint8Array, settings: SessionSettings): Promise<void> {
    await this.ask({ kind: 'load', session, bytes, settings });
  }

  async release(session: string): Promise<void> {
    await this.ask({ kind: 'release', session });
  }

  /** Runs patches `[count,64,64]`, grey 0..255, which are transferred. Errors: `internal` if a run fails. */
  async run(
    session: string,
    patches: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  ): Promise<InferenceResult> {
    return (await this.ask({ kind: 'run', session, patches }, [patches.buffer])) as InferenceResult;
  }
}
