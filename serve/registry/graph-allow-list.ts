/**
 * The allow-list for ONNX files, checked before onnxruntime reads them: only what `npm run export` writes. No
 * file can make the runtime open other files, load code, or run something larger than the network that it
 * declares.
 */

import { describeModel } from '../../graph/onnx/description.ts';
import { dtypes, type Message } from '../../graph/onnx/format.ts';
import { decodeMessage, encodeMessage } from '../../graph/onnx/protobuf.ts';
import { noTemperatures } from '../../model/calibration.ts';
import { TexturaError } from '../../model/error.ts';
import type { IndexEntry } from '../../model/model-file.ts';
import { checkSignature } from '../model-signature.ts';

/** The ai.onnx operators of exported graphs. */
const allowedOperators: ReadonlySet<string> = new Set(
  `Add Cast Concat Conv DequantizeLinear Div Flatten Gather GlobalAveragePool MatMul Max MaxPool Mul Pad QuantizeLinear ReduceSum Relu Reshape
   Slice Softmax Split Sqrt Squeeze Sub Transpose Unsqueeze`.split(/\s+/),
);

/** What the index repeats of the files. */
export type IndexedSignature = Pick<IndexEntry, 'labels' | 'input' | 'threshold' | 'temperatures'>;

/** More than the graphs of any network have. */
const maxNodes = 2000;

/**
 * Checks a file's bytes, and its labels, input, temperatures and threshold against the index. Errors:
 * `model-unusable`, naming the file and the fault.
 */
export function checkAllowList(
  bytes: Uint8Array,
  name: string,
  { labels, input, threshold, temperatures = noTemperatures }: IndexedSignature,
): void {
  const model = decodeMessage('Model', bytes, name);
  checkNodes(model, name);
  checkWhole(model, bytes, name);
  for (const tensor of model.graph?.initializer ?? []) checkTensor(tensor, name);
  const own = checkSignature(describeModel(bytes, name), name);
  if (JSON.stringify(own.labels) !== JSON.stringify(labels))
    fail(name, 'its labels differ from those in the index');
  if (own.threshold !== undefined && JSON.stringify(own.threshold) !== JSON.stringify(threshold))
    fail(name, 'its threshold differs from that in the index');
  if (own.input.patchPx !== input.patchPx)
    fail(name, `its patchPx is ${own.input.patchPx}, but ${input.patchPx} in the index`);
  const { patch, photograph } = own.temperatures;
  if (patch !== temperatures.patch || photograph !== temperatures.photograph)
    fail(name, 'its temperatures differ from those in the index');
}

function checkNodes({ graph, opsetImport = [] }: Message<'Model'>, name: string): void {
  const nodes = graph?.node ?? [];
  if (nodes.length > maxNodes) fail(name, `has ${nodes.length} nodes, more than the limit of ${maxNodes}`);
  const foreign = nodes.find(
    ({ domain = '', opType = '' }) => domain !== '' || !allowedOperators.has(opType),
  );
  if (foreign !== undefined) fail(name, `the operator ${operatorText(foreign)} is not allowed`);
  if (nodes.some(({ attribute = [] }) => attribute.some(({ g }) => g !== undefined)))
    fail(name, 'has a sub-graph');
  if (opsetImport.some(({ domain = '' }) => domain !== ''))
    fail(name, 'imports operators of a domain other than ai.onnx');
}

function operatorText({ domain = '', opType = '' }: Message<'Node'>): string {
  return [domain, opType]
    .filter(Boolean)
    .join('.')
    .replace(/[^\w.]/g, '?')
    .slice(0, 80);
}

/**
 * Re-encoding the decoded file gives the same bytes unless it has fields that the decoder drops: external
 * data, functions, sparse tensors, or another tool's additions.
 */
function checkWhole(model: Message<'Model'>, bytes: Uint8Array, name: string): void {
  if (Buffer.compare(encodeMessage('Model', model), bytes) === 0) return;
  fail(name, 'has parts that the export does not write, such as external data or functions');
}

/** A tensor's data must have its declared size, so that a small file cannot allocate gigabytes. */
function checkTensor(
  { name: tensor = '', dims = [], dataType, rawData }: Message<'Tensor'>,
  name: string,
): void {
  const dtype = Object.values(dtypes).find(({ code }) => code === dataType);
  const expected = dims.reduce((product, size) => product * size, dtype?.bytes ?? Number.NaN);
  if (rawData?.length === expected && dims.every((size) => size > 0)) return;
  fail(name, `tensor ${tensor.slice(0, 80)}: its data do not match its shape [${dims.slice(0, 8).join()}]`);
}

function fail(name: string, what: string): never {
  throw new TexturaError('model-unusable', `${name}: ${what}`);
}
