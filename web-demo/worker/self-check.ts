/** A model proves on the provider at hand that it computes what was trained, before it answers anything. */
import { patchBytes } from '../../model/patch.ts';
import type { SelfCheck } from '../shared/inference-messages.ts';

/** The patches of a self-check, `[count,64,64]`. */
export function selfCheckPatches(selfCheck: SelfCheck): Uint8Array {
  const patches = new Uint8Array(selfCheck.length * patchBytes);
  selfCheck.forEach(({ patch }, i) => {
    const text = atob(patch);
    for (let at = 0; at < patchBytes; at++) patches[i * patchBytes + at] = text.charCodeAt(at);
  });
  return patches;
}

/** Largest difference in probability over all patches and classes; infinite where an answer is no number or there are too few. */
export function largestDifference(selfCheck: SelfCheck, probabilities: Float32Array): number {
  const expected = selfCheck.flatMap((check) => check.probabilities);
  if (expected.length === 0 || expected.length !== probabilities.length) return Number.POSITIVE_INFINITY;
  return expected.reduce((largest, value, i) => {
    const difference = Math.abs(value - (probabilities[i] as number));
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }, 0);
}
