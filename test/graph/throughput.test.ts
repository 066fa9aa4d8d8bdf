import { describe, expect, test } from 'vitest';
import { describeModel } from '../../graph/onnx/description.ts';
import { throughputGraph } from '../../graph/throughput.ts';
import { networkOf } from '../../model/network.ts';
import { bytesOf, largestDifference, runOnPatches } from '../support/onnx-session.ts';
import { randomParameters, randomPatches } from '../support/random-network.ts';
import { referenceLogits, referenceProbabilities } from '../support/reference-network.ts';
import { tolerances } from '../tolerances.ts';

const classes = 7;

describe('the throughput graph', () => {
  // Without its second pooling the reference has several times the work, so it is narrower here.
  test.each([
    ['reference', 1],
    ['no-pool2', 0.25],
    ['no-relu234-pool4', 1],
    ['no-conv4-pool4', 1],
    ['lab-baseline', 1],
  ] as const)('of %s of width %d computes what plain loops in float64 compute', async (variant, width) => {
    const network = networkOf(variant, classes, { width });
    const parameters = randomParameters(network, 11);
    const patches = randomPatches(1, 12);
    const expected = referenceLogits(network, parameters, patches);
    const bytes = bytesOf(throughputGraph(network, parameters, { opset: 17 }));
    const { logits, probabilities } = await runOnPatches(bytes, patches);
    expect(largestDifference(logits.values, expected)).toBeLessThan(tolerances.engineLogit);
    expect(largestDifference(probabilities.values, referenceProbabilities(expected, classes))).toBeLessThan(
      tolerances.probability,
    );
  });

  test('has the inputs and outputs of the portable graph, with a dynamic batch', () => {
    const network = networkOf('lab-baseline', classes);
    const description = describeModel(
      bytesOf(throughputGraph(network, randomParameters(network, 1), { opset: 17 })),
      'lab-baseline',
    );
    expect(description.inputs).toEqual([{ name: 'image', dtype: 'float32', shape: ['N', 1, 64, 64] }]);
    expect(description.outputs).toEqual([
      { name: 'probabilities', dtype: 'float32', shape: ['N', classes] },
      { name: 'logits', dtype: 'float32', shape: ['N', classes] },
    ]);
  });

  test.each([13, 17, 21] as const)(
    'computes the same for batches of any size with opset %i',
    async (opset) => {
      const network = networkOf('no-conv4-pool4', classes, { width: 0.25 });
      const bytes = bytesOf(throughputGraph(network, randomParameters(network, 3), { opset }));
      const patches = randomPatches(5, 4);
      const together = await runOnPatches(bytes, patches);
      const alone = await runOnPatches(bytes, patches.slice(2 * 4096, 3 * 4096));
      expect(together.logits.shape).toEqual([5, classes]);
      expect(
        largestDifference(together.logits.values.slice(2 * classes, 3 * classes), alone.logits.values),
      ).toBeLessThan(tolerances.engineLogit);
    },
  );
});
