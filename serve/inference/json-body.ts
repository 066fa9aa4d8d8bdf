/**
 * JSON request bodies, parsed in the preparation threads: images as base64, and tensors of the Open Inference
 * Protocol.
 */
import { TexturaError } from '../../model/error.ts';
import { graphNames } from '../../model/graph-names.ts';
import { issueTexts } from '../../model/issue-text.ts';
import { type InferInput, type InferRequest, inferRequestSchema } from '../../model/open-inference.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { imagesBodySchema } from '../../model/service.ts';
import { counted, oneLine } from '../../model/words.ts';

export interface JsonImageLimits {
  readonly maxImages: number;
  /** Of all images together, decoded. */
  readonly maxBytes: number;
}

/**
 * The image files of `{"image": TEXT}` or `{"images": [TEXT, ...]}`.
 * Errors: `usage` for other JSON or invalid base64; `image-too-large` beyond the limits.
 */
export function imagesFromJson(
  body: Uint8Array,
  { maxImages, maxBytes }: JsonImageLimits,
): Uint8Array<ArrayBuffer>[] {
  const parsed = imagesBodySchema.safeParse(parsedBody(body));
  if (!parsed.success) {
    fail('body: expected {"image": BASE64} or {"images": [BASE64, ...]} with at least one image');
  }
  const texts = 'image' in parsed.data ? [parsed.data.image] : parsed.data.images;
  if (texts.length > maxImages) {
    throw new TexturaError('image-too-large', `images: at most ${maxImages}, got ${texts.length}`);
  }
  let left = maxBytes;
  return texts.map((text, i) => {
    const image = fileFrom(text, texts.length === 1 ? 'image' : `image ${i + 1}`);
    left -= image.length;
    if (left < 0) throw new TexturaError('image-too-large', `images: more than ${maxBytes} bytes`);
    return image;
  });
}

function parsedBody(body: Uint8Array): unknown {
  if (body.length === 0) fail('body: expected JSON, got 0 bytes');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new TexturaError('usage', 'body: not valid JSON in UTF-8', { cause });
  }
}

/**
 * The head of a data URL (RFC 2397). Its media type is ignored: the image type is detected from the content.
 */
const dataUrlHead = /^data:[^,]{0,200};base64,/i;
const percentEncoded: Readonly<Record<string, string>> = { '%2b': '+', '%2f': '/', '%3d': '=' };

function fileFrom(text: string, name: string): Uint8Array<ArrayBuffer> {
  const digits = text
    .replace(dataUrlHead, '')
    .replace(/%2b|%2f|%3d/gi, (code) => percentEncoded[code.toLowerCase()] ?? code)
    .replace(/\s+/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/=+$/, '');
  if (digits === '')
    fail(`${name}: there is no image in the text; expected a file as base64 or as a data URL`);
  if (digits.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(digits)) {
    fail(`${name}: expected base64 or a data URL with base64`);
  }
  const decoded = Buffer.from(digits, 'base64');
  const own = new Uint8Array(decoded.length);
  own.set(decoded);
  return own;
}

/** A request of the Open Inference Protocol: its JSON, and the values of its input. */
export interface TensorRequest {
  /** Without the input's values. */
  readonly request: Pick<InferRequest, 'id' | 'parameters' | 'outputs'>;
  /** `[count,1,64,64]`, grey 0..255. */
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * Parses a request of the Open Inference Protocol. `jsonBytes` is the length of the JSON if tensors follow
 * it. Errors: `usage` for malformed requests, for inputs other than `image` FP32 [N,1,64,64], and for NaN or
 * infinite values; `image-too-large` for more than `maxPatches`.
 */
export function readTensorRequest(
  body: Uint8Array<ArrayBuffer>,
  jsonBytes: number | undefined,
  maxPatches: number,
): TensorRequest {
  if (jsonBytes !== undefined && jsonBytes > body.length) {
    fail(`Inference-Header-Content-Length: larger than the body of ${body.length} bytes`);
  }
  const { inputs, id, parameters, outputs } = inferRequestOf(body.subarray(0, jsonBytes ?? body.length));
  const [input] = inputs;
  if (input === undefined || inputs.length > 1 || input.name !== graphNames.image) {
    const got = inputs.map(({ name }) => shown(name)).join(', ');
    fail(`inputs: expected exactly one, named ${graphNames.image}, got ${got}`);
  }
  const count = countOf(input, maxPatches);
  const values =
    input.parameters?.binary_data_size === undefined
      ? valuesOfJson(input, count)
      : valuesOfBytes(body, jsonBytes, input.parameters.binary_data_size, count);
  if (!values.every(Number.isFinite)) fail(`${graphNames.image}: has NaN or infinite values`);
  return { request: { id, parameters, outputs }, values };
}

function inferRequestOf(bytes: Uint8Array): InferRequest {
  const value = parsedBody(bytes);
  const request = inferRequestSchema.safeParse(value);
  if (request.success) return request.data;
  const [text] = issueTexts(request.error, { input: value });
  return fail(`body: ${text}`);
}

function countOf({ shape, datatype }: InferInput, maxPatches: number): number {
  const [count = 0, ...rest] = shape;
  const expected = [1, inputPx, inputPx];
  if (datatype !== 'FP32' || rest.join() !== expected.join()) {
    fail(
      `${graphNames.image}: expected FP32 [N,${expected.join()}], got ${shown(datatype)} [${shape.join()}]`,
    );
  }
  if (count < 1) fail(`${graphNames.image}: there is no patch in it; expected a shape with N of 1 or more`);
  if (count > maxPatches) {
    const message = `${graphNames.image}: at most ${counted(maxPatches, 'patch', 'patches')}, got ${count}`;
    throw new TexturaError('image-too-large', message);
  }
  return count;
}

function valuesOfJson({ data = [] }: InferInput, count: number): Float32Array<ArrayBuffer> {
  const flat = data.flat(4);
  if (flat.length !== count * patchBytes)
    fail(`${graphNames.image}: expected ${count * patchBytes} numbers, got ${flat.length} values`);
  if (!flat.every((value) => typeof value === 'number'))
    fail(`${graphNames.image}: has values that are not numbers`);
  return Float32Array.from(flat as number[]);
}

/** The protocol's byte order is little-endian, as on every machine that Node supports with onnxruntime. */
function valuesOfBytes(
  body: Uint8Array<ArrayBuffer>,
  jsonBytes: number | undefined,
  announced: number,
  count: number,
): Float32Array<ArrayBuffer> {
  if (jsonBytes === undefined)
    fail('Inference-Header-Content-Length: missing; binary tensors need the length of the JSON before them');
  const tail = body.slice(jsonBytes);
  const expected = 4 * count * patchBytes;
  if (announced !== expected)
    fail(`${graphNames.image}: binary_data_size: expected ${expected}, got ${announced}`);
  if (tail.length !== expected)
    fail(`${graphNames.image}: expected ${expected} bytes after the JSON, got ${tail.length}`);
  return new Float32Array(tail.buffer, tail.byteOffset, expected / 4);
}

/** A name in a request, which may be of any length. */
function shown(name: string): string {
  return oneLine(name.slice(0, 60)) || '""';
}

function fail(message: string): never {
  throw new TexturaError('usage', message);
}
