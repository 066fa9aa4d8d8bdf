/** Runs ONNX bytes in onnxruntime-node on plain arrays. */

import type { Graph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { graphNames } from '../../model/graph-names.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';

export interface OutputTensor {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** The bytes of a graph without any metadata. */
export function bytesOf(graph: Graph): Uint8Array {
  return encodeModel(graph, { producerName: 'test', producerVersion: '1', metadata: {} });
}

/** All outputs of one run, by name. */
export async function runModel(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, OutputTensor>>> {
  const session = await InferenceSession.create(bytes);
  try {
    const results = await session.run(inputs);
    return Object.fromEntries(
      Object.entries(results).map(([name, { dims, data }]) => [
        name,
        { shape: [...dims], values: Array.from(data as ArrayLike<number | bigint>, Number) },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** Outputs of a network's file for patches `[count,64,64]` in one batch. */
export async function runOnPatches(bytes: Uint8Array, patches: Uint8Array) {
  const shape = [patches.length / patchBytes, 1, inputPx, inputPx];
  const outputs = await runModel(bytes, {
    [graphNames.image]: new Tensor('float32', Float32Array.from(patches), shape),
  });
  const { logits, probabilities } = outputs;
  if (logits === undefined || probabilities === undefined) throw new Error('the file lacks an output');
  return { ...outputs, logits, probabilities };
}

/** Largest absolute difference of two rows of numbers; NaN where one is NaN. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  return Array.from(a, (value, i) => Math.abs(value - (b[i] as number))).reduce(
    (largest, difference) => Math.max(largest, difference),
    0,
  );
}
