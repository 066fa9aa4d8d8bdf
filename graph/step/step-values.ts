/** Inputs and outputs of a step as typed arrays, from which each runtime creates its tensors. */
import { parameterSpecs, trainedSpecs } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import { type ParameterSpec, volume } from '../../model/layer.ts';
import type { Network } from '../../model/network.ts';
import { type Parameters, parameter, type TrainingState } from '../../model/parameters.ts';
import { type Batch, inputPx, patchBytes } from '../../model/patch.ts';
import type { Target } from '../builder.ts';
import { stepNames } from './step.ts';
import { fromStored, storedShape, toStored } from './stored-parameters.ts';

/** A value in row-major order; the class of the array determines its type. */
interface StepValue {
  readonly data: Float32Array | Uint8Array | Int32Array;
  readonly shape: readonly number[];
}
export type StepValues = Readonly<Record<string, StepValue>>;

/** Patches `[count,64,64]` for the step of a device: bytes, or floats for WebGPU. */
export function patchesValue(patches: Uint8Array, target: Target): StepValue {
  const data = target === 'webgpu' ? new Float32Array(patches) : patches;
  return { data, shape: [patches.length / patchBytes, inputPx, inputPx] };
}

/**
 * Patches `[count,64,64]`, labels and weights of a batch, padded to `size` with rows of weight 0, which do
 * not affect gradients.
 */
export function batchValues(
  { patches, labels }: Batch,
  { size, target }: { readonly size: number; readonly target: Target },
): StepValues {
  const filled = new Uint8Array(size * patchBytes);
  filled.set(patches);
  const indices = new Int32Array(size);
  indices.set(labels);
  const weights = new Float32Array(size).fill(1 / labels.length, 0, labels.length);
  return {
    [stepNames.patches]: patchesValue(filled, target),
    [stepNames.labels]: { data: indices, shape: [size] },
    [stepNames.weights]: { data: weights, shape: [size] },
  };
}

/** The optimiser's settings for one step; `statisticsRate` only for a network with batch normalisation. */
export function settingValues(settings: {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly statisticsRate?: number | undefined;
}): StepValues {
  const scalar = (value: number): StepValue => ({ data: Float32Array.of(value), shape: [] });
  return {
    [stepNames.learningRate]: scalar(settings.learningRate),
    [stepNames.momentum]: scalar(settings.momentum),
    [stepNames.weightDecay]: scalar(settings.weightDecay),
    ...(settings.statisticsRate !== undefined && {
      [stepNames.statisticsRate]: scalar(settings.statisticsRate),
    }),
  };
}

/** The inputs of several steps, stacked along a new first axis. */
export function stackedValues(steps: readonly StepValues[]): StepValues {
  return Object.fromEntries(
    Object.entries(steps[0] ?? {}).map(([name, { data, shape }]) => {
      const stacked = new (data.constructor as new (length: number) => StepValue['data'])(
        steps.length * data.length,
      );
      steps.forEach((values, i) => {
        const value = values[name];
        if (value?.data.length !== data.length)
          throw new TexturaError('internal', `steps of different sizes: ${name}`);
        stacked.set(value.data, i * data.length);
      });
      return [name, { data: stacked, shape: [steps.length, ...shape] }];
    }),
  );
}

/**
 * All parameters, running averages and momentum buffers, by their names in the step and in its layout; zeros
 * if there is no state.
 */
export function stateValues(network: Network, state?: TrainingState): StepValues {
  const stored = ({ name, shape }: ParameterSpec, from: Parameters | undefined): StepValue => ({
    data: from === undefined ? new Float32Array(volume(shape)) : toStored(shape, parameter(from, name)),
    shape: storedShape(shape),
  });
  return Object.fromEntries(
    parameterSpecs(network).flatMap((spec) => [
      [spec.name, stored(spec, state?.parameters)],
      ...(spec.isTrained ? [[stepNames.momentumOf(spec.name), stored(spec, state?.momentum)]] : []),
    ]),
  );
}

/**
 * The state in `model/`'s layouts. `dataOf` returns the step's data of a name. Errors: `internal` if it
 * returns none.
 */
export function stateOf(network: Network, dataOf: (name: string) => unknown): TrainingState {
  const read = (specs: readonly ParameterSpec[], nameOf: (parameter: string) => string): Parameters =>
    new Map(specs.map(({ name, shape }) => [name, fromStored(shape, floats(dataOf, nameOf(name)))]));
  return {
    parameters: read(parameterSpecs(network), (name) => name),
    momentum: read(trainedSpecs(network), stepNames.momentumOf),
  };
}

function floats(dataOf: (name: string) => unknown, name: string): Float32Array {
  const data = dataOf(name);
  if (data instanceof Float32Array) return data;
  throw new TexturaError('internal', `the step has no ${name}`);
}
