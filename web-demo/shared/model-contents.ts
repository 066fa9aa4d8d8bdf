/**
 * Reads from an exported file what onnxruntime does not give access to: labels, network and patch size.
 */
import { describeModel } from '../../graph/onnx/description.ts';
import type { Temperatures } from '../../model/calibration.ts';
import { jsonOf } from '../../model/issue-text.ts';
import type { KnownThresholds } from '../../model/known-score.ts';
import {
  labelsSchema,
  metadataKeys,
  metadataValue,
  modelInputSchema,
  temperaturesOf,
  thresholdsSchema,
} from '../../model/model-file.ts';
import { type Network, networkSchema } from '../../model/network.ts';
import { embeddedPatches, type SelfCheck, selfCheckOf } from '../../model/self-check.ts';

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

/**
 * The self-check inside a file; empty if it has none. Errors: `model-unusable`, naming `where` and the key.
 */
export function fileSelfCheck(bytes: Uint8Array, where: string): SelfCheck {
  const { metadata } = describeModel(bytes, where);
  const labels = metadataValue(metadata, metadataKeys.labels, labelsSchema, where);
  const patches = embeddedPatches(metadata, labels.length, where);
  return patches === undefined ? [] : selfCheckOf(patches);
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
