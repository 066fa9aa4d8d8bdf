import { expect, test } from 'vitest';
import { type Network, networkOf } from '../../model/network.ts';
import { initialParameters, type Parameters, zeroParameters } from '../../model/parameters.ts';
import { cutPatch } from '../../model/patch.ts';
import { randomStream } from '../../model/random.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import { drawTexture } from '../../textures/textures.ts';
import type { TeachingProgress } from '../../web-demo/shared/teaching-api.ts';
import { batch, isWorthUsing, trainAllLayers } from '../../web-demo/worker/all-layers.ts';
import type { Runtime } from '../../web-demo/worker/tensors.ts';
import { openTrainingSteps, type TrainingSteps } from '../../web-demo/worker/training-steps.ts';

/** onnxruntime-node instead of onnxruntime-web, with the same graphs and tensors. */
const runtime: Runtime = {
  provider: 'wasm',
  threads: 1,
  Tensor,
  open: (model) => InferenceSession.create(model),
};

function stepsOf(network: Network, parameters: Parameters): Promise<TrainingSteps> {
  return openTrainingSteps(runtime, network, batch, { parameters, momentum: zeroParameters(network) });
}

/** Patches of two textures, alternating. */
function examples(count: number) {
  const random = randomStream(2, 'lesson of a test');
  const pictures = [drawTexture('brick', 9, 1, 160, 130), drawTexture('fur', 9, 1, 160, 130)];
  const classes = Int32Array.from({ length: count }, (_, i) => i % 2);
  const patches = Array.from(classes, (c) => {
    const at = { x: random.integer(0, 96), y: random.integer(0, 66) };
    return cutPatch(pictures[c] ?? drawTexture('fur', 9, 1, 160, 130), at, 64);
  });
  return { patches, classes };
}

test('training all layers lowers the loss, reports each step and changes all values', async () => {
  const network = networkOf('reference', 2, { width: 0.2 });
  const initial = initialParameters(network, 3);
  const reported: TeachingProgress[] = [];
  const steps = await stepsOf(network, initial);
  const trained = await trainAllLayers(steps, 2, examples(40), (each) => reported.push(each));
  await steps.release();
  const losses = reported.map(({ loss }) => loss ?? Number.NaN);
  // Three batches a pass, the last of them not full.
  expect(losses).toHaveLength(30);
  expect(reported.at(-1)).toMatchObject({ done: 30, total: 30 });
  expect(losses[0]).toBeCloseTo(Math.log(2), 1);
  expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] ?? 0));
  for (const [name, values] of trained) expect(values, name).not.toEqual(initial.get(name));
}, 60_000);

test('training that ends no better than guessing is an error', async () => {
  const network = networkOf('reference', 2, { width: 0.2 });
  const { patches } = examples(24);
  // The same patches under both names: there is nothing to learn.
  const both = {
    patches: [...patches, ...patches],
    classes: Int32Array.from({ length: 48 }, (_, i) => (i < 24 ? 0 : 1)),
  };
  const steps = await stepsOf(network, initialParameters(network, 3));
  await expect(trainAllLayers(steps, 2, both, () => {})).rejects.toMatchObject({ code: 'diverged' });
  await steps.release();
}, 60_000);

test('a device is used if its steps are the same and faster', async () => {
  const network = networkOf('reference', 2, { width: 0.1 });
  const initial = initialParameters(network, 3);
  const { patches, classes } = examples(batch);
  const examplesOf = { patches: Buffer.concat(patches), labels: classes };
  const wasm = await stepsOf(network, initial);
  const device = await stepsOf(network, initial);
  const delayed = (steps: TrainingSteps, ms: number): TrainingSteps => ({
    ...steps,
    async take(...step) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return steps.take(...step);
    },
  });
  const state = await wasm.read();
  const compared = async (own: TrainingSteps, other: TrainingSteps) => {
    for (const steps of [own, other]) steps.write(state);
    return isWorthUsing(own, other, examplesOf);
  };
  expect(await compared(device, delayed(wasm, 200))).toBe(true);
  expect(await compared(delayed(device, 200), wasm)).toBe(false);
  // A device that forgets its updates.
  const forgetful: TrainingSteps = {
    ...device,
    take: (examplesOfStep) => device.take(examplesOfStep, { learningRate: 0, momentum: 0, weightDecay: 0 }),
  };
  expect(await compared(forgetful, delayed(wasm, 200))).toBe(false);
  await wasm.release();
  await device.release();
}, 60_000);
