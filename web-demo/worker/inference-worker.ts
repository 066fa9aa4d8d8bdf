/** The inference worker: owns the onnxruntime sessions of one provider and runs one call at a time. */
import { activationGraph, activationName, shownLayers } from '../../graph/derived/activation-graph.ts';
import { type SlidingPlan, slidingGraph, slidingNames } from '../../graph/derived/sliding-graph.ts';
import { modelKnownMaps, modelParameters } from '../../graph/onnx/initializers.ts';
import { TexturaError } from '../../model/error.ts';
import { patchEvidence, pixelMap, statisticsHead } from '../../model/evidence.ts';
import { graphNames } from '../../model/graph-names.ts';
import type { GreyImage } from '../../model/image.ts';
import { type KnownThresholds, knownMargin, photographMargin } from '../../model/known-score.ts';
import { type Parameters, parameter } from '../../model/parameters.ts';
import { inputPx } from '../../model/patch.ts';
import { topClasses } from '../../model/scores.ts';
import { fault, InferenceError } from '../shared/faults.ts';
import type { Activations, HeatMap, InferenceApi, PatchExplanation } from '../shared/inference-api.ts';
import { postLoss, serveCalls } from '../shared/worker-calls.ts';
import { standardiseLocally } from './local-standardisation.ts';
import { answer, type OpenModel, openModel } from './model-sessions.ts';
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

/** Errors: `no-weights` for a file that stores them in another form: a throughput file, or one of fewer bits. */
function parametersOf({ bytes, contents: { network } }: OpenModel): Parameters {
  try {
    return modelParameters(bytes, network, network.name);
  } catch (cause) {
    throw new InferenceError(fault('no-weights', {}, cause));
  }
}

async function heatMap(model: OpenModel, grey: GreyImage, isCoarse: boolean): Promise<HeatMap> {
  const { Tensor } = started();
  const { width, height } = grey;
  const { network, known, temperatures } = model.contents;
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
  if (known !== undefined)
    clearUnknown(probabilities, floats(outputs, slidingNames.knownScore), known, temperatures.patch);
  const [, , rows = 0, columns = 0] = outputs[slidingNames.probabilities]?.dims ?? [];
  disposeAll({ picture, ...outputs });
  return { probabilities, rows, columns, fieldPx: inputPx, stridePx, inferMs: performance.now() - startedAt };
}

/**
 * Sets the probabilities `[C,positions]` to zero at the positions that show none of the classes. `temperature`
 * is the one that is in them; margins are those of probabilities without one.
 */
function clearUnknown(
  probabilities: Float32Array,
  scores: Float32Array,
  known: KnownThresholds,
  temperature: number,
): void {
  const positions = scores.length;
  scores.forEach((score, position) => {
    let [top, sum] = [0, 0];
    for (let at = position; at < probabilities.length; at += positions) {
      const share = (probabilities[at] as number) ** temperature;
      sum += share;
      top = Math.max(top, share);
    }
    if (knownMargin(top / sum, [score], known) >= 0) return;
    for (let at = position; at < probabilities.length; at += positions) probabilities[at] = 0;
  });
}

/** Keeps one sliding session of each kind; a picture of another size replaces it. */
async function slidingSession(model: OpenModel, plan: SlidingPlan): Promise<SlidingSession> {
  const kind = plan.isCoarse ? 'coarse' : 'fine';
  const current = slidingSessions.get(kind);
  const { width, height } = plan;
  if (current?.model === model && current.width === width && current.height === height) return current;
  slidingSessions.delete(kind);
  await current?.session.release();
  const { network, temperatures, known } = model.contents;
  const maps = known && modelKnownMaps(model.bytes, network.name);
  const { graph, stridePx } = slidingGraph(network, parametersOf(model), plan, temperatures.patch, maps);
  const session = await started().open(encodeGraph(graph));
  const opened = { model, width, height, session, stridePx };
  slidingSessions.set(kind, opened);
  return opened;
}

/** Sessions that also have the outputs of some layers, by the names of these layers. */
const layerSessions = new WeakMap<OpenModel, Map<string, Session>>();

async function layerSession(model: OpenModel, layers: readonly string[]): Promise<Session> {
  const sessions = layerSessions.get(model) ?? new Map<string, Session>();
  layerSessions.set(model, sessions);
  const { network } = model.contents;
  const graph = () => activationGraph(network, parametersOf(model), layers);
  const session = sessions.get(layers.join()) ?? (await started().open(encodeGraph(graph())));
  sessions.set(layers.join(), session);
  return session;
}

/** Outputs of layers for a patch, by their names. */
async function layerOutputs(model: OpenModel, layers: readonly string[], patch: Uint8Array) {
  const session = await layerSession(model, layers);
  const image = new (started().Tensor)('float32', new Float32Array(patch), [1, 1, inputPx, inputPx]);
  const outputs = await session.run({ [graphNames.image]: image });
  const values = new Map(layers.map((layer) => [layer, floats(outputs, activationName(layer))]));
  disposeAll({ image, ...outputs });
  return (layer: string) => values.get(layer) ?? new Float32Array();
}

async function activations(model: OpenModel, patch: Uint8Array): Promise<Activations> {
  const shown = shownLayers(model.contents.network);
  const names = shown.map(({ layer }) => layer.name);
  const valuesOf = await layerOutputs(model, names, patch);
  const layers = shown.map(({ layer, outputShape, receptiveFieldPx, stridePx }) => ({
    layer: layer.name,
    shape: outputShape,
    values: valuesOf(layer.name),
    receptiveFieldPx,
    stridePx,
  }));
  return { layers, kernels: firstKernels(model) };
}

async function explanation(model: OpenModel, patch: Uint8Array): Promise<PatchExplanation> {
  const { network, labels, known } = model.contents;
  const head = statisticsHead(network);
  if (head === undefined) throw new TexturaError('internal', `${network.name} has no statistics`);
  const layers = head.stages.map(({ layer }) => layer);
  const outputs = await answer(started(), model, patch);
  const { logits } = outputs;
  const valuesOf = await layerOutputs(model, layers, patch);
  const [first = 0, second = 0] = topClasses(logits, 2);
  const evidence = patchEvidence(
    head,
    parametersOf(model),
    valuesOf,
    labels.map((_, c) => Number(c === first) - Number(c === second)),
  );
  const total = (logits[first] as number) - (logits[second] as number);
  const margin = photographMargin(outputs, labels.length, known);
  return { first, second, margin, total, map: pixelMap(evidence) };
}

/** Frees the memory of a model that was replaced: garbage collection does not free that of sessions. */
async function release(model: OpenModel): Promise<void> {
  for (const [kind, sliding] of slidingSessions) {
    if (sliding.model !== model) continue;
    slidingSessions.delete(kind);
    await sliding.session.release();
  }
  for (const session of layerSessions.get(model)?.values() ?? []) await session.release();
  await model.session.release();
}

function firstKernels(model: OpenModel): Activations['kernels'] {
  const { network } = model.contents;
  const first = network.layers.find((layer) => layer.kind === 'convolution');
  if (first === undefined) throw new TexturaError('internal', `${network.name} has no convolution`);
  const values = parameter(parametersOf(model), `${first.name}.kernel`);
  return { kernelPx: first.kernelPx, values };
}

serveCalls<InferenceApi>(
  {
    async start({ provider, folder }) {
      runtime = await openRuntime(provider, folder, postLoss);
      return { threads: runtime.threads };
    },
    async load(request) {
      const { model, loaded } = await openModel(started(), request);
      const replaced = models.get(request.name);
      models.set(request.name, model);
      if (replaced !== undefined) await release(replaced);
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
