/** The contract that an ONNX file must keep before anything is run on it. */
import { z } from 'zod';
import type { DescribedValue, ModelDescription } from '../graph/onnx/description.ts';
import { TexturaError } from '../model/error.ts';
import { graphNames, type ModelInput, metadataKeys, modelInputSchema } from '../model/model-file.ts';
import { inputPx } from '../model/network.ts';

const labelsSchema = z.array(z.string().min(1)).min(2);

/**
 * What the file says of its labels (in output order) and its input, once it has shown to keep the contract.
 * Errors: `model-unusable`, naming `path` and which part it does not keep.
 */
export function checkContract(
  description: ModelDescription,
  path: string,
): { readonly labels: readonly string[]; readonly input: ModelInput } {
  const labels = metadataOf(description, metadataKeys.labels, labelsSchema, path);
  const input = metadataOf(description, metadataKeys.input, modelInputSchema, path);
  checkValues(description, labels.length, path);
  return { labels, input };
}

function metadataOf<T>({ metadata }: ModelDescription, key: string, schema: z.ZodType<T>, path: string): T {
  const text = metadata[key];
  if (text === undefined) {
    throw new TexturaError(
      'model-unusable',
      `${path}: its metadata lacks ${key}; was it made by npm run export?`,
    );
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TexturaError('model-unusable', `${path}: ${key} is not understood: ${text}`, { cause });
  }
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
