/** onnxruntime as the worker's parts see it, whichever build of it runs, and its tensors. */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { TexturaError } from '../../model/error.ts';

export interface Runtime {
  readonly threads: number;
  readonly Tensor: typeof Tensor;
  /** A session on the provider. */
  open(model: Uint8Array): Promise<Session>;
}

/** A graph that can be run. On WebGPU a run has a time limit. Errors: `no-answer`, and what onnxruntime throws. */
export interface Session {
  run(feeds: InferenceSession.FeedsType): Promise<InferenceSession.ReturnType>;
  run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType>;
  release(): Promise<void>;
}

/** A copy of a float32 output's values. */
export function floats(outputs: InferenceSession.ReturnType, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array)) throw new TexturaError('internal', `the graph gives no ${name}`);
  return data.slice();
}

/** Gives back what tensors hold on the graphics processor. */
export function disposeAll(tensors: Readonly<Record<string, { dispose(): void }>>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}
