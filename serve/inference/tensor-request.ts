/** A request of the Open Inference Protocol taken apart: its JSON, and the values of its one input. */
import { TexturaError } from '../../model/error.ts';
import { issueTexts } from '../../model/issue-text.ts';
import { graphNames } from '../../model/model-file.ts';
import { inputPx } from '../../model/network.ts';
import { type InferInput, type InferRequest, inferRequestSchema } from '../../model/open-inference.ts';
import { patchBytes } from '../../model/patch.ts';
import { counted } from '../../model/words.ts';

export interface TensorRequest {
  /** Without the input's values. */
  readonly request: Pick<InferRequest, 'id' | 'parameters' | 'outputs'>;
  /** `[count,1,64,64]`, grey 0..255. */
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * `jsonBytes` is the length of the JSON where tensors follow it. Errors: `usage` for what is malformed, for another input than `image` FP32
 * [N,1,64,64], and for values that are not finite; `image-too-large` for more than `maxPatches`.
 */
export function readTensorRequest(
  body: Uint8Array<ArrayBuffer>,
  jsonBytes: number | undefined,
  maxPatches: number,
): TensorRequest {
  if (jsonBytes !== undefined && !(jsonBytes <= body.length)) {
    fail(`Inference-Header-Content-Length: expected ${body.length} or less, got more`);
  }
  const { inputs, id, parameters, outputs } = parseJson(body.subarray(0, jsonBytes ?? body.length));
  const [input] = inputs;
  if (input === undefined || inputs.length > 1 || input.name !== graphNames.image) {
    fail(`inputs: expected one named ${graphNames.image}, got others`);
  }
  const count = countOf(input, maxPatches);
  const values =
    input.parameters?.binary_data_size === undefined
      ? valuesOfJson(input, count)
      : valuesOfBytes(body.slice(jsonBytes ?? body.length), input.parameters.binary_data_size, count);
  if (!values.every(Number.isFinite)) fail(`${graphNames.image}: expected finite values, got others`);
  return { request: { id, parameters, outputs }, values };
}

function parseJson(bytes: Uint8Array): InferRequest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TexturaError('usage', 'body: expected JSON, got something else', { cause });
  }
  const request = inferRequestSchema.safeParse(value);
  if (request.success) return request.data;
  const [text] = issueTexts(request.error, { input: value });
  return fail(`body: ${text}`);
}

function countOf({ shape, datatype }: InferInput, maxPatches: number): number {
  const [count = 0, ...rest] = shape;
  const expected = [1, inputPx, inputPx];
  if (datatype !== 'FP32' || rest.join() !== expected.join() || count < 1) {
    fail(`${graphNames.image}: expected FP32 [N,${expected.join()}], got another type or shape`);
  }
  if (count > maxPatches) {
    const message = `${graphNames.image}: expected ${counted(maxPatches, 'patch', 'patches')} or fewer, got ${count}`;
    throw new TexturaError('image-too-large', message);
  }
  return count;
}

function valuesOfJson({ data = [] }: InferInput, count: number): Float32Array<ArrayBuffer> {
  const flat = data.flat(4);
  if (flat.length !== count * patchBytes || !flat.every((value) => typeof value === 'number')) {
    fail(`${graphNames.image}: expected ${count * patchBytes} numbers, got ${flat.length} values`);
  }
  return Float32Array.from(flat as number[]);
}

/** Little-endian, as every machine is that this runs on. */
function valuesOfBytes(
  tail: Uint8Array<ArrayBuffer>,
  announced: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const expected = 4 * count * patchBytes;
  if (announced !== expected || tail.length !== expected) {
    fail(`${graphNames.image}: expected ${expected} bytes after the JSON, got ${tail.length}`);
  }
  return new Float32Array(tail.buffer, tail.byteOffset, expected / 4);
}

function fail(message: string): never {
  throw new TexturaError('usage', message);
}
