/** The inference worker: owns the onnxruntime sessions of one provider and runs one call at a time. */
import { activationGraph, activationName, shownLayers } from '../../graph/derived/activation-graph.ts';
import { type SlidingPlan, slidingGraph, slidingNames } from '../../graph/derived/sliding-graph.ts';
import { modelParameters } from '../../graph/onnx/initializers.ts';
import { TexturaError } from '../../model/error.ts';
import { patchEvidence, pixelMap, statisticsHead } from '../../model/evidence.ts';
import { graphNames } from '../../model/graph-names.ts';
import type { GreyImage } from '../../model/image.ts';
import { parameter } from '../../model/parameters.ts';
import { inputPx } from '../../model/patch.ts';
import { topClasses } from '../../model/scores.ts';
import type { Activations, Explanation, HeatMap, InferenceApi } from '../shared/inference-api.ts';
import { postLoss, serveCalls } from '../shared/worker-calls.ts';
import { standardiseLocally } from './local-standardisation.ts';
import { answer, derivedSession, type OpenModel, openModel } from './model-sessions.ts';
import { openRuntime } from './runtime.ts';
import { disposeAll, encodeGraph, floats, type Runtime, type Session } from './tensors.ts';

interface SlidingSession {
  readonly model: OpenModel;
  readonly width: number;
  readonly height: number;
  readonly session: Session;
  readonly stridePx: number;
}
const slidingSessions = new Map<'coarse' | 'fine', SlidingSession>();

let runtime: Runtime | undefined;
const models = new Map<string, OpenModel>();

function started(): Runtime {
  if (runtime === undefined) throw new TexturaError('internal', 'the runtime is not started');
  return runtime;
}

function modelNamed(name: string): OpenModel {
  const model = models.get(name);
  if (model === undefined) throw new TexturaError('internal', `model ${name} is not loaded`);
  return model;
}

async function heatMap(model: OpenModel, grey: GreyImage, isCoarse: boolean): Promise<HeatMap> {
  const { Tensor } = started();
  const { width, height } = grey;
  const { network } = model.contents;
  const { session, stridePx } = await slidingSession(model, { width, height, isCoarse });
  const startedAt = performance.now();
  const standardise = network.layers.find((layer) => layer.kind === 'standardise');
  const values =
    standardise === undefined
      ? new Float32Array(grey.data)
      : standardiseLocally(grey, standardise.varianceFloor);
  const picture = new Tensor('float32', values, [1, 1, height, width]);
  const outputs = await session.run({ [slidingNames.picture]: picture });
  const probabilities = floats(outputs, slidingNames.probabilities);
  const [, , rows = 0, columns = 0] = outputs[slidingNames.probabilities]?.dims ?? [];
  disposeAll({ picture, ...outputs });
  return { probabilities, rows, columns, fieldPx: inputPx, stridePx, inferMs: performance.now() - startedAt };
}

/** Keeps one sliding session of each kind; a picture of another size replaces it. */
async function slidingSession(model: OpenModel, plan: SlidingPlan): Promise<SlidingSession> {
  const kind = plan.isCoarse ? 'coarse' : 'fine';
  const current = slidingSessions.get(kind);
  const { width, height } = plan;
  if (current?.model === model && current.width === width && current.height === height) return current;
  slidingSessions.delete(kind);
  await current?.session.release();
  const { network, temperatures } = model.contents;
  const { graph, stridePx } = slidingGraph(
    network,
    modelParameters(model.bytes, network, network.name),
    plan,
    temperatures.patch,
  );
  const session = await started().open(encodeGraph(graph));
  const opened = { model, width, height, session, stridePx };
  slidingSessions.set(kind, opened);
  return opened;
}

async function activations(model: OpenModel, patch: Uint8Array): Promise<Activations> {
  const { Tensor } = started();
  const { network } = model.contents;
  const session = await derivedSession(started(), model, 'activations', (parameters) =>
    activationGraph(
      network,
      parameters,
      shownLayers(network).map(({ layer }) => layer.name),
    ),
  );
  const image = new Tensor('float32', new Float32Array(patch), [1, 1, inputPx, inputPx]);
  const outputs = await session.run({ [graphNames.image]: image });
  const layers = shownLayers(network).map(({ layer, outputShape, receptiveFieldPx, stridePx }) => ({
    layer: layer.name,
    shape: outputShape,
    values: floats(outputs, activationName(layer.name)),
    receptiveFieldPx,
    stridePx,
  }));
  disposeAll({ image, ...outputs });
  return { layers, kernels: firstKernels(model) };
}

async function explanation(model: OpenModel, patch: Uint8Array): Promise<Explanation> {
  const { Tensor } = started();
  const { network, labels } = model.contents;
  const head = statisticsHead(network);
  if (head === undefined) throw new TexturaError('internal', `${network.name} has no statistics`);
  const layers = head.stages.map(({ layer }) => layer);
  const session = await derivedSession(started(), model, 'explanation', (parameters) =>
    activationGraph(network, parameters, layers),
  );
  const image = new Tensor('float32', new Float32Array(patch), [1, 1, inputPx, inputPx]);
  const outputs = await session.run({ [graphNames.image]: image });
  const logits = floats(outputs, graphNames.logits);
  const maps = new Map(layers.map((layer) => [layer, floats(outputs, activationName(layer))]));
  disposeAll({ image, ...outputs });
  const [first = 0, second = 0] = topClasses(logits, 2);
  const evidence = patchEvidence(
    head,
    modelParameters(model.bytes, network, network.name),
    (layer) => maps.get(layer) ?? new Float32Array(),
    labels.map((_, c) => Number(c === first) - Number(c === second)),
  );
  const total = (logits[first] as number) - (logits[second] as number);
  return { first, second, total, map: pixelMap(evidence) };
}

function firstKernels({ contents: { network }, bytes }: OpenModel): Activations['kernels'] {
  const first = network.layers.find((layer) => layer.kind === 'convolution');
  if (first === undefined) throw new TexturaError('internal', `${network.name} has no convolution`);
  const values = parameter(modelParameters(bytes, network, network.name), `${first.name}.kernel`);
  return { kernelPx: first.kernelPx, values };
}

serveCalls<InferenceApi>(
  {
    async start({ provider, folder }) {
      runtime = await openRuntime(provider, folder, postLoss);
      return { threads: runtime.threads };
    },
    async load(source) {
      const { model, loaded } = await openModel(started(), source);
      models.set(source.name, model);
      return loaded;
    },
    classify: ({ model, patches }) => answer(started(), modelNamed(model), patches),
    classifyPicture: ({ model, patches }) => answer(started(), modelNamed(model), patches),
    async compare({ models: names, patch }) {
      const answers = [];
      for (const name of names) answers.push(await answer(started(), modelNamed(name), patch));
      return answers;
    },
    heatMap: ({ model, grey, isCoarse }) => heatMap(modelNamed(model), grey, isCoarse),
    activations: ({ model, patch }) => activations(modelNamed(model), patch),
    explain: ({ model, patch }) => explanation(modelNamed(model), patch),
  },
  ['classify', 'compare', 'heatMap', 'activations', 'explain'],
);
