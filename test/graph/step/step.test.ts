import { describe, expect, test } from 'vitest';
import type { Target } from '../../../graph/builder.ts';
import { stepNames, trainingStepGraph } from '../../../graph/step/step.ts';
import { storedShape } from '../../../graph/step/stored-parameters.ts';
import type { FloatDtype } from '../../../graph/tensor.ts';
import { describeLayers, parameterSpecs, trainedSpecs } from '../../../model/description.ts';
import { type Layer, volume } from '../../../model/layer.ts';
import { type Network, networkOf } from '../../../model/network.ts';
import { patchBytes } from '../../../model/patch.ts';
import { randomStream } from '../../../model/random.ts';
import { type Arrays, centralDifference, runnerOf } from '../../support/float64-graph.ts';
import { largestDifference } from '../../support/onnx-session.ts';
import { randomPatches } from '../../support/random-network.ts';
import { tolerances } from '../../tolerances.ts';

const classes = 3;
const batch = 3;
const convolution = (name: string, kernelPx: number, filters: number): Layer => ({
  kind: 'convolution',
  name,
  kernelPx,
  filters,
});
const batchNorm = (name: string): Layer => ({ kind: 'batchNorm', name, epsilon: 1e-5 });
const relu = (name: string): Layer => ({ kind: 'relu', name });
const pool = (name: string, sizePx: number): Layer => ({ kind: 'maxPool', name, sizePx });
const subtractMean = (name: string, meanGrey: number): Layer => ({ kind: 'subtractMean', name, meanGrey });
const standardise = (name: string): Layer => ({ kind: 'standardise', name, varianceFloor: 1 });

/** Small networks with every neighbourhood of layers that the union allows. */
const networks: readonly Network[] = [
  {
    name: 'as the reference is built',
    layers: [
      standardise('standardise'),
      convolution('conv1', 5, 2),
      relu('relu1'),
      pool('pool1', 2),
      convolution('conv2', 5, 3),
      relu('relu2'),
      pool('pool2', 4),
      convolution('conv3', 4, 4),
      pool('pool3', 2),
      convolution('conv4', 1, classes),
    ],
  },
  {
    name: 'that ends in many positions',
    layers: [
      pool('pool0', 5),
      standardise('standardise'),
      convolution('conv1', 3, 2),
      convolution('conv2', 4, 4),
      relu('relu2'),
      convolution('conv3', 3, classes),
    ],
  },
  {
    name: 'with pooling after pooling, ReLU near the front and standardisation inside',
    layers: [
      subtractMean('centre', 100.5),
      relu('relu0'),
      pool('pool0', 4),
      convolution('conv1', 2, 3),
      pool('pool1', 2),
      pool('pool2', 2),
      relu('relu2'),
      standardise('inside'),
      convolution('conv2', 3, classes),
    ],
  },
  {
    name: 'as texture-net is built, with incomplete tiles and a skipped last column',
    layers: [
      standardise('standardise'),
      { ...convolution('conv1', 5, 2), stridePx: 3, hasBias: false } as Layer, // [2,20,20]
      batchNorm('norm1'),
      relu('relu1'),
      { ...convolution('conv2', 3, 3), hasBias: false } as Layer, // [3,18,18]
      batchNorm('norm2'),
      pool('pool2', 2), // [3,9,9]
      relu('relu2'),
      { ...convolution('conv3', 3, 4), stridePx: 2 } as Layer, // [4,4,4]
      relu('relu3'),
      pool('pool3', 2),
      {
        kind: 'globalStatistics',
        name: 'statistics',
        of: ['relu1', 'relu2', 'pool3'],
        varianceFloor: 1e-4,
      } as Layer,
      batchNorm('norm4'),
      convolution('linear', 1, classes),
    ],
  },
  {
    name: 'means of three layers without their deviations',
    layers: [
      standardise('standardise'),
      { ...convolution('conv1', 9, 2), stridePx: 5 } as Layer, // [2,12,12]
      relu('relu1'),
      convolution('conv2', 4, 3), // [3,9,9]
      relu('relu2'),
      pool('pool2', 2), // [3,4,4]
      {
        kind: 'globalStatistics',
        name: 'statistics',
        of: ['relu1', 'relu2', 'pool2'],
        varianceFloor: 1e-4,
        deviations: false,
      } as Layer,
      convolution('linear', 1, classes),
    ],
  },
].map(({ name, layers }) => ({
  name,
  classes,
  layers: [...layers, { kind: 'globalAverage', name: 'average' }],
}));

/** Inputs of a step that moves nothing and whose velocities come out as the gradient. */
function stepInputs(network: Network, patches: Uint8Array): Arrays {
  const random = randomStream(5, 'values of a small network', network.name);
  const values = parameterSpecs(network).map(({ name, shape }) => {
    const scale = Math.sqrt(1 / volume(shape.slice(1)));
    return [name, Float64Array.from({ length: volume(shape) }, () => scale * random.normal())] as const;
  });
  return {
    [stepNames.patches]: patches,
    [stepNames.labels]: Int32Array.from({ length: batch }, (_, i) => (i + 1) % classes),
    // A mean that is not uniform, and one row that only fills up.
    [stepNames.weights]: Float64Array.of(0.75, 0.25, 0),
    [stepNames.learningRate]: [0],
    [stepNames.momentum]: [0],
    [stepNames.weightDecay]: [0],
    [stepNames.statisticsRate]: [1],
    ...Object.fromEntries(values),
    ...Object.fromEntries(
      trainedSpecs(network).map(({ name, shape }) => [
        stepNames.momentumOf(name),
        new Float64Array(volume(shape)),
      ]),
    ),
  };
}

function lossOf(logits: ArrayLike<number>, inputs: Arrays): number {
  const weights = Array.from(inputs[stepNames.weights] ?? []);
  return weights.reduce((sum, weight, patch) => {
    const row = Array.from(logits).slice(patch * classes, (patch + 1) * classes);
    const largest = Math.max(...row);
    const total = row.reduce((all, value) => all + Math.exp(value - largest), 0);
    const label = inputs[stepNames.labels]?.[patch] as number;
    return sum + weight * (Math.log(total) + largest - (row[label] as number));
  }, 0);
}

/** Half flat, half noise, so that standardisation, ReLU and pooling get both ties and distinct values. */
function patchesWithTies(): Uint8Array {
  const patches = randomPatches(batch, 8);
  for (let at = 0; at < patches.length; at++) {
    if (at % 64 < 32 && at < 2 * patchBytes) patches[at] = 90;
  }
  return patches;
}

describe.each(networks)('a step of a network $name', (network) => {
  test('has the gradients of central differences of its loss', async () => {
    const runner = await runnerOf(trainingStepGraph(network, { batch, float: 'float64' }));
    const inputs = stepInputs(network, randomPatches(batch, 8));
    const outputs = await runner.run(inputs);
    const loss = async (at: Arrays) => lossOf((await runner.run(at)).logits ?? [], inputs);
    for (const { name, shape } of trainedSpecs(network)) {
      const gradient = outputs[stepNames.next(stepNames.momentumOf(name))] ?? new Float64Array();
      const count = volume(shape);
      for (let at = 0; at < count; at += Math.ceil(count / 10)) {
        const numeric = await centralDifference(loss, inputs, name, at, 1e-6);
        expect(Math.abs((gradient[at] as number) - numeric), `${name}[${at}]`).toBeLessThan(
          tolerances.numericGradient,
        );
      }
    }
    await runner.release();
  });

  test('neither loses nor doubles gradients of flat patches', async () => {
    const runner = await runnerOf(trainingStepGraph(network, { batch, float: 'float64' }));
    const inputs = stepInputs(network, patchesWithTies());
    const outputs = await runner.run(inputs);
    // Moving every weight of a layer by one factor moves no maximum from its tie.
    const scaled = (factor: number): Arrays => {
      const kernels = parameterSpecs(network).map(({ name }) => [
        name,
        Float64Array.from(inputs[name] ?? [], (value) => value * factor),
      ]);
      return { ...inputs, ...Object.fromEntries(kernels) };
    };
    const loss = async (factor: number) => lossOf((await runner.run(scaled(factor))).logits ?? [], inputs);
    const numeric = ((await loss(1 + 1e-6)) - (await loss(1 - 1e-6))) / 2e-6;
    const analytic = trainedSpecs(network).reduce((sum, { name }) => {
      const gradient = outputs[stepNames.next(stepNames.momentumOf(name))] ?? new Float64Array();
      return sum + gradient.reduce((all, value, i) => all + value * (inputs[name]?.[i] as number), 0);
    }, 0);
    expect(Math.abs(analytic - numeric)).toBeLessThan(tolerances.numericGradient);
    await runner.release();
  });

  test('has the same gradients in its form for a GPU', async () => {
    const inputs = stepInputs(network, patchesWithTies());
    const stepFor = async (target: Target) => {
      const runner = await runnerOf(trainingStepGraph(network, { batch, float: 'float64', target }));
      const outputs = await runner.run(inputs);
      await runner.release();
      return outputs;
    };
    const [own, onGpu] = [await stepFor('cpu'), await stepFor('webgpu')];
    for (const name of Object.keys(own)) {
      expect(largestDifference(onGpu[name] ?? [], own[name] ?? []), name).toBeLessThan(tolerances.float64Sum);
    }
  });

  const hasBatchNorm = trainedSpecs(network).length < parameterSpecs(network).length;
  test.skipIf(hasBatchNorm)('ignores the padding row', async () => {
    const runner = await runnerOf(trainingStepGraph(network, { batch, float: 'float64' }));
    const patches = randomPatches(batch, 8);
    const outputs = await runner.run(stepInputs(network, patches));
    const other = await runner.run(
      stepInputs(
        network,
        patches.map((grey, at) => (at < 2 * patchBytes ? grey : 255 - grey)),
      ),
    );
    for (const { name } of parameterSpecs(network)) {
      const buffer = stepNames.next(stepNames.momentumOf(name));
      expect(other[buffer]).toEqual(outputs[buffer]);
    }
    await runner.release();
  });

  test('has the documented inputs and outputs', () => {
    const { inputs, outputs } = trainingStepGraph(network, { batch, float: 'float64' }).content();
    const parameters = describeLayers(network).flatMap((layer) => layer.parameters);
    const [trained, averages] = [true, false].map((isTrained) =>
      parameters.filter((spec) => spec.isTrained === isTrained),
    ) as [typeof parameters, typeof parameters];
    expect(inputs.slice(0, 3).map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['patches', 'uint8', [batch, 64, 64]],
      ['labels', 'int32', [batch]],
      ['weights', 'float64', [batch]],
    ]);
    expect(outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['logits', [batch, classes]],
      ...trained.flatMap(({ name, shape }) => [
        [`${name}.next`, storedShape(shape)],
        [`${name}.momentum.next`, storedShape(shape)],
      ]),
      ...averages.map(({ name, shape }) => [`${name}.next`, shape]),
    ]);
  });
});

// On a GPU the launches of small kernels take a large part of a step. A reshape launches none.
test.for([
  ['reference', 232],
  ['texture-net', 485],
] as const)('the step of %s for CUDA launches no more than %d kernels', ([name, most]) => {
  const { nodes } = trainingStepGraph(networkOf(name, 25), { batch: 165, target: 'cuda' }).content();
  const launches = nodes.filter(({ operator }) => operator !== 'Reshape');
  expect(launches.length).toBeLessThanOrEqual(most);
});

test('a float32 step of the reference has the gradients of float64', async () => {
  const network = networkOf('reference', classes);
  const inputs = stepInputs(network, randomPatches(batch, 8));
  const gradientsIn = async (float: FloatDtype) => {
    const runner = await runnerOf(trainingStepGraph(network, { batch, float }));
    const outputs = await runner.run(inputs);
    await runner.release();
    return outputs;
  };
  const [single, double] = [await gradientsIn('float32'), await gradientsIn('float64')];
  for (const { name } of parameterSpecs(network)) {
    const buffer = stepNames.next(stepNames.momentumOf(name));
    const [got, exact] = [single[buffer], double[buffer]] as [Float64Array, Float64Array];
    const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
    const difference = got.map((value, i) => value - (exact[i] as number));
    expect(norm(difference) / norm(exact), name).toBeLessThan(tolerances.gradient);
  }
});
