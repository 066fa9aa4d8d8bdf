/**
 * Reads the description of an ONNX file: versions, operators, inputs and outputs, metadata. JavaScript's
 * onnxruntime does not expose the metadata, so it is read from the bytes.
 */
import { TexturaError } from '../../model/error.ts';
import { type Dtype, dtypes, type Message } from './format.ts';
import { decodeMessage } from './protobuf.ts';

export interface ModelDescription {
  readonly irVersion: number;
  /** Version of each operator domain; ai.onnx is `''`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Unique names of the operators in the file, sorted. */
  readonly operators: readonly string[];
  readonly inputs: readonly DescribedValue[];
  readonly outputs: readonly DescribedValue[];
}

export interface DescribedValue {
  readonly name: string;
  /** Undefined for element types that Textura does not use. */
  readonly dtype: Dtype | undefined;
  readonly shape: readonly (number | string)[];
}

/** Reads an ONNX file without running it. Errors: `model-unusable`, naming `where`. */
export function describeModel(bytes: Uint8Array, where: string): ModelDescription {
  const model = decodeMessage('Model', bytes, where);
  const { graph } = model;
  if (graph === undefined || model.irVersion === undefined) {
    throw new TexturaError('model-unusable', `${where}: not an ONNX file: it has no graph`);
  }
  const initialized = new Set(graph.initializer?.map(({ name }) => name));
  return {
    irVersion: model.irVersion,
    opsets: Object.fromEntries(
      (model.opsetImport ?? []).map(({ domain = '', version = 0 }) => [domain, version]),
    ),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    metadata: Object.fromEntries((model.metadataProps ?? []).map(({ key = '', value = '' }) => [key, value])),
    operators: [...new Set((graph.node ?? []).map(({ opType = '' }) => opType))].sort(),
    // Files of IR version 3 also list their weights as inputs.
    inputs: (graph.input ?? []).filter(({ name }) => !initialized.has(name)).map(describedValue),
    outputs: (graph.output ?? []).map(describedValue),
  };
}

function describedValue({ name = '', type }: Message<'ValueInfo'>): DescribedValue {
  const { elemType, shape } = type?.tensorType ?? {};
  const dtype = (Object.keys(dtypes) as Dtype[]).find((candidate) => dtypes[candidate].code === elemType);
  const sizes = (shape?.dim ?? []).map(({ dimValue, dimParam = '?' }) => dimValue ?? dimParam);
  return { name, dtype, shape: sizes };
}
