import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { foldBatchNorm } from '../../../model/fold-batch-norm.ts';
import { networkOf } from '../../../model/network.ts';
import { checkParameters, initialParameters, zeroParameters } from '../../../model/parameters.ts';
import { pretrainedRecordSchema } from '../../../model/pretrained/pretrained.ts';
import { transfer } from '../../../model/transfer.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { pretrainedSource, readInitialModel } from '../../../training/run/initial-model.ts';
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

test('pretrained is the network of the record, with a new last layer', async () => {
  const network = networkOf('texture-net', 3);
  const model = await readInitialModel(pretrainedSource, network);
  const record = new URL('../../../model/pretrained/texture-net.json', import.meta.url);
  expect(model).toMatchObject({
    source: 'pretrained',
    sha256: pretrainedRecordSchema.parse(JSON.parse(await readFile(record, 'utf8'))).sha256,
  });
  const { parameters, keptClasses } = transfer(model, network, ['a', 'b', 'c'], 8);
  expect(keptClasses).toEqual([]);
  checkParameters(network, parameters, 'transferred');
  expect(parameters.get('conv4.kernel')).toEqual(model.parameters.get('conv4.kernel'));
  expect(parameters.get('linear.kernel')).toEqual(initialParameters(network, 8).get('linear.kernel'));
  await expect(
    readInitialModel(pretrainedSource, networkOf('texture-net', 3, { width: 0.5 })),
  ).rejects.toThrow(
    /^--init pretrained: its network is texture-net \(.* x24, .*, but this run trains texture-net \(.* x12, /,
  );
});
