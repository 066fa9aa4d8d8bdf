import { expect, test } from 'vitest';
import { networkOf } from '../../../model/network.ts';
import { initialParameters, zeroParameters } from '../../../model/parameters.ts';
import { loadTensorflow } from '../../../training/engine/tensorflow/load.ts';
import { tfjsEngine } from '../../../training/engine/tfjs-engine.ts';
import { randomPatches } from '../../support/random-network.ts';
import { describeWithTensorflow } from '../../support/tensorflow.ts';

describeWithTensorflow('the tfjs engine', () => {
  test('has as many tensors after 300 steps as after 10, and none after it is disposed', {
    timeout: 120_000,
  }, async () => {
    const tf = await loadTensorflow();
    const before = tf.memory().numTensors;
    const network = networkOf('lab-baseline', 3);
    const engine = tfjsEngine(tf, network, 'cpu');
    await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });
    const batch = { patches: randomPatches(1, 5), labels: Int32Array.of(2) };
    const settings = { learningRate: 1e-4, momentum: 0.9, weightDecay: 5e-4 };
    const counts: number[] = [];
    for (let step = 1; step <= 300; step++) {
      await engine.step(batch, settings);
      if (step % 100 === 0) await engine.logits(batch.patches);
      if (step === 10 || step === 300) counts.push(tf.memory().numTensors);
    }
    await engine.read();
    expect(counts[1]).toBe(counts[0]);
    await engine.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
