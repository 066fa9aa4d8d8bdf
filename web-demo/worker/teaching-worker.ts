/** Trains the taught model in a worker, so that the page stays responsive and hidden tabs continue. */
import { modelParameters } from '../../graph/onnx/initializers.ts';
import { TexturaError } from '../../model/error.ts';
import { graphNames } from '../../model/graph-names.ts';
import { classifierOf, type Network } from '../../model/network.ts';
import { type Parameters, type TrainingState, zeroParameters } from '../../model/parameters.ts';
import { inputPx, type Patch, patchBytes } from '../../model/patch.ts';
import { joinedRows, topClasses } from '../../model/scores.ts';
import { type PatchLogits, selfCheckCount, selfCheckOf } from '../../model/self-check.ts';
import { modelContents } from '../shared/model-contents.ts';
import { fetchModel } from '../shared/model-fetch.ts';
import type { LabelledPatches } from '../shared/surfaces.ts';
import type { TaughtResult, TeachingApi, TeachingProgress, TeachingRequest } from '../shared/teaching-api.ts';
import { postProgress, serveCalls } from '../shared/worker-calls.ts';
import { batch, batchOf, batchOrder, isWorthUsing, trainAllLayers } from './all-layers.ts';
import { type Features, trainHead } from './head-training.ts';
import { answer } from './model-sessions.ts';
import { openRuntime } from './runtime.ts';
import {
  featuresGraph,
  pooledFeatures,
  taughtModel,
  taughtNetwork,
  taughtParameters,
} from './taught-network.ts';
import { disposeAll, encodeGraph, floats, type Runtime, stackPatches } from './tensors.ts';
import { openTrainingSteps, type TrainingSteps } from './training-steps.ts';

/** Patches per run. */
const chunk = 16;

const onProgress = postProgress<TeachingProgress>;

serveCalls<TeachingApi>({ train });

async function train(request: TeachingRequest): Promise<TaughtResult> {
  const { name, base, split, depth, folder } = request;
  const startedAt = performance.now();
  const bytes = await fetchModel(base.file);
  const contents = modelContents(bytes, base.name);
  const runtime = await openRuntime('wasm', folder, () => {});
  const parameters = modelParameters(bytes, contents.network, base.name);
  const network = taughtNetwork(contents.network, split.labels.length);
  const withHead = await trainLastLayer(runtime, contents.network, parameters, split);
  const trained = depth === 'head' ? withHead : await trainNetwork(runtime, network, withHead, request);
  const metadata = {
    name,
    labels: split.labels,
    patchPx: contents.patchPx,
    base: base.name,
    depth,
    trainingPatches: split.training.patches.length,
  };
  // Tests the file as it will be used, then writes the result and a self-check into its metadata.
  const { check, ...tested } = await testModel(
    runtime,
    taughtModel(network, trained, { ...metadata, heldOut: { wrong: 0, count: 0 } }),
    split.heldOut,
  );
  return {
    ...metadata,
    ...tested,
    selfCheck: selfCheckOf(check),
    colours: split.colours,
    model: taughtModel(network, trained, { ...metadata, heldOut: tested.heldOut, check }),
    seconds: (performance.now() - startedAt) / 1000,
  };
}

async function trainLastLayer(
  runtime: Runtime,
  network: Network,
  parameters: Parameters,
  { training, labels }: TeachingRequest['split'],
): Promise<Parameters> {
  const features = await featuresOf(runtime, network, parameters, training);
  const steps = trainHead(features, labels.length);
  for (;;) {
    const { value, done } = steps.next();
    if (done) return taughtParameters(network, parameters, value);
    onProgress({ stage: 'learning', ...value });
  }
}

/** Trains all layers, on WebGPU if the page uses it and it is worth using. */
async function trainNetwork(
  wasm: Runtime,
  network: Network,
  parameters: Parameters,
  { provider, split: { training }, folder }: TeachingRequest,
): Promise<Parameters> {
  const initial = { parameters, momentum: zeroParameters(network) };
  const onWasm = await openTrainingSteps(wasm, network, batch, initial);
  try {
    if (provider === 'webgpu') {
      const trained = await trainOnDevice(onWasm, network, initial, training, folder);
      if (trained !== undefined) return trained;
      onWasm.write(initial);
    }
    return await trainAllLayers(onWasm, network.classes, training, onProgress);
  } finally {
    await onWasm.release();
  }
}

/** Undefined if WebGPU is not worth using, or fails. Errors: `diverged`. */
async function trainOnDevice(
  onWasm: TrainingSteps,
  network: Network,
  initial: TrainingState,
  training: LabelledPatches,
  folder: string,
): Promise<Parameters | undefined> {
  try {
    const webgpu = await openRuntime('webgpu', folder, () => {});
    const steps = await openTrainingSteps(webgpu, network, batch, initial);
    const [first = new Int32Array()] = batchOrder(training.patches.length);
    if (!(await isWorthUsing(steps, onWasm, batchOf(training, first)))) return undefined;
    steps.write(initial);
    return await trainAllLayers(steps, network.classes, training, onProgress);
  } catch (error) {
    // A lost device or a driver's error: wasm can still train.
    if (error instanceof TexturaError && error.code === 'diverged') throw error;
    return undefined;
  }
}

async function featuresOf(
  runtime: Runtime,
  network: Network,
  parameters: Parameters,
  { patches, classes }: LabelledPatches,
): Promise<Features> {
  const { graph, output, shape } = featuresGraph(network, parameters);
  const session = await runtime.open(encodeGraph(graph));
  const parts: Float32Array[] = [];
  let size = 0;
  for (let start = 0; start < patches.length; start += chunk) {
    onProgress({ stage: 'features', done: start, total: patches.length, loss: undefined });
    const part = stackPatches(patches.slice(start, start + chunk));
    const dims = [part.length / patchBytes, 1, inputPx, inputPx];
    const image = new runtime.Tensor('float32', new Float32Array(part), dims);
    const outputs = await session.run({ [graphNames.image]: image });
    const pooled = pooledFeatures(floats(outputs, output), shape, classifierOf(network).kernelPx);
    disposeAll({ image, ...outputs });
    parts.push(pooled.values);
    size = pooled.size;
  }
  await session.release();
  return { values: joinedRows(parts), size, classes };
}

/** The held-out error of a model, and some patches with its logits for its self-check. */
async function testModel(
  runtime: Runtime,
  bytes: Uint8Array,
  { patches, classes }: LabelledPatches,
): Promise<Pick<TaughtResult, 'heldOut' | 'heldOutOf'> & { readonly check: PatchLogits }> {
  const contents = modelContents(bytes, 'taught');
  const model = { contents, bytes, session: await runtime.open(bytes) };
  const checked: { readonly patch: Patch; readonly logits: Float32Array }[] = [];
  const heldOutOf = contents.labels.map(() => ({ wrong: 0, count: 0 }));
  for (const [i, patch] of patches.entries()) {
    const { logits } = await answer(runtime, model, patch);
    const ofClass = heldOutOf[classes[i] as number];
    if (ofClass !== undefined) {
      ofClass.count++;
      if (topClasses(logits, 1)[0] !== classes[i]) ofClass.wrong++;
    }
    const every = Math.max(1, Math.floor(patches.length / selfCheckCount));
    if (i % every === 0 && checked.length < selfCheckCount) checked.push({ patch, logits });
  }
  await model.session.release();
  const wrong = heldOutOf.reduce((sum, ofClass) => sum + ofClass.wrong, 0);
  const check = {
    count: checked.length,
    patches: stackPatches(checked.map(({ patch }) => patch)),
    logits: joinedRows(checked.map(({ logits: row }) => row)),
  };
  return { heldOut: { wrong, count: patches.length }, heldOutOf, check };
}
