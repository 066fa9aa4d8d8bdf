/**
 * Chooses whether a network is trained on WebGPU: only if its steps are those of wasm and take less time. A
 * graphics driver can compute wrong values without an error, and a small one can be slower than the processor.
 */
import type { StepBatch, TrainingSteps } from './training-steps.ts';

/** Relative to the largest logit. Sums in another order differ by about 1e-5 after three steps. */
const tolerance = 1e-3;
const settings = { learningRate: 5e-4, momentum: 0.9, weightDecay: 5e-4 };
const steps = 3;

/**
 * Whether to train with `device` instead of `wasm`. Both have the same state, and their states change: three
 * steps are taken with each.
 */
export async function isWorthUsing(
  device: TrainingSteps,
  wasm: TrainingSteps,
  examples: StepBatch,
): Promise<boolean> {
  let isFaster = false;
  // The first step compiles shaders. The logits of the last one show the updates of those before it.
  for (let step = 0; step < steps; step++) {
    const expected = await timed(() => wasm.take(examples, settings));
    const got = await timed(() => device.take(examples, settings));
    if (!areClose(got.value, expected.value)) return false;
    isFaster = got.ms < expected.ms;
  }
  return isFaster;
}

function areClose(got: Float32Array, expected: Float32Array): boolean {
  const size = expected.reduce((largest, logit) => Math.max(largest, Math.abs(logit)), 1);
  return expected.every((logit, i) => Math.abs(logit - (got[i] ?? Number.NaN)) <= tolerance * size);
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startedAt = performance.now();
  const value = await work();
  return { value, ms: performance.now() - startedAt };
}
