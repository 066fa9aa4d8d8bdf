/**
 * What runs in a page: it builds the training step of a network and takes steps with onnxruntime-web. Everything here is the
 * product's own graph builder in a browser, no file was prepared for it.
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { encodeModel } from '../../graph/encode.ts';
import { stepNames, trainingStepGraph } from '../../graph/step/step.ts';
import { batchValues, type StepValues, settingValues, stateValues } from '../../graph/step/step-values.ts';
import { networkOf, type VariantName } from '../../model/network.ts';
import { initialParameters, zeroParameters } from '../../model/parameters.ts';
import { type BurstPlan, benchSettings, takeBurst } from '../burst.ts';
import { type RandomBatch, randomBatches, repeated } from '../random-batches.ts';

export interface StepRequest {
  readonly variant: VariantName;
  readonly classes: number;
  readonly batch: number;
  /** Where the page finds onnxruntime's WebAssembly. */
  readonly wasmUrl: string;
}

/** One learner a page. */
let step: ((batch: RandomBatch) => Promise<Float32Array>) | undefined;
let batches: Generator<RandomBatch, never> | undefined;

/** Builds the step, with the initial values of seed 1 and batches of random patches. Gives onnxruntime-web's version. */
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
  const settings = tensorsOf(settingValues(benchSettings));
  step = async (own) => {
    const outputs = await session.run({ ...tensorsOf(batchValues(own)), ...settings, ...state });
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

/** Takes the next step and gives the logits `[batch, classes]` from before it. */
export async function nextLogits(): Promise<number[]> {
  if (step === undefined || batches === undefined) throw new Error('the page was not opened');
  return Array.from(await step(batches.next().value));
}

/** Takes a turn of measured steps. */
export function burst(plan: BurstPlan): Promise<{ readonly steps: number; readonly seconds: number }> {
  return takeBurst(async () => {
    const logits = await nextLogits();
    if (!logits.every(Number.isFinite)) throw new Error('logits are not finite');
  }, plan);
}
