/** Learns every layer with the onnx engine's training step, from a network whose last layer has been learnt already. */
import type { Tensor } from 'onnxruntime-web';
import { encodeModel } from '../../graph/encode.ts';
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
import type { LabelledPatches } from '../shared/collection.ts';
import type { TeachingProgress } from '../shared/teaching-api.ts';
import { floats, type Runtime } from './tensors.ts';

const batch = 16;
const passes = 10;
/**
 * Small: a network without normalisation forgets everything after a few large steps (at 0.004 it ended with one answer for all), and it
 * can read surfaces already.
 */
const peakLearningRate = 0.0005;
const optimiser = { momentum: 0.9, weightDecay: 5e-4 };

/** Errors: `diverged` where the loss is no number any more. */
export async function trainAllLayers(
  runtime: Runtime,
  network: Network,
  initial: Parameters,
  lesson: LabelledPatches,
  onProgress: (progress: TeachingProgress) => void,
): Promise<Parameters> {
  const graph = trainingStepGraph(network, { batch });
  const session = await runtime.open(
    encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} }),
  );
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
  const order = batchOrder(lesson.patches.length);
  let lately = Number.NaN;
  for (const [step, indices] of order.entries()) {
    const given = batchOf(lesson, indices);
    const learningRate = peakLearningRate * Math.min(1, (step + 1) / 10) * (1 - step / order.length);
    const feeds = tensorsOf({
      ...batchValues(given, { size: batch }),
      ...settingValues({ ...optimiser, learningRate }),
    });
    const outputs = await session.run({ ...feeds, ...state });
    const logits = floats(outputs, stepNames.logits).subarray(0, indices.length * network.classes);
    const loss = meanScores(addScores(noScores, logits, given.labels, network.classes)).objective;
    if (!Number.isFinite(loss))
      throw new TexturaError('diverged', `the loss is ${loss} after step ${step + 1}`);
    lately = Number.isNaN(lately) ? loss : 0.8 * lately + 0.2 * loss;
    onProgress({ stage: 'learning', done: step + 1, total: order.length, loss });
    state = Object.fromEntries(names.map((name) => [name, outputs[stepNames.next(name)] as Tensor]));
  }
  // As bad as knowing nothing: the steps have destroyed what the network could.
  if (lately > 0.9 * Math.log(network.classes)) {
    throw new TexturaError(
      'diverged',
      `the loss ends at ${lately.toFixed(2)}, where guessing has ${Math.log(network.classes).toFixed(2)}`,
    );
  }
  const learnt = stateOf(network, (name) => state[name]?.data).parameters;
  await session.release();
  return learnt;
}

/** The patches of each step: every pass goes through all of them in an order of its own. */
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
  const stack = new Uint8Array(indices.length * patchBytes);
  indices.forEach((index, i) => {
    stack.set(patches[index] ?? [], i * patchBytes);
  });
  return { patches: stack, labels: indices.map((index) => classes[index] ?? 0) };
}
