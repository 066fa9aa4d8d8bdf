/**
 * Reads from an exported file what onnxruntime does not give access to: labels, network and trained values by
 * name.
 */
import { describeModel } from '../../graph/onnx/description.ts';
import { decodeMessage } from '../../graph/onnx/protobuf.ts';
import type { Temperatures } from '../../model/calibration.ts';
import type { KnownThresholds } from '../../model/known-score.ts';
import {
  jsonOf,
  labelsSchema,
  metadataKeys,
  metadataValue,
  modelInputSchema,
  temperaturesOf,
  thresholdsSchema,
} from '../../model/model-file.ts';
import { type Network, networkSchema } from '../../model/network.ts';
import { checkParameters, type Parameters } from '../../model/parameters.ts';

export interface ModelContents {
  /** In output order. */
  readonly labels: readonly string[];
  /** Side in source pixels of the square that a patch is averaged from. */
  readonly patchPx: number;
  readonly network: Network;
  readonly temperatures: Temperatures;
  /** Thresholds of the file's known scores; undefined if it has none. */
  readonly known: KnownThresholds | undefined;
}

/** Reads the metadata. Errors: `model-unusable`, naming `where` and the key. */
export function modelContents(bytes: Uint8Array, where: string): ModelContents {
  const { metadata } = describeModel(bytes, where);
  const input = metadataValue(metadata, metadataKeys.input, modelInputSchema, where);
  return {
    labels: metadataValue(metadata, metadataKeys.labels, labelsSchema, where),
    patchPx: input.patchPx,
    network: metadataValue(metadata, metadataKeys.network, networkSchema, where),
    temperatures: temperaturesOf(metadata, where),
    known: thresholdsSchema.safeParse(jsonOf(metadata[metadataKeys.threshold] ?? '')).data,
  };
}

/**
 * The trained values of a portable file, whose initializers have the parameters' names. Errors:
 * `model-unusable`, `file-damaged`.
 */
export function modelParameters(bytes: Uint8Array, network: Network, where: string): Parameters {
  const initializers = decodeMessage('Model', bytes, where).graph?.initializer ?? [];
  const stored = new Map(initializers.map(({ name = '', rawData }) => [name, rawData]));
  const names = network.layers.flatMap(({ kind, name }) =>
    kind === 'convolution' ? [`${name}.kernel`, `${name}.bias`] : [],
  );
  const parameters = new Map(names.map((name) => [name, floatsOf(stored.get(name))] as const));
  checkParameters(network, parameters, where);
  return parameters;
}

/** Little-endian float32 values; the copy is aligned whatever the offset in the file. */
function floatsOf(bytes: Uint8Array = new Uint8Array()): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
