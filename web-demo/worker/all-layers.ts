/**
 * Trains all layers with the onnx engine's training step, starting from a network whose last layer is already
 * trained.
 */
import { TexturaError } from '../../model/error.ts';
import type { Parameters } from '../../model/parameters.ts';
import { patchBytes } from '../../model/patch.ts';
import { randomStream, shuffle } from '../../model/random.ts';
import { addScores, meanScores, noScores } from '../../model/scores.ts';
import type { LabelledPatches } from '../shared/surfaces.ts';
import type { TeachingProgress } from '../shared/teaching-api.ts';
import { stackPatches } from './tensors.ts';
import type { StepBatch, TrainingSteps } from './training-steps.ts';

/** Patches of a step. */
export const batch = 16;
const passes = 10;
/**
 * Small, because the network is already trained and has no normalisation: at 0.004 it ended with one class
 * for all patches.
 */
const peakLearningRate = 0.0005;
const optimiser = { momentum: 0.9, weightDecay: 5e-4 };

/**
 * Trains from the parameters that `steps` has. Errors: `diverged` if the loss becomes NaN or infinite, or ends
 * no better than guessing.
 */
export async function trainAllLayers(
  steps: TrainingSteps,
  classes: number,
  training: LabelledPatches,
  onProgress: (progress: TeachingProgress) => void,
): Promise<Parameters> {
  let recentLoss = Number.NaN;
  const order = batchOrder(training.patches.length);
  for (const [step, indices] of order.entries()) {
    const examples = batchOf(training, indices);
    const learningRate = peakLearningRate * Math.min(1, (step + 1) / 10) * (1 - step / order.length);
    const logits = await steps.take(examples, { ...optimiser, learningRate });
    const loss = meanScores(addScores(noScores, logits, examples.labels, classes)).objective;
    if (!Number.isFinite(loss))
      throw new TexturaError('diverged', `the loss is ${loss} after step ${step + 1}`);
    recentLoss = Number.isNaN(recentLoss) ? loss : 0.8 * recentLoss + 0.2 * loss;
    onProgress({ stage: 'learning', done: step + 1, total: order.length, loss });
  }
  // No better than guessing: the training has destroyed the network.
  const guessing = Math.log(classes);
  if (recentLoss > 0.9 * guessing) {
    throw new TexturaError(
      'diverged',
      `the loss ends at ${recentLoss.toFixed(2)}, guessing has ${guessing.toFixed(2)}`,
    );
  }
  return (await steps.read()).parameters;
}

/** The patches of each step: every pass uses all of them, in a different order. */
export function batchOrder(count: number): readonly Int32Array[] {
  return Array.from({ length: passes }, (_, pass) => {
    const order = shuffle(
      Int32Array.from({ length: count }, (_, i) => i),
      randomStream(1, 'lesson', pass),
    );
    return Array.from({ length: Math.ceil(count / batch) }, (_, i) =>
      order.slice(i * batch, (i + 1) * batch),
    );
  }).flat();
}

export function batchOf({ patches, classes }: LabelledPatches, indices: Int32Array): StepBatch {
  const stack = stackPatches(Array.from(indices, (index) => patches[index] ?? new Uint8Array(patchBytes)));
  return { patches: stack, labels: indices.map((index) => classes[index] ?? 0) };
}

/** Relative to the largest logit. Sums in another order differ by about 1e-5 after three steps. */
const tolerance = 1e-3;
const comparedSteps = 3;
const settings = { ...optimiser, learningRate: peakLearningRate };

/**
 * Whether to train with `device` instead of `wasm`: only if its steps are those of wasm and take less time,
 * because a graphics driver can compute wrong values without an error, and a small one can be slower than the
 * processor. Both have the same state, and their states change: three steps are taken with each.
 */
export async function isWorthUsing(
  device: TrainingSteps,
  wasm: TrainingSteps,
  examples: StepBatch,
): Promise<boolean> {
  let isFaster = false;
  // The first step compiles shaders. The logits of the last one show the updates of those before it.
  for (let step = 0; step < comparedSteps; step++) {
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
