/**
 * The signature that an ONNX file must have: inputs, outputs and metadata. Checked before the file is run.
 */
import type { DescribedValue, ModelDescription } from '../graph/onnx/description.ts';
import type { Temperatures } from '../model/calibration.ts';
import { TexturaError } from '../model/error.ts';
import { graphNames } from '../model/graph-names.ts';
import type { KnownThresholds } from '../model/known-score.ts';
import {
  labelsSchema,
  type ModelInput,
  metadataKeys,
  metadataValue,
  modelInputSchema,
  temperaturesOf,
  thresholdsSchema,
} from '../model/model-file.ts';
import { inputPx } from '../model/patch.ts';

export interface ModelSignature {
  /** In output order. */
  readonly labels: readonly string[];
  readonly input: ModelInput;
  readonly temperatures: Temperatures;
  /** Only for files with known scores. */
  readonly threshold?: KnownThresholds;
}

/** Errors: `model-unusable`, naming `path` and the fault. */
export function checkSignature(description: ModelDescription, path: string): ModelSignature {
  const { metadata } = description;
  const labels = metadataValue(metadata, metadataKeys.labels, labelsSchema, path);
  const input = metadataValue(metadata, metadataKeys.input, modelInputSchema, path);
  checkInputsAndOutputs(description, labels.length, path);
  const signature = { labels, input, temperatures: temperaturesOf(metadata, path) };
  if (!description.outputs.some(({ name }) => name === graphNames.knownScore)) return signature;
  expectValue(description.outputs, graphNames.knownScore, [1], `${path}: output`);
  const threshold = metadataValue(metadata, metadataKeys.threshold, thresholdsSchema, path);
  return { ...signature, threshold };
}

/** Names, types and shapes of the input and outputs; only the batch is dynamic. */
function checkInputsAndOutputs({ inputs, outputs }: ModelDescription, classes: number, path: string): void {
  expectValue(inputs, graphNames.image, [1, inputPx, inputPx], `${path}: input`);
  if (inputs.length !== 1) {
    throw new TexturaError('model-unusable', `${path}: expected 1 input, got ${inputs.length}`);
  }
  expectValue(outputs, graphNames.logits, [classes], `${path}: output`);
  expectValue(outputs, graphNames.probabilities, [classes], `${path}: output`);
}

function expectValue(
  values: readonly DescribedValue[],
  name: string,
  sizes: readonly number[],
  where: string,
): void {
  const value = values.find((candidate) => candidate.name === name);
  const [batch, ...rest] = value?.shape ?? [];
  const keeps = typeof batch === 'string' && rest.join() === sizes.join() && value?.dtype === 'float32';
  if (keeps) return;
  const got = value === undefined ? 'none' : `${value.dtype ?? 'another type'} [${value.shape.join()}]`;
  throw new TexturaError(
    'model-unusable',
    `${where} ${name}: expected float32 [N,${sizes.join()}], got ${got}`,
  );
}
