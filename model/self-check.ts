/**
 * The self-check in a model's report: patches with their expected probabilities. The exporter and the page
 * write it; the service and the page run it before they use a model.
 */
import { z } from 'zod';
import type { ModelReport } from './model-file.ts';
import { patchBytes } from './patch.ts';

export type SelfCheck = ModelReport['selfCheck'];

/** `patch` has 64x64 bytes, `probabilities` one value per class. */
export function selfCheckEntry(patch: Uint8Array, probabilities: Float32Array): SelfCheck[number] {
  return { patch: z.util.uint8ArrayToBase64(patch), probabilities: [...probabilities] };
}

/** The patches, `[count,64,64]`. A patch of another size leaves zeros. */
export function selfCheckPatches(selfCheck: SelfCheck): Uint8Array<ArrayBuffer> {
  const patches = new Uint8Array(selfCheck.length * patchBytes);
  selfCheck.forEach(({ patch }, i) => {
    patches.set(z.util.base64ToUint8Array(patch).subarray(0, patchBytes), i * patchBytes);
  });
  return patches;
}

/** Largest difference of a probability `[count,C]`; Infinity if a value is NaN or values are missing. */
export function largestDifference(selfCheck: SelfCheck, probabilities: Float32Array): number {
  const expected = selfCheck.flatMap((check) => check.probabilities);
  if (expected.length === 0 || expected.length !== probabilities.length) return Number.POSITIVE_INFINITY;
  return expected.reduce((largest, value, i) => {
    const difference = Math.abs(value - (probabilities[i] as number));
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }, 0);
}
