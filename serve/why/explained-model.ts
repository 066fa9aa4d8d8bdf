/** An exported texture-net whose feature maps are outputs too, to show what its logits consist of. */
import { activationGraph, activationName } from '../../graph/derived/activation-graph.ts';
import { encodeModel } from '../../graph/encode.ts';
import { modelKnownMaps, modelParameters } from '../../graph/onnx/initializers.ts';
import { TexturaError } from '../../model/error.ts';
import {
  type PatchEvidence,
  patchEvidence,
  type StatisticsHead,
  statisticsHead,
} from '../../model/evidence.ts';
import { graphNames } from '../../model/graph-names.ts';
import { jsonOf } from '../../model/issue-text.ts';
import { metadataKeys } from '../../model/model-file.ts';
import { type Network, networkSchema } from '../../model/network.ts';
import type { Parameters } from '../../model/parameters.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { InferenceSession, type PatchOutputs, Tensor } from '../../node/onnxruntime.ts';
import { modelStamp } from '../../node/product-version.ts';
import type { ModelFile } from '../model.ts';

/** Patches that a model has classified. */
interface ExplainedPatches extends PatchOutputs {
  /** For each patch, what its positions add to the sum of the logits weighted by `weights` `[C]`. */
  evidence(weights: readonly number[]): readonly PatchEvidence[];
}

/** Close it. */
export class ExplainedModel {
  readonly file: ModelFile;
  readonly #session: InferenceSession;
  readonly #head: StatisticsHead;
  readonly #parameters: Parameters;

  private constructor(
    file: ModelFile,
    session: InferenceSession,
    head: StatisticsHead,
    parameters: Parameters,
  ) {
    this.file = file;
    this.#session = session;
    this.#head = head;
    this.#parameters = parameters;
  }

  /** Undefined for a network without global statistics, a throughput file, and a file without a network. */
  static async open(file: ModelFile): Promise<ExplainedModel | undefined> {
    const { data: network } = networkSchema.safeParse(jsonOf(file.metadata[metadataKeys.network] ?? ''));
    const head = network && statisticsHead(network);
    if (network === undefined || head === undefined) return undefined;
    const parameters = portableParameters(file, network);
    if (parameters === undefined) return undefined;
    const graph = activationGraph(
      network,
      parameters,
      head.stages.map(({ layer }) => layer),
      file.threshold && modelKnownMaps(file.bytes, file.path),
    );
    const session = await InferenceSession.create(encodeModel(graph, modelStamp()), { logSeverityLevel: 3 });
    return new ExplainedModel(file, session, head, parameters);
  }

  /** Classifies patches `[count,64,64]`, grey 0..255. */
  async classify(patches: Uint8Array): Promise<ExplainedPatches> {
    const count = patches.length / patchBytes;
    const image = new Tensor('float32', new Float32Array(patches), [count, 1, inputPx, inputPx]);
    const outputs = await this.#session.run({ [graphNames.image]: image });
    const valuesOf = (name: string) => outputs[name]?.data as Float32Array;
    const [head, parameters] = [this.#head, this.#parameters];
    return {
      logits: valuesOf(graphNames.logits),
      ...(this.file.threshold && { knownScores: valuesOf(graphNames.knownScore) }),
      evidence: (weights) =>
        Array.from({ length: count }, (_, patch) => {
          const mapsOf = (layer: string) => {
            const all = valuesOf(activationName(layer));
            return all.subarray((patch * all.length) / count, ((patch + 1) * all.length) / count);
          };
          return patchEvidence(head, parameters, mapsOf, weights);
        }),
    };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** Undefined for a throughput file, whose initializers are others. */
function portableParameters({ bytes, path }: ModelFile, network: Network): Parameters | undefined {
  try {
    return modelParameters(bytes, network, path);
  } catch (error) {
    if (error instanceof TexturaError && error.code === 'file-damaged') return undefined;
    throw error;
  }
}
