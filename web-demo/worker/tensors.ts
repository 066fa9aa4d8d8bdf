/**
 * onnxruntime as the workers use it, independent of the build that runs, with helpers for its tensors and for
 * patches.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { Graph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { TexturaError } from '../../model/error.ts';
import { type Patch, patchBytes } from '../../model/patch.ts';
import type { Provider } from '../shared/inference-api.ts';

export interface Runtime {
  readonly provider: Provider;
  readonly threads: number;
  readonly Tensor: typeof Tensor;
  /** Opens a session. On WebGPU the outputs `onDevice` stay there; `getData` reads them. */
  open(model: Uint8Array, onDevice?: readonly string[]): Promise<Session>;
}

/**
 * A graph that can be run. On WebGPU a run has a time limit. Errors: `no-answer`, and what onnxruntime
 * throws.
 */
export interface Session {
  run(feeds: InferenceSession.FeedsType): Promise<InferenceSession.ReturnType>;
  run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType>;
  release(): Promise<void>;
}

/** The file of a graph that is built and run here. */
export function encodeGraph(graph: Graph): Uint8Array {
  return encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} });
}

/** A copy of a float32 output's values. */
export function floats(outputs: InferenceSession.ReturnType, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array))
    throw new TexturaError('internal', `the graph has no float32 output ${name}`);
  return data.slice();
}

/** Frees the graphics memory of tensors. */
export function disposeAll(tensors: Readonly<Record<string, { dispose(): void }>>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** `[count,64,64]`. */
export function stackPatches(patches: readonly Patch[]): Uint8Array {
  const stack = new Uint8Array(patches.length * patchBytes);
  patches.forEach((patch, i) => {
    stack.set(patch, i * patchBytes);
  });
  return stack;
}
