/** What only the onnx engine has: threads, several steps in a run, and sessions of a batch size. */
import { expect, test } from 'vitest';
import { describeLayers, totalsOf } from '../../../model/description.ts';
import { type Network, networkOf } from '../../../model/network.ts';
import type { TrainingState } from '../../../model/parameters.ts';
import type { Batch } from '../../../model/patch.ts';
import { type OnnxEngineSettings, onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { evaluationPatches } from '../../../training/engine/onnx-evaluation.ts';
import {
  batchOf,
  bitsOf,
  classes,
  largestRelativeDifference,
  settings,
  stateOf,
} from '../../support/engine-states.ts';
import { largestDifference } from '../../support/onnx-session.ts';
import { tolerances } from '../../tolerances.ts';

async function stepped(network: Network, engineSettings: OnnxEngineSettings, batches: readonly Batch[]) {
  const engine = await onnxEngine(network, engineSettings);
  await engine.write(stateOf(network, 3));
  const logits: Float32Array[] = [];
  for (const batch of batches) logits.push(await engine.step(batch, settings));
  const state = await engine.read();
  await engine.dispose();
  return { state, logits };
}

test.each(['reference', 'texture-net'] as const)(
  'computes the same bits on one thread and on two: %s',
  async (name) => {
    const network = networkOf(name, classes);
    const batches = [batchOf(7, 1), batchOf(7, 2)];
    const [one, two] = [
      await stepped(network, { threads: 1 }, batches),
      await stepped(network, { threads: 2 }, batches),
    ];
    expect(two.logits).toEqual(one.logits);
    expect(bitsOf(two.state).equals(bitsOf(one.state))).toBe(true);
  },
);

test('takes several steps in one run, with the bits of one step after another', async () => {
  for (const network of [
    networkOf('lab-baseline', classes, { width: 0.25 }),
    networkOf('texture-net', classes, { width: 0.25 }),
  ]) {
    const inputs = [4, 4, 4, 4, 4, 3, 4].map((count, i) => ({
      batch: batchOf(count, 30 + i),
      settings: { ...settings, learningRate: 0.01 / (i + 1), statisticsRate: 1 / (i + 1) },
    }));
    const [single, several] = await Promise.all(
      [1, 3].map(async (stepsAtOnce) => {
        const engine = await onnxEngine(network, { batch: 4, threads: 1, stepsAtOnce });
        await engine.write(stateOf(network, 7));
        const logits = await engine.steps(inputs);
        const after = { logits, state: await engine.read() };
        await engine.dispose();
        return after;
      }),
    );
    expect(several?.logits).toEqual(single?.logits);
    expect(several?.logits.map(({ length }) => length / classes)).toEqual([4, 4, 4, 4, 4, 3, 4]);
    expect(bitsOf(several?.state as TrainingState).equals(bitsOf(single?.state as TrainingState))).toBe(true);
  }
});

test('evaluates fewer patches at once if layers are large', () => {
  expect(evaluationPatches(networkOf('reference', classes))).toBe(32);
  const large = networkOf('no-pool1', classes);
  const { activationBytes } = totalsOf(describeLayers(large));
  expect(evaluationPatches(large) * activationBytes).toBeLessThan(50e6);
  expect(evaluationPatches(large)).toBeGreaterThan(4);
  const huge = networkOf('no-pool1', classes, { width: 8 });
  expect(evaluationPatches(huge)).toBe(1);
  expect(evaluationPatches(networkOf('reference', classes), 'cuda')).toBe(512);
});

test('runs a smaller batch in the session of the full batch size', async () => {
  const network = networkOf('lab-baseline', classes);
  const batches = [batchOf(5, 1), batchOf(3, 2)];
  const own = await stepped(network, {}, batches);
  const filled = await stepped(network, { batch: 5 }, batches);
  expect(filled.logits.map(({ length }) => length)).toEqual([5 * classes, 3 * classes]);
  expect(largestDifference(filled.logits[1] ?? [], own.logits[1] ?? [])).toBeLessThan(tolerances.engineLogit);
  expect(largestRelativeDifference(filled.state.parameters, own.state.parameters)).toBeLessThan(
    tolerances.step,
  );
});
