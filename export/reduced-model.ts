/**
 * Models of fewer bits (graph/reduced-precision.ts). A file of fp16 or int8 is a model of its own, NAME-fp16 or
 * NAME-int8, so that it can be evaluated, compared and served like any other.
 *
 * Half of the run's reference patches give the ranges of the activations. The other half, which they do not
 * know, shows whether the smaller file still classifies as well.
 */
import { activationGraph, activationName } from '../graph/derived/activation-graph.ts';
import { encodeModel } from '../graph/encode.ts';
import { rangedLayers, type ValueRange } from '../graph/reduced-precision.ts';
import { TexturaError } from '../model/error.ts';
import type { ReducedPrecision } from '../model/model-file.ts';
import { patchBytes } from '../model/patch.ts';
import type { PatchLogits } from '../model/self-check.ts';
import { InferenceSession, runPatches } from '../node/onnxruntime.ts';
import { modelStamp } from '../node/product-version.ts';
import type { TrainedModel } from './trained-run.ts';

const batchPatches = 32;

/**
 * The model of fewer bits of a trained model. Its error is not that of the run, so it has none. Errors: `usage` if
 * the reference patches have no labels.
 */
export async function reducedModel(
  trained: TrainedModel,
  precision: ReducedPrecision,
): Promise<TrainedModel> {
  if (trained.reference.labels === undefined) {
    throw new TexturaError(
      'usage',
      `--precision ${precision}: ${trained.name} has no labels of its validation patches, which show what fewer bits cost: train it again`,
    );
  }
  const ranges = precision === 'int8' ? await activationRanges(trained) : new Map();
  return {
    ...trained,
    name: `${trained.name}-${precision}`,
    best: undefined,
    top1err: undefined,
    top1errInterval: undefined,
    reduction: { precision, ranges },
  };
}

/** Whether a reference patch gives the ranges of activations; the others check the file. */
export function setsRanges(index: number): boolean {
  return index % 2 === 0;
}

/** On half of the reference patches, by layer. */
export async function activationRanges({
  network,
  parameters,
  reference,
}: Pick<TrainedModel, 'network' | 'parameters'> & {
  readonly reference: Omit<PatchLogits, 'logits'>;
}): Promise<ReadonlyMap<string, ValueRange>> {
  const layers = rangedLayers(network);
  const bytes = encodeModel(activationGraph(network, parameters, layers), modelStamp());
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    const ranges = new Map<string, ValueRange>();
    for (const patches of batchesOf(reference)) {
      const outputs = await runPatches(session, patches, layers.map(activationName));
      for (const layer of layers) {
        const values = outputs[activationName(layer)] ?? new Float32Array();
        ranges.set(layer, joinedRange(ranges.get(layer), values));
      }
    }
    return ranges;
  } finally {
    await session.release();
  }
}

/** The patches that set the ranges, `[batch,64,64]` each time. */
function* batchesOf({ patches, count }: Omit<PatchLogits, 'logits'>): Generator<Uint8Array> {
  const indices = Array.from({ length: count }, (_, i) => i).filter(setsRanges);
  for (let start = 0; start < indices.length; start += batchPatches) {
    const own = indices.slice(start, start + batchPatches);
    const batch = new Uint8Array(own.length * patchBytes);
    own.forEach((index, i) => {
      batch.set(patches.subarray(index * patchBytes, (index + 1) * patchBytes), i * patchBytes);
    });
    yield batch;
  }
}

function joinedRange(range: ValueRange | undefined, values: Float32Array): ValueRange {
  let { min, max } = range ?? { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { min, max };
}
