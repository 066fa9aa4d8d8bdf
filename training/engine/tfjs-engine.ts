/**
 * The engine on TensorFlow's kernels, through @tensorflow/tfjs-node-gpu: on CUDA if TensorFlow sees a GPU,
 * otherwise on the CPU. Internally, images are NHWC and kernels HWIO; the interface uses the layouts of
 * `model/`.
 */
import type { Tensor, Tensor1D, Tensor4D, Variable } from '@tensorflow/tfjs-node-gpu';
import { parameterSpecs, trainedSpecs } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import type { BatchNormLayer, ParameterSpec } from '../../model/layer.ts';
import type { Network } from '../../model/network.ts';
import { type Operation, operationsOf } from '../../model/operation.ts';
import { checkState, type Parameters, parameter, type TrainingState } from '../../model/parameters.ts';
import type { Batch } from '../../model/patch.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { cudaPrecision } from '../../node/native-environment.ts';
import { defaultStatisticsRate, type Engine, oneByOne, type StepSettings } from './engine.ts';
import type { TensorFlow } from './tensorflow/load.ts';

/** Creates the engine; parameters and momentum buffers are zero until `write`. */
export function tfjsEngine(tf: TensorFlow, network: Network, device: string): Engine {
  const specs = parameterSpecs(network);
  const trained = trainedSpecs(network);
  const values = variables(tf, specs);
  const buffers = variables(tf, trained);
  const weights = trained.map(({ name }) => variable(values, name));
  const operations = operationsOf(network.layers);

  /**
   * With `onStatistics`, batch normalisations use the statistics of the batch and report them; otherwise they
   * use the running averages.
   */
  function forward(patches: Uint8Array, onStatistics?: OnStatistics): Tensor {
    const count = patches.length / patchBytes;
    const image = tf.tensor4d(patches, [count, inputPx, inputPx, 1], 'float32');
    const outputs = new Map<string, Tensor4D>();
    return operations.reduce<Tensor>((x, operation) => {
      const output = apply(tf, operation, x as Tensor4D, { values, outputs, onStatistics });
      outputs.set(operation.name, output as Tensor4D);
      return output;
    }, image);
  }

  async function step({ patches, labels }: Batch, settings: StepSettings): Promise<Float32Array> {
    const logits = tf.tidy(() => {
      let answers: Tensor | undefined;
      const statistics = new Map<string, Tensor>();
      const { grads } = tf.variableGrads(() => {
        answers = tf.keep(forward(patches, (name, value) => statistics.set(name, tf.keep(value))));
        const targets = tf.oneHot(tf.tensor1d(labels, 'int32'), network.classes);
        return tf.losses.softmaxCrossEntropy(targets, answers).asScalar();
      }, weights);
      for (const spec of trained) {
        const gradient = grads[variable(values, spec.name).name];
        if (gradient === undefined) throw new TexturaError('internal', `no gradient for ${spec.name}`);
        update(spec, variable(values, spec.name), variable(buffers, spec.name), gradient, settings);
      }
      for (const [name, statistic] of statistics) {
        const average = variable(values, name);
        average.assign(
          average.add(statistic.sub(average).mul(settings.statisticsRate ?? defaultStatisticsRate)),
        );
        statistic.dispose();
      }
      return answers as Tensor | undefined;
    });
    const data = (await logits?.data()) as Float32Array;
    logits?.dispose();
    return data;
  }

  function update(
    { decays }: ParameterSpec,
    value: Variable,
    buffer: Variable,
    gradient: Tensor,
    { learningRate, momentum, weightDecay }: StepSettings,
  ): void {
    const withDecay = decays ? gradient.add(value.mul(weightDecay)) : gradient;
    buffer.assign(buffer.mul(momentum).add(withDecay));
    value.assign(value.sub(buffer.mul(learningRate)));
  }

  async function logits(patches: Uint8Array): Promise<Float32Array> {
    const answers = tf.tidy(() => forward(patches));
    const data = (await answers.data()) as Float32Array;
    answers.dispose();
    return data;
  }

  async function write(state: TrainingState): Promise<void> {
    checkState(network, state, 'engine state');
    for (const spec of specs) {
      assignValues(tf, variable(values, spec.name), spec, parameter(state.parameters, spec.name));
    }
    for (const spec of trained) {
      assignValues(tf, variable(buffers, spec.name), spec, parameter(state.momentum, spec.name));
    }
  }

  const read = async (): Promise<TrainingState> => ({
    parameters: await readValues(tf, specs, values),
    momentum: await readValues(tf, trained, buffers),
  });

  const dispose = async () => {
    for (const stored of [...values.values(), ...buffers.values()]) stored.dispose();
  };

  const precision = device === 'gpu' ? cudaPrecision() : 'float32';
  const versions = versionsOf(tf);
  return { name: 'tfjs', device, precision, versions, step, ...oneByOne(step), logits, read, write, dispose };
}

type OnStatistics = (average: string, statistic: Tensor) => void;

interface OperationInputs {
  readonly values: ReadonlyMap<string, Variable>;
  /** Outputs of the preceding operations, by layer. */
  readonly outputs: ReadonlyMap<string, Tensor4D>;
  readonly onStatistics: OnStatistics | undefined;
}

/** One operation on NHWC float32; the head gives `[count, classes]` logits. */
function apply(
  tf: TensorFlow,
  operation: Operation,
  x: Tensor4D,
  { values, outputs, onStatistics }: OperationInputs,
): Tensor {
  switch (operation.kind) {
    case 'standardise': {
      const centred = x.sub(x.mean([1, 2], true));
      const variance = centred.square().mean([1, 2], true);
      return centred.div(variance.add(operation.varianceFloor).sqrt());
    }
    case 'subtractMean':
      return x.sub(operation.meanGrey);
    case 'convolution': {
      const kernel = variable(values, `${operation.name}.kernel`) as Tensor as Tensor4D;
      return tf.conv2d(x, kernel, operation.stridePx ?? 1, 'valid');
    }
    case 'bias':
      return x.add(variable(values, `${operation.name}.bias`) as Tensor as Tensor1D);
    case 'batchNorm':
      return batchNorm(x, operation, values, onStatistics);
    case 'relu':
      return relu(tf, x);
    case 'maxPool':
      return tf.maxPool(x, operation.sizePx, operation.sizePx, 'valid');
    case 'globalStatistics': {
      const statistics = operation.of.flatMap((source) => {
        const output = outputs.get(source);
        if (output === undefined) throw new TexturaError('internal', `no layer ${source} to read`);
        const mean = output.mean([1, 2], true);
        if (operation.deviations === false) return [mean];
        const variance = output.sub(mean).square().mean([1, 2], true);
        return [mean, variance.add(operation.varianceFloor).sqrt()];
      });
      return tf.concat(statistics, 3);
    }
    case 'globalAverage':
      return x.mean([1, 2]);
    default:
      return operation satisfies never;
  }
}

/** |scale| (x - mean) / sqrt(variance + epsilon) + shift, see `OnStatistics`. */
function batchNorm(
  x: Tensor4D,
  { name, epsilon }: BatchNormLayer,
  values: ReadonlyMap<string, Variable>,
  onStatistics: OnStatistics | undefined,
): Tensor {
  const [scale, shift] = [variable(values, `${name}.scale`), variable(values, `${name}.shift`)];
  const normalised = (centred: Tensor, variance: Tensor) =>
    centred.div(variance.add(epsilon).sqrt()).mul(scale.abs()).add(shift);
  if (onStatistics === undefined) {
    return normalised(x.sub(variable(values, `${name}.mean`)), variable(values, `${name}.variance`));
  }
  const mean = x.mean([0, 1, 2]);
  const centred = x.sub(mean);
  const variance = centred.square().mean([0, 1, 2]);
  const count = x.size / (scale.shape[0] ?? 1);
  onStatistics(`${name}.mean`, mean);
  onStatistics(`${name}.variance`, variance.mul(count / Math.max(1, count - 1)));
  return normalised(centred, variance);
}

/** ReLU with a gradient of two passes over memory; the gradient of tfjs takes four times as long. */
function relu(tf: TensorFlow, x: Tensor): Tensor {
  const operation = tf.customGrad((input, save) => {
    const value = tf.relu(input as Tensor);
    (save as (tensors: Tensor[]) => void)([value]);
    return { value, gradFunc: (dY: Tensor, [y]: Tensor[]) => dY.mul((y as Tensor).sign()) };
  });
  return operation(x);
}

function variables(tf: TensorFlow, specs: readonly ParameterSpec[]): ReadonlyMap<string, Variable> {
  return new Map(
    specs.map(({ name, shape }) => [name, tf.tidy(() => tf.variable(tf.zeros(ownShape(shape))))]),
  );
}

function variable(stored: ReadonlyMap<string, Variable>, name: string): Variable {
  const found = stored.get(name);
  if (found === undefined) throw new TexturaError('internal', `the engine has no parameter ${name}`);
  return found;
}

/** `[filters, channels, height, width]` to `[height, width, channels, filters]`; vectors stay as they are. */
function ownShape(shape: readonly number[]): number[] {
  const [filters, channels, height, width] = shape as readonly [number, number, number, number];
  return shape.length === 4 ? [height, width, channels, filters] : [...shape];
}

function assignValues(tf: TensorFlow, stored: Variable, { shape }: ParameterSpec, data: Float32Array): void {
  tf.tidy(() => {
    const tensor = tf.tensor(data, [...shape], 'float32');
    stored.assign(shape.length === 4 ? tensor.transpose([2, 3, 1, 0]) : tensor);
  });
}

async function readValues(
  tf: TensorFlow,
  specs: readonly ParameterSpec[],
  stored: ReadonlyMap<string, Variable>,
): Promise<Parameters> {
  const read = new Map<string, Float32Array>();
  for (const { name, shape } of specs) {
    const own = variable(stored, name);
    const tensor = tf.tidy(() => (shape.length === 4 ? own.transpose([3, 2, 0, 1]) : own.clone()));
    read.set(name, (await tensor.data()) as Float32Array);
    tensor.dispose();
  }
  return read;
}

function versionsOf(tf: TensorFlow): Readonly<Record<string, string>> {
  return { 'tfjs-node-gpu': tf.version['tfjs-node'] as string };
}
