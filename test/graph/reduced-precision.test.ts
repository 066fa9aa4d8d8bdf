import { describe, expect, test } from 'vitest';
import { float16Bits, float16Value } from '../../graph/float16.ts';
import { describeModel } from '../../graph/onnx/description.ts';
import { type Reduction, rangedLayers, reducedGraph } from '../../graph/reduced-precision.ts';
import { valuesOf } from '../../graph/tensor.ts';
import { foldBatchNorm } from '../../model/fold-batch-norm.ts';
import { opsets } from '../../model/model-file.ts';
import { type Network, type networkNames, networkOf } from '../../model/network.ts';
import { type Parameters, parameter } from '../../model/parameters.ts';
import { patchBytes } from '../../model/patch.ts';
import { bytesOf, largestDifference, runOnPatches } from '../support/onnx-session.ts';
import { randomKnownMaps, randomParameters, randomPatches } from '../support/random-network.ts';
import { referenceLogits, referenceRanges } from '../support/reference-network.ts';

const classes = 7;

function randomNetwork(name: (typeof networkNames)[number], width = 1) {
  const trained = networkOf(name, classes, { width });
  return foldBatchNorm({ network: trained, parameters: randomParameters(trained, 11) });
}

describe('a graph of 8-bit integers', () => {
  /** Three 1x1 convolutions of one channel, on the grey levels themselves. */
  const tiny: Network = {
    name: 'tiny',
    classes: 2,
    layers: [
      { kind: 'convolution', name: 'first', kernelPx: 1, filters: 1 },
      { kind: 'relu', name: 'relu' },
      { kind: 'convolution', name: 'middle', kernelPx: 1, filters: 1 },
      { kind: 'maxPool', name: 'pool', sizePx: 2 },
      { kind: 'relu', name: 'relu2' },
      { kind: 'convolution', name: 'last', kernelPx: 1, filters: 2 },
      { kind: 'globalAverage', name: 'average' },
    ],
  };
  const parameters: Parameters = new Map(
    Object.entries({
      'first.kernel': [1],
      'first.bias': [0],
      'middle.kernel': [0.5],
      'middle.bias': [0.3],
      'last.kernel': [1, -1],
      'last.bias': [0, 0],
    }).map(([name, values]) => [name, Float32Array.from(values)]),
  );
  const logitsOf = async (grey: number, ranges: Reduction['ranges']) => {
    const reduction = { precision: 'int8', ranges } as const;
    const bytes = bytesOf(reducedGraph(tiny, parameters, { reduction, opset: 17 }));
    return (await runOnPatches(bytes, new Uint8Array(patchBytes).fill(grey))).logits.values;
  };

  test('rounds inputs, weights and outputs to their scales, and clips to their ranges', async () => {
    // Scales: 1 for the input, 0.5 / 63 for the weight, 0.5 for the output.
    const ranges = new Map([
      ['relu', { min: 0, max: 255 }],
      ['relu2', { min: 0, max: 127.5 }],
    ]);
    expect(rangedLayers(tiny)).toEqual(['relu', 'relu2']);
    // 7 x 0.5 + 0.3 = 3.8 is nearest to 8 x 0.5; 255 x 0.5 + 0.3 = 127.8 is above the range.
    expect(await logitsOf(7, ranges)).toEqual([4, -4]);
    expect(await logitsOf(255, ranges)).toEqual([127.5, -127.5]);
    // With a scale of 2 an input of 7 is 8 (or 6), and the output 8 x 0.5 + 0.3 = 4.3.
    const wide = new Map([...ranges, ['relu', { min: 0, max: 510 }]]);
    expect([
      [4.5, -4.5],
      [3.5, -3.5],
    ]).toContainEqual(await logitsOf(7, wide));
  });

  test('a filter of tiny weights keeps its bias', async () => {
    const dead = new Map([...parameters, ['middle.kernel', Float32Array.of(1e-12)]] as const);
    const ranges = new Map([
      ['relu', { min: 0, max: 255 }],
      ['relu2', { min: 0, max: 1.275 }],
    ]);
    const reduction = { precision: 'int8', ranges } as const;
    const bytes = bytesOf(reducedGraph(tiny, dead, { reduction, opset: 17 }));
    const { logits } = await runOnPatches(bytes, new Uint8Array(patchBytes).fill(7));
    expect(largestDifference(logits.values, [0.3, -0.3])).toBeLessThan(1e-6);
  });

  test('has a filter of integers within 7 bits, each with its own scale, and no ReLU after them', () => {
    const { network, parameters } = randomNetwork('texture-net');
    const ranges = referenceRanges(network, parameters, randomPatches(1, 5));
    const graph = reducedGraph(network, parameters, {
      reduction: { precision: 'int8', ranges },
      opset: 17,
    });
    const { initializers, nodes } = graph.content();
    const stored = initializers.find(({ name }) => name === 'conv2.kernel.int8');
    const integers = stored === undefined ? [] : valuesOf(stored.tensor);
    const exact = parameter(parameters, 'conv2.kernel');
    expect(integers).toHaveLength(exact.length);
    const size = exact.length / 48;
    for (let filter = 0; filter < 48; filter++) {
      const own = integers.slice(filter * size, (filter + 1) * size);
      expect(Math.max(...own.map(Math.abs))).toBe(63);
      const weights = [...exact.subarray(filter * size, (filter + 1) * size)];
      const scale = Math.max(...weights.map(Math.abs)) / 63;
      expect(
        largestDifference(
          own.map((one) => one * scale),
          weights,
        ),
      ).toBeLessThanOrEqual(scale * 0.5001);
    }
    expect(nodes.filter(({ operator }) => operator === 'Relu').map(({ name }) => name)).toEqual([
      'relu1.output',
    ]);
  });

  test.each([
    ['reference', 0.25],
    ['no-relu2', 0.25],
    ['no-relu234-pool4', 0.25],
    ['lab-baseline', 1],
    ['texture-net', 1],
  ] as const)('of %s is near the network in float64', async (name, width) => {
    const { network, parameters } = randomNetwork(name, width);
    const patches = randomPatches(4, 12);
    const expected = referenceLogits(network, parameters, patches);
    const known = randomKnownMaps(network, classes);
    const [int8, fp16] = [
      { precision: 'int8', ranges: referenceRanges(network, parameters, patches) },
      { precision: 'fp16', ranges: new Map() },
    ] as const;
    const spread = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
    for (const [reduction, allowed] of [
      [int8, 0.1],
      [fp16, 0.005],
    ] as const) {
      const outputs = await runOnPatches(
        bytesOf(reducedGraph(network, parameters, { reduction, opset: 17, known })),
        patches,
      );
      const difference = largestDifference(outputs.logits.values, expected) / spread;
      expect(difference, reduction.precision).toBeLessThan(allowed);
      expect(difference, reduction.precision).toBeGreaterThan(1e-6);
      expect('known_score' in outputs).toBe(known !== undefined);
    }
  });

  test.each(opsets)('has the inputs and outputs of the portable graph with opset %i', async (opset) => {
    const { network, parameters } = randomNetwork('lab-baseline', 0.25);
    const ranges = referenceRanges(network, parameters, randomPatches(1, 5));
    for (const precision of ['fp16', 'int8'] as const) {
      const bytes = bytesOf(reducedGraph(network, parameters, { reduction: { precision, ranges }, opset }));
      const { inputs, outputs } = describeModel(bytes, precision);
      expect(inputs).toEqual([{ name: 'image', dtype: 'float32', shape: ['N', 1, 64, 64] }]);
      expect(outputs.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual([
        'probabilities float32',
        'logits float32',
      ]);
      expect((await runOnPatches(bytes, randomPatches(3, 1))).logits.shape).toEqual([3, classes]);
    }
  });

  test('needs the range of every activation', () => {
    const { network, parameters } = randomNetwork('lab-baseline', 0.25);
    const reduction = { precision: 'int8', ranges: new Map() } as const;
    expect(() => reducedGraph(network, parameters, { reduction, opset: 17 })).toThrow('no range of');
  });
});

describe('float16', () => {
  test.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.1, 0x2e66],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
    [Number.NaN, 0x7e00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [3 * 2 ** -25, 0x0002],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000],
  ])('of %d has the bits of IEEE 754', (value, bits) => {
    expect(float16Bits(value)).toBe(bits);
  });

  test('every value is its own nearest', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = float16Value(bits);
      if (!Number.isNaN(value)) expect(float16Bits(value)).toBe(bits);
    }
  });
});
