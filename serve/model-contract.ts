/** The contract that an ONNX file must keep before anything is run on it. */
import type { DescribedValue, ModelDescription } from '../graph/onnx/description.ts';
import { TexturaError } from '../model/error.ts';
import {
  graphNames,
  labelsSchema,
  type ModelInput,
  metadataKeys,
  metadataValue,
  modelInputSchema,
} from '../model/model-file.ts';
import { inputPx } from '../model/network.ts';

/**
 * What the file says of its labels (in output order) and its input, once it has shown to keep the contract.
 * Errors: `model-unusable`, naming `path` and which part it does not keep.
 */
export function checkContract(
  description: ModelDescription,
  path: string,
): { readonly labels: readonly string[]; readonly input: ModelInput } {
  const { metadata } = description;
  const labels = metadataValue(metadata, metadataKeys.labels, labelsSchema, path);
  const input = metadataValue(metadata, metadataKeys.input, modelInputSchema, path);
  checkValues(description, labels.length, path);
  return { labels, input };
}

/** The contract's input and outputs: names, types and sizes, with nothing but the batch left open. */
function checkValues({ inputs, outputs }: ModelDescription, classes: number, path: string): void {
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
