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
