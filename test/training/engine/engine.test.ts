/** The contract of an engine, held against every engine that is here; and that both take the same step. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeLayers, parameterSpecs } from '../../../model/description.ts';
import { TexturaError } from '../../../model/error.ts';
import { type Network, networkOf, variantNames } from '../../../model/network.ts';
import type { TrainingState } from '../../../model/parameters.ts';
import { initialParameters, type Parameters, parameter, zeroParameters } from '../../../model/parameters.ts';
import type { Batch } from '../../../model/patch.ts';
import { patchBytes } from '../../../model/patch.ts';
import { addScores, meanScores, noScores } from '../../../model/scores.ts';
import type { Engine } from '../../../training/engine/engine.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { loadTensorflow } from '../../../training/engine/tensorflow/load.ts';
import { tfjsEngine } from '../../../training/engine/tfjs-engine.ts';
import {
  batchOf,
  bitsOf,
  classes,
  largestRelativeDifference,
  settings,
  stateOf,
} from '../../support/engine-states.ts';
import { largestDifference } from '../../support/onnx-session.ts';
import { randomParameters, randomPatches } from '../../support/random-network.ts';
import { referenceActivations, referenceLogits } from '../../support/reference-network.ts';
import { describeWithTensorflow, tensorflowReady } from '../../support/tensorflow.ts';
import { tolerances } from '../../tolerances.ts';

interface EngineUnderTest {
  readonly name: string;
  readonly isHere: boolean;
  open(network: Network): Promise<Engine>;
}

const engines: readonly EngineUnderTest[] = [
  { name: 'onnx', isHere: true, open: (network) => onnxEngine(network) },
  {
    name: 'tfjs',
    isHere: tensorflowReady,
    open: async (network) => tfjsEngine(await loadTensorflow(), network, 'cpu'),
  },
];

function lossOf(logits: Float32Array, { labels }: Batch): number {
  return meanScores(addScores(noScores, logits, labels, classes)).objective;
}

function largestNormOfDifference(a: Parameters, b: Parameters): number {
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  const ratios = [...b].map(([name, values]) => {
    const other = parameter(a, name);
    return norm(values.map((value, i) => value - (other[i] as number))) / norm(values);
  });
  return Math.max(...ratios);
}

/**
 * Mean and unbiased variance of each channel of a layer's output over positions and patches, by plain loops.
 */
function layerSums(network: Network, parameters: Parameters, patches: Uint8Array, layer: string) {
  const outputs = Array.from({ length: patches.length / patchBytes }, (_, i) => {
    const patch = Float64Array.from(patches.subarray(i * patchBytes, (i + 1) * patchBytes));
    return referenceActivations(network, parameters, patch).get(layer) ?? new Float64Array();
  });
  const [channels = 0, height = 0, width = 0] =
    describeLayers(network).find((description) => description.layer.name === layer)?.outputShape ?? [];
  const ofChannel = Array.from({ length: channels }, (_, c) =>
    outputs.flatMap((values) => [...values.subarray(c * height * width, (c + 1) * height * width)]),
  );
  const means = ofChannel.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
  const variances = ofChannel.map(
    (values, c) =>
      values.reduce((sum, value) => sum + (value - (means[c] as number)) ** 2, 0) / (values.length - 1),
  );
  return { means, variances };
}

describe.each(engines)('the $name engine', ({ name, isHere, open }) => {
  const it = isHere ? test : test.skip;
  const title = (sentence: string) =>
    isHere ? sentence : `${sentence} (skipped: TensorFlow is not set up, npm run setup:tensorflow)`;
  const network = networkOf('lab-baseline', classes);
  const state = stateOf(network, 3);
  let engine: Engine;

  beforeAll(async () => {
    if (isHere) engine = await open(network);
  });
  afterAll(async () => {
    if (isHere) await engine.dispose();
  });

  it(title('has its name and device'), () => {
    expect(engine.name).toBe(name);
    expect(engine.device).toBe('cpu');
    expect(engine.precision).toBe('float32');
    expect(Object.values(engine.versions).every((version) => /^\d+\.\d+\.\d+/.test(version))).toBe(true);
  });

  it(title('starts from zero'), async () => {
    const fresh = await open(network);
    const { parameters, momentum } = await fresh.read();
    const zeros = zeroParameters(network);
    const zeroState = { parameters: zeros, momentum: zeros };
    expect(bitsOf({ parameters, momentum }).equals(bitsOf(zeroState))).toBe(true);
    await fresh.dispose();
  });

  it(title('returns the written state bit-exactly, as a copy'), async () => {
    await engine.write(state);
    const read = await engine.read();
    expect([...read.parameters.keys()]).toEqual([...state.parameters.keys()]);
    expect(bitsOf(read).equals(bitsOf(state))).toBe(true);
    parameter(read.parameters, 'conv1.bias').fill(9);
    expect(bitsOf(await engine.read()).equals(bitsOf(state))).toBe(true);
  });

  it(title('computes the logits of plain loops for any number of patches, reproducibly'), async () => {
    await engine.write(state);
    const patches = randomPatches(5, 4);
    const expected = referenceLogits(network, state.parameters, patches);
    const logits = await engine.logits(patches);
    expect(largestDifference(logits, expected)).toBeLessThan(tolerances.engineLogit);
    expect(await engine.logits(patches)).toEqual(logits);
    const manyPatches = randomPatches(35, 4);
    const many = await engine.logits(manyPatches);
    expect(many.length).toBe(35 * classes);
    expect(largestDifference(many.subarray(0, 5 * classes), expected)).toBeLessThan(tolerances.engineLogit);
    const last = await engine.logits(manyPatches.subarray(32 * patchBytes));
    expect(largestDifference(many.subarray(32 * classes), last)).toBeLessThan(tolerances.engineLogit);
  });

  it(title('evaluates with running averages, which follow the batches'), async () => {
    const small = networkOf('texture-net', classes, { width: 0.25 });
    const own = await open(small);
    const parameters = randomParameters(small, 5);
    await own.write({ parameters, momentum: zeroParameters(small) });
    const batch = batchOf(3, 4);
    const expected = referenceLogits(small, parameters, batch.patches);
    expect(largestDifference(await own.logits(batch.patches), expected)).toBeLessThan(tolerances.engineLogit);
    await own.step(batch, { ...settings, learningRate: 0, statisticsRate: 0.25 });
    const after = (await own.read()).parameters;
    for (const [name, values] of parameters) {
      const isAverage = /\.(mean|variance)$/.test(name);
      expect(largestDifference(parameter(after, name), values) > 0, name).toBe(isAverage);
    }
    // The first convolution's outputs have no mean in common with their running average.
    const sums = layerSums(small, parameters, batch.patches, 'conv1');
    const [means, unbiased] = [parameter(parameters, 'norm1.mean'), parameter(parameters, 'norm1.variance')];
    const moved = (from: Float32Array, to: readonly number[]) =>
      from.map((value, c) => value + 0.25 * ((to[c] as number) - value));
    expect(largestDifference(parameter(after, 'norm1.mean'), moved(means, sums.means))).toBeLessThan(
      tolerances.engineLogit,
    );
    expect(
      largestDifference(parameter(after, 'norm1.variance'), moved(unbiased, sums.variances)),
    ).toBeLessThan(tolerances.engineLogit);
    await own.dispose();
  });

  it(title('returns the logits before the update of a step'), async () => {
    await engine.write(state);
    const batch = batchOf(3, 5);
    const before = await engine.logits(batch.patches);
    const answered = await engine.step(batch, settings);
    const after = await engine.logits(batch.patches);
    expect(largestDifference(answered, before)).toBeLessThan(tolerances.engineLogit);
    expect(largestDifference(after, before)).toBeGreaterThan(0.01);
  });

  it(title('changes no parameter at rate 0, but updates the momentum'), async () => {
    await engine.write(state);
    await engine.step(batchOf(3, 5), { ...settings, learningRate: 0 });
    const { parameters, momentum } = await engine.read();
    const unmoved = { parameters: state.parameters, momentum };
    expect(bitsOf({ parameters, momentum }).equals(bitsOf(unmoved))).toBe(true);
    expect(largestRelativeDifference(momentum, state.momentum)).toBeGreaterThan(0.1);
  });

  it(title('applies weight decay to kernels and not to biases'), async () => {
    const flat: Batch = { patches: new Uint8Array(2 * patchBytes).fill(80), labels: Int32Array.of(0, 1) };
    const rest = { learningRate: 1, momentum: 0 };
    const steps: Parameters[] = [];
    for (const weightDecay of [0, 0.25]) {
      await engine.write({ parameters: state.parameters, momentum: zeroParameters(network) });
      await engine.step(flat, { ...rest, weightDecay });
      steps.push((await engine.read()).parameters);
    }
    const [without = new Map(), decayed = new Map()] = steps;
    for (const { name: spec, decays } of parameterSpecs(network)) {
      const pulled = parameter(without, spec).map(
        (value, i) => value - (decays ? 0.25 : 0) * (parameter(state.parameters, spec)[i] as number),
      );
      expect(largestDifference(parameter(decayed, spec), pulled), spec).toBeLessThan(tolerances.float32);
    }
  });

  it(title('uses the mean over the batch: a batch with every patch twice gives the same step'), async () => {
    const batch = batchOf(3, 6);
    const twice: Batch = {
      patches: Uint8Array.from([...batch.patches, ...batch.patches]),
      labels: Int32Array.from([...batch.labels, ...batch.labels]),
    };
    const taken: TrainingState[] = [];
    for (const each of [batch, twice]) {
      await engine.write(state);
      await engine.step(each, settings);
      taken.push(await engine.read());
    }
    const [once, doubled] = taken as [TrainingState, TrainingState];
    expect(largestRelativeDifference(doubled.parameters, once.parameters)).toBeLessThan(tolerances.step);
  });

  it(title('memorises a batch'), async () => {
    const small = networkOf('lab-baseline', classes);
    await engine.write({
      parameters: randomParameters(small, 8),
      momentum: zeroParameters(small),
    });
    const batch = batchOf(5, 7);
    const first = lossOf(await engine.step(batch, settings), batch);
    for (let i = 0; i < 20; i++) await engine.step(batch, settings);
    expect(lossOf(await engine.logits(batch.patches), batch)).toBeLessThan(first / 10);
  });

  it(title('takes bit-identical steps from the same state'), async () => {
    const states: TrainingState[] = [];
    for (let run = 0; run < 2; run++) {
      await engine.write(state);
      for (const count of [5, 3]) await engine.step(batchOf(count, count), settings);
      states.push(await engine.read());
    }
    const [first, second] = states as [TrainingState, TrainingState];
    expect(bitsOf(second).equals(bitsOf(first))).toBe(true);
  });

  it(title('rejects the state of another network'), async () => {
    const parameters = new Map([...state.parameters, ['conv1.bias', new Float32Array(3)]]);
    const error = await engine.write({ ...state, parameters }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TexturaError);
    expect((error as TexturaError).message).toMatch(/conv1\.bias/);
  });
});

/** The reference as the recipe of the paper has it, and narrower. */
const paperForm = networkOf('reference', classes, { width: 0.4, initialDeviation: 0.01, meanGrey: 121.5 });

const normalised = networkOf('reference', classes, { width: 0.3, batchNorm: true });

describeWithTensorflow('the tfjs engine', () => {
  test('computes in float32 on a GPU unless NVIDIA_TF32_OVERRIDE is set, and always on a CPU', async () => {
    const tf = await loadTensorflow();
    const precisionOn = async (device: string) => {
      const engine = tfjsEngine(tf, networkOf('lab-baseline', classes), device);
      await engine.dispose();
      return engine.precision;
    };
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', '0');
    expect([await precisionOn('gpu'), await precisionOn('cpu')]).toEqual(['float32', 'float32']);
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', '1');
    expect([await precisionOn('gpu'), await precisionOn('cpu')]).toEqual(['tf32', 'float32']);
  });
});

describeWithTensorflow('both engines', () => {
  test.each([
    ...variantNames.map((variant) => ({ title: variant, network: networkOf(variant, classes) })),
    { title: 'the reference in the form of the paper', network: paperForm },
    { title: 'texture-net', network: networkOf('texture-net', classes) },
    { title: 'the reference with batch normalisation', network: normalised },
  ])('take the same step of $title', async ({ title, network }) => {
    // Three patches would make a variance of three values for each channel of the statistics. Of many, one has
    // maxima so nearly equal that the engines choose different ones.
    const batch = batchOf(title === 'texture-net' ? 6 : title === 'reference' ? 5 : 3, 9);
    const state = {
      ...stateOf(network, 10),
      ...(network === paperForm ? { parameters: initialParameters(network, 10) } : {}),
    };
    const results: { readonly loss: number; readonly after: TrainingState }[] = [];
    for (const { open } of engines) {
      const engine = await open(network);
      await engine.write(state);
      const loss = lossOf(await engine.step(batch, settings), batch);
      results.push({ loss, after: await engine.read() });
      await engine.dispose();
    }
    const [onnx, tfjs] = results as [(typeof results)[0], (typeof results)[0]];
    expect(Math.abs(onnx.loss - tfjs.loss)).toBeLessThan(tolerances.loss);
    expect(largestRelativeDifference(onnx.after.parameters, tfjs.after.parameters)).toBeLessThan(
      tolerances.step,
    );
    expect(largestNormOfDifference(onnx.after.momentum, tfjs.after.momentum)).toBeLessThan(
      tolerances.gradient,
    );
  });
});
