import { expect, test } from 'vitest';
import { foldBatchNorm } from '../../../model/fold-batch-norm.ts';
import { networkOf } from '../../../model/network.ts';
import { zeroParameters } from '../../../model/parameters.ts';
import { transfer } from '../../../model/transfer.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { restoredParameters } from '../../../training/run/starting-point.ts';
import { largestDifference } from '../../support/onnx-session.ts';
import { randomParameters, randomPatches } from '../../support/random-network.ts';
import { tolerances } from '../../tolerances.ts';

test('a network restored from a folded one has the statistics of the batches, and computes the same in training too', async () => {
  const network = networkOf('texture-net', 3, { width: 0.25 });
  const labels = ['a', 'b', 'c'];
  const patches = randomPatches(7, 5);
  const batch = { patches, labels: Int32Array.from([0, 1, 2, 0, 1, 2, 0]) };
  const engine = await onnxEngine(network, { threads: 1 });
  try {
    const state = { parameters: randomParameters(network, 3), momentum: zeroParameters(network) };
    await engine.write(state);
    const expected = await engine.logits(patches);
    const source = { ...foldBatchNorm({ network, parameters: state.parameters }), labels };
    const started = transfer(source, network, labels, 1);
    const parameters = await restoredParameters(engine, network, started, [batch]);
    await engine.write({ parameters, momentum: zeroParameters(network) });
    expect(largestDifference(await engine.logits(patches), expected)).toBeLessThan(tolerances.engineLogit);
    // A training step normalises by the batch, whose statistics are those that were measured.
    const settings = { learningRate: 0.1, momentum: 0, weightDecay: 0 };
    const restored = largestDifference(await engine.step(batch, settings), expected);
    expect(restored).toBeLessThan(tolerances.batchNormalisedLogit);
    await engine.write({ parameters: started.parameters, momentum: zeroParameters(network) });
    expect(largestDifference(await engine.step(batch, settings), expected)).toBeGreaterThan(0.1);
  } finally {
    await engine.dispose();
  }
});
