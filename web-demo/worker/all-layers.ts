/**
 * Trains all layers with the onnx engine's training step, starting from a network whose last layer is already
 * trained.
 */
import type { Tensor } from 'onnxruntime-web';
import { stepNames, trainingStepGraph } from '../../graph/step/step.ts';
import {
  batchValues,
  type StepValues,
  settingValues,
  stateOf,
  stateValues,
} from '../../graph/step/step-values.ts';
import { TexturaError } from '../../model/error.ts';
import type { Network } from '../../model/network.ts';
import { type Parameters, zeroParameters } from '../../model/parameters.ts';
import { patchBytes } from '../../model/patch.ts';
import { randomStream, shuffle } from '../../model/random.ts';
import { addScores, meanScores, noScores } from '../../model/scores.ts';
import type { LabelledPatches } from '../shared/surfaces.ts';
import type { TeachingProgress } from '../shared/teaching-api.ts';
import { encodeGraph, floats, type Runtime, stackPatches } from './tensors.ts';

const batch = 16;
const passes = 10;
/**
 * Small, because the network is already trained and has no normalisation: at 0.004 it ended with one class
 * for all patches.
 */
const peakLearningRate = 0.0005;
const optimiser = { momentum: 0.9, weightDecay: 5e-4 };

/** Errors: `diverged` if the loss becomes NaN or infinite, or ends no better than guessing. */
export async function trainAllLayers(
  runtime: Runtime,
  network: Network,
  initial: Parameters,
  training: LabelledPatches,
  onProgress: (progress: TeachingProgress) => void,
): Promise<Parameters> {
  const graph = trainingStepGraph(network, { batch });
  const session = await runtime.open(encodeGraph(graph));
  const tensorsOf = (values: StepValues) =>
    Object.fromEntries(
      Object.entries(values).map(
        ([name, { data, shape }]) => [name, new runtime.Tensor(data, shape)] as const,
      ),
    );
  let state: Readonly<Record<string, Tensor>> = tensorsOf(
    stateValues(network, { parameters: initial, momentum: zeroParameters(network) }),
  );
  const names = Object.keys(state);
  const order = batchOrder(training.patches.length);
  let recentLoss = Number.NaN;
  for (const [step, indices] of order.entries()) {
    const examples = batchOf(training, indices);
    const learningRate = peakLearningRate * Math.min(1, (step + 1) / 10) * (1 - step / order.length);
    const feeds = tensorsOf({
      ...batchValues(examples, { size: batch }),
      ...settingValues({ ...optimiser, learningRate }),
    });
    const outputs = await session.run({ ...feeds, ...state });
    const logits = floats(outputs, stepNames.logits).subarray(0, indices.length * network.classes);
    const loss = meanScores(addScores(noScores, logits, examples.labels, network.classes)).objective;
    if (!Number.isFinite(loss))
      throw new TexturaError('diverged', `the loss is ${loss} after step ${step + 1}`);
    recentLoss = Number.isNaN(recentLoss) ? loss : 0.8 * recentLoss + 0.2 * loss;
    onProgress({ stage: 'learning', done: step + 1, total: order.length, loss });
    state = Object.fromEntries(names.map((name) => [name, outputs[stepNames.next(name)] as Tensor]));
  }
  // No better than guessing: the training has destroyed the network.
  if (recentLoss > 0.9 * Math.log(network.classes)) {
    throw new TexturaError(
      'diverged',
      `the loss ends at ${recentLoss.toFixed(2)}, guessing has ${Math.log(network.classes).toFixed(2)}`,
    );
  }
  const trained = stateOf(network, (name) => state[name]?.data).parameters;
  await session.release();
  return trained;
}

/** The patches of each step: every pass uses all of them, in a different order. */
function batchOrder(count: number): readonly Int32Array[] {
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

function batchOf({ patches, classes }: LabelledPatches, indices: Int32Array) {
  const stack = stackPatches(Array.from(indices, (index) => patches[index] ?? new Uint8Array(patchBytes)));
  return { patches: stack, labels: indices.map((index) => classes[index] ?? 0) };
}
