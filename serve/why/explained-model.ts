/** An exported texture-net whose feature maps are outputs too, to show what its logits consist of. */
import { decodeMessage, encodeMessage } from '../../graph/onnx/protobuf.ts';
import { describeLayers } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import { type Evidence, positionEvidence } from '../../model/evidence.ts';
import { graphNames } from '../../model/graph-names.ts';
import type { GlobalStatisticsLayer, LayerOf } from '../../model/layer.ts';
import { metadataKeys, metadataValue } from '../../model/model-file.ts';
import { type Network, networkSchema } from '../../model/network.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import type { ModelFile } from '../model.ts';

/** A stage of the network, whose maps the statistics read. */
interface Stage {
  readonly layer: string;
  readonly channels: number;
  /** Side of its square of positions. */
  readonly sidePx: number;
  /** Side of the square of the patch that one position depends on, and distance between them. */
  readonly windowPx: number;
  readonly stridePx: number;
}

/** What the positions of a stage add for one patch. */
export interface StageEvidence extends Evidence, Stage {}

export interface PatchEvidence {
  readonly stages: readonly StageEvidence[];
  readonly bias: number;
}

/** Close it. */
export class ExplainedModel {
  readonly #session: InferenceSession;
  readonly #model: ModelFile;
  readonly #stages: readonly Stage[];
  readonly #varianceFloor: number;
  /** `[C,F]` and `[C]`. */
  readonly #kernel: Float32Array;
  readonly #bias: Float32Array;

  private constructor(model: ModelFile, session: InferenceSession, head: Head) {
    this.#model = model;
    this.#session = session;
    this.#stages = head.stages;
    this.#varianceFloor = head.varianceFloor;
    this.#kernel = head.kernel;
    this.#bias = head.bias;
  }

  /** Errors: `usage` for a network without global statistics, and for a throughput file; `model-unusable`. */
  static async open(model: ModelFile): Promise<ExplainedModel> {
    const head = headOf(model);
    const content = decodeMessage('Model', model.bytes, model.path);
    const extra = head.stages.map(({ layer, channels, sidePx }) => ({
      name: outputName(layer),
      type: {
        tensorType: {
          elemType: 1,
          shape: {
            dim: [{ dimParam: 'N' }, ...[channels, sidePx, sidePx].map((dimValue) => ({ dimValue }))],
          },
        },
      },
    }));
    const graph = { ...content.graph, output: [...(content.graph?.output ?? []), ...extra] };
    const session = await InferenceSession.create(encodeMessage('Model', { ...content, graph }), {
      logSeverityLevel: 3,
    });
    return new ExplainedModel(model, session, head);
  }

  /**
   * What each position of each patch `[count,64,64]` adds to the sum of the logits weighted by `weights`
   * `[C]`, and the logits `[count,C]`.
   */
  async explain(
    patches: Uint8Array,
    weights: ArrayLike<number>,
  ): Promise<{ readonly evidence: readonly PatchEvidence[]; readonly logits: Float32Array }> {
    const count = patches.length / patchBytes;
    const image = new Tensor('float32', new Float32Array(patches), [count, 1, inputPx, inputPx]);
    const outputs = await this.#session.run({ [graphNames.image]: image }, [
      graphNames.logits,
      ...this.#stages.map(({ layer }) => outputName(layer)),
    ]);
    const row = this.#weightsOfStatistics(weights);
    const bias = weightedSum(this.#bias, weights);
    const evidence = Array.from({ length: count }, (_, patch) => {
      let at = 0;
      const stages = this.#stages.map((stage) => {
        const { layer, channels, sidePx } = stage;
        const positions = sidePx * sidePx;
        const all = outputs[outputName(layer)]?.data as Float32Array;
        const values = all.subarray(patch * channels * positions, (patch + 1) * channels * positions);
        const own = {
          means: row.subarray(at, at + channels),
          deviations: row.subarray(at + channels, at + 2 * channels),
        };
        at += 2 * channels;
        return {
          ...stage,
          ...positionEvidence({ values, channels, positions }, own, this.#varianceFloor),
        };
      });
      return { stages, bias };
    });
    return { evidence, logits: new Float32Array(outputs[graphNames.logits]?.data as Float32Array) };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  /** `[F]` */
  #weightsOfStatistics(weights: ArrayLike<number>): Float64Array {
    const features = this.#kernel.length / this.#model.labels.length;
    return Float64Array.from({ length: features }, (_, f) =>
      weightedSum({ length: weights.length, at: (c) => this.#kernel[c * features + f] as number }, weights),
    );
  }
}

function weightedSum(
  values: Float32Array | { readonly length: number; at(index: number): number },
  weights: ArrayLike<number>,
): number {
  let sum = 0;
  for (let c = 0; c < values.length; c++) sum += (values.at(c) as number) * (weights[c] as number);
  return sum;
}

function outputName(layer: string): string {
  return `${layer}.output`;
}

interface Head {
  readonly stages: readonly Stage[];
  readonly varianceFloor: number;
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/** The statistics of a file and the linear layer that reads them. */
function headOf(model: ModelFile): Head {
  const network = metadataValue(model.metadata, metadataKeys.network, networkSchema, model.path);
  const { statistics, classifier } = linearHead(network, model);
  const { graph } = decodeMessage('Model', model.bytes, model.path);
  const produced = new Set(graph?.node?.flatMap(({ output = [] }) => output));
  const stages = describeLayers(network)
    .filter(({ layer }) => statistics.of.includes(layer.name))
    .map(({ layer, outputShape: [channels, sidePx], receptiveFieldPx, stridePx }) => ({
      layer: layer.name,
      channels,
      sidePx,
      windowPx: receptiveFieldPx,
      stridePx,
    }));
  const stored = new Map(graph?.initializer?.map(({ name, rawData }) => [name, rawData]));
  const [kernel, bias] = ['kernel', 'bias'].map((part) => stored.get(`${classifier.name}.${part}`));
  const isPortable = stages.every(({ layer }) => produced.has(outputName(layer)));
  if (kernel === undefined || bias === undefined || !isPortable) {
    throw new TexturaError(
      'usage',
      `--why: ${model.path}: expected a portable file, not the throughput file`,
    );
  }
  return { stages, varianceFloor: statistics.varianceFloor, kernel: floats(kernel), bias: floats(bias) };
}

/** Errors: `usage` if the classifier does not read statistics alone. */
function linearHead(
  { name, layers }: Network,
  model: ModelFile,
): { readonly statistics: GlobalStatisticsLayer; readonly classifier: LayerOf<'convolution'> } {
  const [statistics, classifier] = layers.slice(-3);
  if (
    statistics?.kind === 'globalStatistics' &&
    classifier?.kind === 'convolution' &&
    classifier.kernelPx === 1
  )
    return { statistics, classifier };
  throw new TexturaError(
    'usage',
    `--why: ${model.path}: expected a texture-net, whose classes follow from statistics of positions, got ${name}`,
  );
}

/** Little-endian float32 values; the copy is aligned whatever the offset in the file. */
function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
