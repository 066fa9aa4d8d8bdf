/**
 * The engine that needs only Node: onnxruntime runs the whole training step as an ONNX graph (`graph/step/`).
 * Parameters and momentum buffers are tensors in the layout of the step (onnx-state.ts).
 */

import type { Graph, Target } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { scannedStepsGraph } from '../../graph/step/scan.ts';
import { stepNames, trainingStepGraph } from '../../graph/step/step.ts';
import {
  batchValues,
  type StepValues,
  settingValues,
  stackedValues,
  stateOf,
  stateValues,
} from '../../graph/step/step-values.ts';
import { messageOf, TexturaError } from '../../model/error.ts';
import { hasBatchNorm } from '../../model/fold-batch-norm.ts';
import type { Network } from '../../model/network.ts';
import { checkState, type TrainingState } from '../../model/parameters.ts';
import type { Batch } from '../../model/patch.ts';
import { usableCores } from '../../node/machine.ts';
import { cudaPrecision } from '../../node/native-environment.ts';
import { env, InferenceSession, type SessionOptions } from '../../node/onnxruntime.ts';
import { modelStamp } from '../../node/product-version.ts';
import { commandText } from '../../node/shell.ts';
import { defaultStatisticsRate, type Engine, type StepInput, type StepSettings } from './engine.ts';
import { logitsOf, openEvaluation } from './onnx-evaluation.ts';
import { nextValuesOnDevice, stateOnDevice, stateOnHost, type Tensors, tensorsOf } from './onnx-state.ts';

export interface OnnxEngineSettings {
  readonly device?: Target;
  /**
   * Threads within an operator; default: all usable cores. The number does not change a bit of the results.
   */
  readonly threads?: number;
  /**
   * The usual batch size. One session serves all batches up to it: smaller ones are padded with rows of
   * weight zero. Without it, and for networks with batch normalisation (whose statistics include every row),
   * each batch size has its own session.
   */
  readonly batch?: number;
  /** Number of steps in one run of a session; default: the device's. It does not change the results. */
  readonly stepsAtOnce?: number;
  /**
   * Path prefix for onnxruntime's profile of the steps. The files are complete after `dispose`.
   */
  readonly profilePrefix?: string;
}

/**
 * On CUDA a run of many steps copies the state from and to the host only once. More steps gain little, and
 * delay Ctrl-C and the progress line.
 */
const defaultStepsAtOnce: Readonly<Record<Target, number>> = { cpu: 1, webgpu: 1, cuda: 64 };

/**
 * Creates the engine; parameters and momentum buffers are zero until `write`. Errors: `engine-unavailable`
 * if the device is not available.
 */
export async function onnxEngine(network: Network, settings: OnnxEngineSettings = {}): Promise<Engine> {
  const { device = 'cpu', threads = usableCores(), batch: usualBatch = 1, profilePrefix } = settings;
  const { stepsAtOnce = defaultStepsAtOnce[device] } = settings;
  const open = (graph: Graph) => openSession(graph, device, threads);
  const sessions = new Map<number, InferenceSession>();
  // onnxruntime logs an unavailable device itself, in addition to the error. Only effective before the first
  // session of a process.
  if (device !== 'cpu') env.logLevel = 'fatal';
  const normalises = hasBatchNorm(network);
  const zeros = stateValues(network);
  const staysOnDevice = device === 'webgpu';
  const state = staysOnDevice ? stateOnDevice(zeros, open) : stateOnHost(zeros);
  const evaluation = await openEvaluation(network, device, { tensors: () => state.tensors, read }, open);

  const stepOptions: SessionOptions = {
    ...(profilePrefix !== undefined && { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(staysOnDevice && nextValuesOnDevice(zeros)),
  };

  async function stepSession(size: number): Promise<InferenceSession> {
    const build = stepsAtOnce === 1 ? trainingStepGraph : scannedStepsGraph;
    const graph = () => build(network, { batch: size, target: device });
    const session = sessions.get(size) ?? (await openSession(graph(), device, threads, stepOptions));
    sessions.set(size, session);
    return session;
  }

  const sizeOf = ({ labels }: Batch) => (normalises ? labels.length : Math.max(labels.length, usualBatch));

  function inputsOf({ batch, settings }: StepInput): StepValues {
    const statisticsRate = normalises ? (settings.statisticsRate ?? defaultStatisticsRate) : undefined;
    return {
      ...batchValues(batch, { size: sizeOf(batch), target: device }),
      ...settingValues({ ...settings, statisticsRate }),
    };
  }

  /** One run of a session; returns the logits of all steps, including padding rows. */
  async function run(size: number, inputs: StepValues): Promise<Float32Array> {
    const session = await stepSession(size);
    const results = await session.run(
      { ...tensorsOf(inputs), ...state.tensors },
      { ...state.outputs(), [stepNames.logits]: null },
    );
    state.advance(results as Tensors);
    evaluation.forget();
    return logitsOf(results);
  }

  async function steps(inputs: readonly StepInput[]): Promise<readonly Float32Array[]> {
    const answers: Float32Array[] = [];
    while (answers.length < inputs.length) {
      const [first, ...others] = inputs.slice(answers.length, answers.length + stepsAtOnce) as [
        StepInput,
        ...StepInput[],
      ];
      const size = sizeOf(first.batch);
      const end = others.findIndex(({ batch }) => sizeOf(batch) !== size);
      const alike = [first, ...(end === -1 ? others : others.slice(0, end))];
      const logits = await run(
        size,
        stepsAtOnce === 1 ? inputsOf(first) : stackedValues(alike.map(inputsOf)),
      );
      alike.forEach(({ batch }, i) => {
        const start = i * size * network.classes;
        answers.push(logits.slice(start, start + batch.labels.length * network.classes));
      });
    }
    return answers;
  }

  async function step(batch: Batch, settings: StepSettings): Promise<Float32Array> {
    const [logits] = await steps([{ batch, settings }]);
    return logits as Float32Array;
  }

  async function read(): Promise<TrainingState> {
    const values = await state.read();
    return stateOf(network, (name) => values[name]);
  }

  async function write(written: TrainingState): Promise<void> {
    checkState(network, written, 'engine state');
    state.write(stateValues(network, written));
    evaluation.forget();
  }

  async function dispose(): Promise<void> {
    await state.dispose();
    for (const session of sessions.values()) await session.release();
    await evaluation.release();
    sessions.clear();
  }

  const versions = { 'onnxruntime-node': env.versions.node ?? 'unknown' };
  const precision = device === 'cuda' ? cudaPrecision() : 'float32';
  const taking = { step, steps, stepsAtOnce };
  const { logits } = evaluation;
  return { name: 'onnx', device, precision, versions, ...taking, logits, read, write, dispose };
}

// Denormals, values below 1e-38, are about a hundred times slower.
const onProcessor = { set_denormal_as_zero: '1' };

/**
 * Session configuration. On WebGPU the whole step must run on the device: a node that fell back to the CPU
 * would copy its tensors back and forth.
 */
const sessionEntries: Readonly<Record<Target, Readonly<Record<string, string>>>> = {
  cpu: onProcessor,
  webgpu: { disable_cpu_ep_fallback: '1' },
  cuda: onProcessor,
};

/** Opens a session of a graph on a device. Errors: `engine-unavailable`. */
export async function openSession(
  graph: Graph,
  device: Target,
  threads: number,
  options: SessionOptions = {},
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(encodeModel(graph, modelStamp()), {
      executionProviders: [device],
      intraOpNumThreads: threads,
      graphOptimizationLevel: 'all',
      // Without memory patterns the arena reuses memory between operators: same speed, 0.6 of the memory.
      enableMemPattern: false,
      extra: { session: sessionEntries[device] },
      ...options,
    });
  } catch (error) {
    if (device === 'cpu') throw error;
    throw unavailable(device, error);
  }
}

const deviceNeeds = {
  webgpu: 'it needs a GPU with a driver for Vulkan, Metal or Direct3D 12',
  cuda: `it needs an NVIDIA GPU and \`${commandText('setup:cuda')}\``,
} as const;

/** onnxruntime's messages begin with source locations; the reason is the last sentence. */
function unavailable(device: Exclude<Target, 'cpu'>, cause: unknown): TexturaError {
  const reason = messageOf(cause).trim().split('. ').at(-1);
  const message = `onnxruntime cannot use ${device} on this machine (${deviceNeeds[device]}): ${reason}`;
  return new TexturaError('engine-unavailable', message, { cause });
}
