/** The training step in a browser page: builds its graph and runs it in onnxruntime-web. */
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { encodeModel } from '../../graph/encode.ts';
import { stepNames, trainingStepGraph } from '../../graph/step/step.ts';
import { batchValues, type StepValues, settingValues, stateValues } from '../../graph/step/step-values.ts';
import { hasBatchNorm } from '../../model/fold-batch-norm.ts';
import { type NetworkName, networkOf } from '../../model/network.ts';
import { initialParameters, zeroParameters } from '../../model/parameters.ts';
import {
  benchSettings,
  type RandomBatch,
  randomBatches,
  repeated,
  type SamplePlan,
  type Timing,
  takeSample,
} from '../sample.ts';

interface StepRequest {
  readonly variant: NetworkName;
  readonly classes: number;
  readonly batch: number;
  /** Address of onnxruntime's WebAssembly file. */
  readonly wasmUrl: string;
}

let step: ((batch: RandomBatch) => Promise<Float32Array>) | undefined;
let batches: Generator<RandomBatch, never> | undefined;

/** Prepares the step, the initial values of seed 1 and random batches; returns onnxruntime-web's version. */
export async function open({ variant, classes, batch, wasmUrl }: StepRequest): Promise<string> {
  env.wasm.wasmPaths = { wasm: wasmUrl };
  env.wasm.numThreads = 1;
  const network = networkOf(variant, classes);
  const graph = trainingStepGraph(network, { batch });
  const model = encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} });
  const session = await InferenceSession.create(model, {
    executionProviders: ['wasm'],
    extra: { session: { set_denormal_as_zero: '1' } },
  });
  const momentum = zeroParameters(network);
  let state = tensorsOf(stateValues(network, { parameters: initialParameters(network, 1), momentum }));
  const names = Object.keys(state);
  const settings = tensorsOf(
    settingValues({ ...benchSettings, ...(hasBatchNorm(network) && { statisticsRate: 0.1 }) }),
  );
  step = async (next) => {
    const outputs = await session.run({ ...tensorsOf(batchValues(next)), ...settings, ...state });
    state = Object.fromEntries(names.map((name) => [name, outputs[stepNames.next(name)] as Tensor]));
    return (outputs[stepNames.logits] as Tensor).data as Float32Array;
  };
  batches = repeated(randomBatches(4, batch, classes));
  return env.versions.web ?? 'unknown';
}

function tensorsOf(values: StepValues): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(values).map(([name, { data, shape }]) => [name, new Tensor(data, shape)]),
  );
}

/** Runs the next step and returns the logits `[batch, classes]` from before its update. */
export async function nextLogits(): Promise<number[]> {
  if (step === undefined || batches === undefined) throw new Error('call open() first');
  return Array.from(await step(batches.next().value));
}

export function sample(plan: SamplePlan): Promise<Timing> {
  return takeSample(async () => {
    const logits = await nextLogits();
    if (!logits.every(Number.isFinite)) throw new Error('logits are not finite');
  }, plan);
}
