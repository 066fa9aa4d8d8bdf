import { describe, expect, test } from 'vitest';
import { createGraph } from '../../graph/builder.ts';
import { encodeModel, irVersions } from '../../graph/encode.ts';
import { featureGraph, forwardGraph } from '../../graph/forward.ts';
import { describeModel } from '../../graph/onnx/description.ts';
import { tensorOf } from '../../graph/tensor.ts';
import { foldBatchNorm, foldedNetwork } from '../../model/fold-batch-norm.ts';
import { featureScores } from '../../model/known-score.ts';
import { opsets } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import { networkNames, networkOf } from '../../model/network.ts';
import { initialParameters } from '../../model/parameters.ts';
import { randomStream } from '../../model/random.ts';
import { Tensor } from '../../node/onnxruntime.ts';
import { bytesOf, largestDifference, runModel, runOnPatches } from '../support/onnx-session.ts';
import { randomParameters, randomPatches } from '../support/random-network.ts';
import {
  referenceActivations,
  referenceLogits,
  referenceProbabilities,
} from '../support/reference-network.ts';
import { tolerances } from '../tolerances.ts';

const classes = 7;
const portableOperators = [
  'Add',
  'Conv',
  'Div',
  'Flatten',
  'GlobalAveragePool',
  'MaxPool',
  'Mul',
  'Relu',
  'Softmax',
  'Sqrt',
  'Sub',
];

describe('the portable graph', () => {
  // Without its first pooling the reference has several times the work, so it is narrower here.
  test.each([
    ['reference', 1],
    ['no-pool1', 0.25],
    ['no-relu234-pool4', 1],
    ['no-conv4-pool4', 1],
    ['lab-baseline', 1],
  ] as const)('%s of width %d computes what plain loops in float64 compute', async (variant, width) => {
    const network = networkOf(variant, classes, { width });
    const parameters = randomParameters(network, 11);
    const patches = randomPatches(2, 12);
    const expected = referenceLogits(network, parameters, patches);
    const { logits, probabilities } = await runOnPatches(
      bytesOf(forwardGraph(network, parameters, { opset: 17 })),
      patches,
    );
    expect(logits.shape).toEqual([2, classes]);
    expect(largestDifference(logits.values, expected)).toBeLessThan(tolerances.logit);
    const expectedProbabilities = referenceProbabilities(expected, classes);
    expect(largestDifference(probabilities.values, expectedProbabilities)).toBeLessThan(
      tolerances.probability,
    );
  });

  test.each([
    networkOf('texture-net', classes),
    networkOf('reference', classes, { width: 0.3, batchNorm: true }),
  ])('$name, folded, computes what plain loops compute with its batch normalisations', async (trained) => {
    const parameters = randomParameters(trained, 11);
    const folded = foldBatchNorm({ network: trained, parameters });
    const patches = randomPatches(3, 12);
    const expected = referenceLogits(trained, parameters, patches);
    const { logits } = await runOnPatches(
      bytesOf(forwardGraph(folded.network, folded.parameters, { opset: 17 })),
      patches,
    );
    expect(largestDifference(logits.values, expected)).toBeLessThan(tolerances.logit);
  });

  test('the reference subtracts the mean grey level if its form has one', async () => {
    const network = networkOf('reference', classes, { width: 0.5, initialDeviation: 0.01, meanGrey: 97.25 });
    const parameters = initialParameters(network, 4);
    const patches = randomPatches(3, 12);
    const { logits } = await runOnPatches(bytesOf(forwardGraph(network, parameters, { opset: 17 })), patches);
    const expected = referenceLogits(network, parameters, patches);
    expect(largestDifference(logits.values, expected)).toBeLessThan(tolerances.logit);
  });

  test.each(networkNames)('%s is made of the same few operators, without Transpose', (variant) => {
    const network = foldedNetwork(networkOf(variant, classes, { width: 0.1 }));
    const { operators } = describeModel(
      bytesOf(forwardGraph(network, initialParameters(network, 1), { opset: 17 })),
      variant,
    );
    const own = variant === 'texture-net' ? ['Concat'] : [];
    expect([...portableOperators, ...own]).toEqual(expect.arrayContaining([...operators]));
    expect(operators).toEqual(expect.arrayContaining(['Conv', 'GlobalAveragePool', 'Softmax']));
  });

  test('names only the batch and fixes every other size', () => {
    const network = networkOf('lab-baseline', classes);
    const description = describeModel(
      bytesOf(forwardGraph(network, initialParameters(network, 1), { opset: 17 })),
      'lab-baseline',
    );
    expect(description.inputs).toEqual([{ name: 'image', dtype: 'float32', shape: ['N', 1, 64, 64] }]);
    expect(description.outputs).toEqual([
      { name: 'probabilities', dtype: 'float32', shape: ['N', classes] },
      { name: 'logits', dtype: 'float32', shape: ['N', classes] },
    ]);
  });

  test('computes the same for a patch in a batch as for a single patch', async () => {
    const network = networkOf('no-pool2', classes, { width: 0.25 });
    const bytes = bytesOf(forwardGraph(network, randomParameters(network, 3), { opset: 17 }));
    const patches = randomPatches(8, 4);
    const together = await runOnPatches(bytes, patches);
    const alone = await Promise.all(
      Array.from({ length: 8 }, (_, i) => runOnPatches(bytes, patches.slice(i * 4096, (i + 1) * 4096))),
    );
    const rows = alone.flatMap(({ logits }) => logits.values);
    expect(largestDifference(together.logits.values, rows)).toBeLessThan(tolerances.logit);
  });

  test('computes finite numbers for flat patches, the same for black, grey and white', async () => {
    const network = networkOf('reference', classes);
    const bytes = bytesOf(forwardGraph(network, randomParameters(network, 3), { opset: 17 }));
    const flat = new Uint8Array(3 * 4096).fill(0, 0, 4096).fill(77, 4096, 8192).fill(255, 8192);
    const { probabilities } = await runOnPatches(bytes, flat);
    const [black, grey, white] = [0, 1, 2].map((i) =>
      probabilities.values.slice(i * classes, (i + 1) * classes),
    );
    expect(black?.every(Number.isFinite)).toBe(true);
    expect(grey).toEqual(black);
    expect(white).toEqual(black);
  });
});

describe('the known score', () => {
  test.each([13, 17, 21] as const)('is that of the features, in opset %i', async (opset) => {
    const network = networkOf('texture-net', 5, { width: 0.5 });
    const folded = foldBatchNorm({ network, parameters: randomParameters(network, 4) });
    const patches = randomPatches(3, 9);
    const image = new Tensor('float32', Float32Array.from(patches), [3, 1, 64, 64]);
    const plain = await runModel(bytesOf(featureGraph(folded.network, folded.parameters, 17)), { image });
    const features = Float32Array.from(plain.features?.values ?? []);
    const [classes, width] = [5, features.length / 3];
    const random = randomStream(8, 'known');
    const values = (count: number, size: number) =>
      Float32Array.from({ length: count }, () => size * random.normal());
    const known = {
      features: width,
      classes,
      classKernel: values(classes * width, 0.1),
      classBias: values(classes, 1),
      spreadKernel: values(classes * width, 0.05),
      spreadBias: values(classes, 1),
      thresholds: { photograph: 0, patch: 0 },
    };
    const graph = forwardGraph(folded.network, folded.parameters, { opset, known });
    const outputs = await runModel(bytesOf(graph), { image });
    expect(outputs.known_score?.shape).toEqual([3, 1]);
    const expected = featureScores(known, features);
    expect(largestDifference(outputs.known_score?.values ?? [], expected)).toBeLessThan(1e-4);
    expect(outputs.logits).toEqual(plain.logits);
  });

  test('of a network without global statistics is an error', () => {
    const network = networkOf('lab-baseline', 3);
    expect(() => featureGraph(network, initialParameters(network, 1), 17)).toThrow('no global statistics');
  });
});

describe('kernels', () => {
  /**
   * One convolution whose only weight is a one at row 0, column 4: its output is the image moved four columns
   * to the left.
   */
  const network: Network = {
    name: 'shift',
    classes: 2,
    layers: [
      { kind: 'standardise', name: 'standardise', varianceFloor: 1 },
      { kind: 'convolution', name: 'conv1', kernelPx: 5, filters: 2 },
      { kind: 'globalAverage', name: 'average' },
    ],
  };
  const kernel = new Float32Array(2 * 25);
  kernel[4] = 1;
  const parameters = new Map([
    ['conv1.kernel', kernel],
    ['conv1.bias', Float32Array.of(0, 0.5)],
  ]);

  test('are neither transposed nor flipped', async () => {
    const patch = Uint8Array.from({ length: 4096 }, (_, at) => (at * at * 7 + (at % 64) * 13) % 251);
    const graph = forwardGraph(network, parameters, { opset: 17 });
    const { nodes } = graph.content();
    const map = nodes.find(({ name }) => name === 'conv1.output')?.outputs[0];
    expect(map?.shape).toEqual(['N', 2, 60, 60]);
    if (map !== undefined) graph.output(map);
    const outputs = await runModel(bytesOf(graph), {
      image: new Tensor('float32', Float32Array.from(patch), [1, 1, 64, 64]),
    });
    const standardised = referenceActivations(network, parameters, Float64Array.from(patch)).get(
      'standardise',
    );
    const shifted = Array.from(
      { length: 3600 },
      (_, at) => standardised?.[Math.floor(at / 60) * 64 + (at % 60) + 4] ?? Number.NaN,
    );
    const got = outputs['conv1.output']?.values ?? [];
    expect(largestDifference(got.slice(0, 3600), shifted)).toBeLessThan(tolerances.logit);
    expect(new Set(got.slice(3600))).toEqual(new Set([0.5]));
  });
});

describe('versions', () => {
  const expected = [
    [13, 7],
    [14, 7],
    [15, 8],
    [16, 8],
    [17, 8],
    [18, 8],
    [19, 9],
    [20, 9],
    [21, 10],
  ] as const;

  test('every opset has a row', () => {
    expect(expected.map(([opset]) => opset)).toEqual([...opsets]);
  });

  test.each(expected)(
    'opset %i is stamped IR version %i, loads, and computes the same',
    async (opset, irVersion) => {
      const network = networkOf('lab-baseline', classes);
      const parameters = randomParameters(network, 5);
      const patches = randomPatches(3, 6);
      const bytes = bytesOf(forwardGraph(network, parameters, { opset }));
      const description = describeModel(bytes, 'lab-baseline');
      expect(irVersions[opset]).toBe(irVersion);
      expect(description.irVersion).toBe(irVersion);
      expect(description.opsets).toEqual({ '': opset });
      const { logits } = await runOnPatches(bytes, patches);
      const usual = await runOnPatches(bytesOf(forwardGraph(network, parameters, { opset: 17 })), patches);
      expect(logits.values).toEqual(usual.logits.values);
    },
  );
});

describe('files', () => {
  test('have the same bytes for the same network', () => {
    const network = networkOf('lab-baseline', classes);
    const build = () => bytesOf(forwardGraph(network, randomParameters(network, 5), { opset: 17 }));
    expect(Buffer.from(build()).equals(Buffer.from(build()))).toBe(true);
  });

  test('round-trip any metadata', () => {
    const graph = createGraph({ name: 'empty', opset: 17, float: 'float32' });
    graph.output(graph.initializer('one', tensorOf('float32', [1], [1])));
    const metadata = { 'textura.labels': '["Größe","지단","say \\"hi\\"","a\\\\b","🧶"]', empty: '' };
    const bytes = encodeModel(graph, { producerName: 'textura', producerVersion: '9.8.7', metadata });
    const description = describeModel(bytes, 'empty.onnx');
    expect(description.metadata).toEqual(metadata);
    expect(description.producer).toBe('textura 9.8.7');
  });
});
