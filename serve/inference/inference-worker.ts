/**
 * A worker thread with onnxruntime sessions, as the main thread uses it. `inference-thread.ts` runs in it.
 */
import type { PatchOutputs } from '../../node/onnxruntime.ts';
import { SupervisedThread } from '../../node/supervised-thread.ts';
import type { SessionSettings } from './session.ts';

export type InferenceRequest = { readonly session: string } & (
  | { readonly kind: 'load'; readonly bytes: Uint8Array; readonly settings: SessionSettings }
  | { readonly kind: 'release' }
  | { readonly kind: 'run'; readonly patches: Uint8Array | Float32Array }
);

export interface InferenceResult extends PatchOutputs {
  readonly inferMs: number;
}

export const inferenceThread = new URL('./inference-thread.ts', import.meta.url);

/**
 * One thread and its sessions, by name. If the thread is lost, so are its sessions; the owner restores them
 * with `restoreBy`. Every request may fail with `ThreadLost`.
 */
export class InferenceWorker extends SupervisedThread<InferenceRequest, InferenceResult | undefined> {
  constructor(module = inferenceThread) {
    super('an inference thread', module);
  }

  /** Errors: `model-unusable` if onnxruntime cannot load the bytes on this device. */
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
