/**
 * What is asked of an ONNX file before onnxruntime sees it: nothing but what `npm run export` writes. So no file makes the runtime open
 * other files, load other code or compute something larger than the network it claims to be.
 */

import { describeModel } from '../../graph/onnx/description.ts';
import { dtypes, type Message } from '../../graph/onnx/format.ts';
import { decodeMessage, encodeMessage } from '../../graph/onnx/protobuf.ts';
import { TexturaError } from '../../model/error.ts';
import type { ModelIndex } from '../../model/model-file.ts';
import { checkContract } from '../model-contract.ts';

/** Operators of ai.onnx that exported graphs are made of. */
export const allowedOperators: ReadonlySet<string> = new Set(
  `Add Concat Conv Div Flatten Gather GlobalAveragePool MatMul Max MaxPool Mul Pad ReduceSum Relu Reshape Slice Softmax Split Sqrt Squeeze Sub
   Transpose Unsqueeze`.split(/\s+/),
);

/** More than any variant has in either graph. */
const maxNodes = 2000;

/**
 * Reads a file's bytes and compares them with what the index tells of it. Errors: `model-unusable`, naming the file and what is wrong.
 */
export function inspectModel(
  bytes: Uint8Array,
  name: string,
  { labels, input }: Pick<ModelIndex['models'][number], 'labels' | 'input'>,
): void {
  const model = decodeMessage('Model', bytes, name);
  checkNodes(model, name);
  checkWhole(model, bytes, name);
  for (const tensor of model.graph?.initializer ?? []) checkTensor(tensor, name);
  const own = checkContract(describeModel(bytes, name), name);
  if (JSON.stringify(own.labels) !== JSON.stringify(labels))
    fail(name, 'its labels differ from those in the index');
  if (own.input.patchPx !== input.patchPx)
    fail(name, `its patchPx is ${own.input.patchPx}, in the index ${input.patchPx}`);
}

function checkNodes({ graph, opsetImport = [] }: Message<'Model'>, name: string): void {
  const nodes = graph?.node ?? [];
  if (nodes.length > maxNodes) fail(name, `expected ${maxNodes} nodes or fewer, got ${nodes.length}`);
  const foreign = nodes.find(
    ({ domain = '', opType = '' }) => domain !== '' || !allowedOperators.has(opType),
  );
  if (foreign !== undefined)
    fail(name, `has an operator that exported files do not have: ${operatorText(foreign)}`);
  if (opsetImport.some(({ domain = '' }) => domain !== ''))
    fail(name, 'asks for operators other than ai.onnx');
}

function operatorText({ domain = '', opType = '' }: Message<'Node'>): string {
  return [domain, opType]
    .filter(Boolean)
    .join('.')
    .replace(/[^\w.]/g, '?')
    .slice(0, 80);
}

/**
 * Encoding anew what was read gives the same bytes, unless the file has fields that we neither write nor read: external data, functions,
 * sub-graphs, sparse tensors, or what some other tool added.
 */
function checkWhole(model: Message<'Model'>, bytes: Uint8Array, name: string): void {
  if (Buffer.compare(encodeMessage('Model', model), bytes) === 0) return;
  fail(name, 'has parts that npm run export does not write, such as external data, functions or sub-graphs');
}

/** A tensor holds as many bytes as its sizes say, so that a few bytes cannot ask for gigabytes. */
function checkTensor(
  { name: tensor = '', dims = [], dataType, rawData }: Message<'Tensor'>,
  name: string,
): void {
  const dtype = Object.values(dtypes).find(({ code }) => code === dataType);
  const expected = dims.reduce((product, size) => product * size, dtype?.bytes ?? Number.NaN);
  if (rawData?.length === expected && dims.every((size) => size > 0)) return;
  fail(name, `tensor ${tensor.slice(0, 80)}: its data do not fit its sizes [${dims.slice(0, 8).join()}]`);
}

function fail(name: string, what: string): never {
  throw new TexturaError('model-unusable', `${name}: ${what}`);
}
