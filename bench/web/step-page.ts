/** The training step of the Teach view in a page of its own. */
import type { settingValues } from '../../graph/step/step-values.ts';
import { hasBatchNorm } from '../../model/fold-batch-norm.ts';
import { type NetworkName, networkOf } from '../../model/network.ts';
import { initialParameters, zeroParameters } from '../../model/parameters.ts';
import type { Batch } from '../../model/patch.ts';
import type { Provider } from '../../web-demo/shared/inference-api.ts';
import type { Runtime } from '../../web-demo/worker/tensors.ts';
import { openTrainingSteps, type TrainingSteps } from '../../web-demo/worker/training-steps.ts';
import {
  benchSettings,
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
  readonly provider: Provider;
  /** Factor on the filters. */
  readonly width: number;
  /** Address of onnxruntime's files. */
  readonly folder: string;
}

let steps: TrainingSteps | undefined;
let batches: Generator<Batch, never> | undefined;
let settings: Parameters<typeof settingValues>[0] = benchSettings;

/** Prepares the step, the initial values of seed 1 and random batches; returns onnxruntime-web's version. */
export async function open({
  variant,
  classes,
  batch,
  provider,
  width,
  folder,
}: StepRequest): Promise<string> {
  const { runtime, version } = await openRuntime(provider, folder);
  const network = networkOf(variant, classes, { width });
  const initial = { parameters: initialParameters(network, 1), momentum: zeroParameters(network) };
  steps = await openTrainingSteps(runtime, network, batch, initial);
  settings = { ...benchSettings, ...(hasBatchNorm(network) && { statisticsRate: 0.1 }) };
  batches = repeated(randomBatches(4, batch, classes));
  return version;
}

/** As the page's worker does, in one thread and without its checks. */
async function openRuntime(
  provider: Provider,
  folder: string,
): Promise<{ readonly runtime: Runtime; readonly version: string }> {
  const { env, InferenceSession, Tensor } =
    provider === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm');
  const file = provider === 'webgpu' ? 'ort-wasm-simd-threaded.asyncify' : 'ort-wasm-simd-threaded';
  env.wasm.wasmPaths = { mjs: `${folder}${file}.mjs`, wasm: `${folder}${file}.wasm` };
  env.wasm.numThreads = 1;
  const open: Runtime['open'] = (model, onDevice = []) =>
    InferenceSession.create(model, {
      executionProviders: [provider],
      ...(provider === 'webgpu' && { preferredOutputLocation: onDevicePlaces(onDevice) }),
    });
  return { runtime: { provider, threads: 1, Tensor, open }, version: env.versions.web ?? 'unknown' };
}

function onDevicePlaces(names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, 'gpu-buffer'] as const));
}

/** Runs the next step and returns the logits `[batch, classes]` from before its update. */
export async function nextLogits(): Promise<number[]> {
  if (steps === undefined || batches === undefined) throw new Error('call open() first');
  return Array.from(await steps.take(batches.next().value, settings));
}

export function sample(plan: SamplePlan): Promise<Timing> {
  return takeSample(async () => {
    const logits = await nextLogits();
    if (!logits.every(Number.isFinite)) throw new Error('logits are not finite');
  }, plan);
}
