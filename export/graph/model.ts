/** A built graph as the bytes of an ONNX file, and what an ONNX file says about itself. */
import { TexturaError } from '../../model/error.ts';
import type { Graph, GraphNode, Initializer } from './graph.ts';
import { attributeTypeCodes, type Message } from './onnx-messages.ts';
import { type AttributeType, attributeTypesOf } from './operator.ts';
import { irVersions } from './opset.ts';
import { decodeMessage, encodeMessage } from './protobuf.ts';
import { type Dtype, dtypes, type Tensor } from './tensor.ts';
import type { Dimension, Value } from './value.ts';

export interface ModelStamp {
  readonly producerName: string;
  readonly producerVersion: string;
  /** metadata_props, in order. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The bytes of an ONNX file: the lowest IR version of the opset, weights inside. The same graph gives the same bytes. */
export function encodeModel(
  graph: Graph,
  { producerName, producerVersion, metadata }: ModelStamp,
): Uint8Array {
  const { nodes, initializers, inputs, outputs } = graph.content();
  return encodeMessage('Model', {
    irVersion: irVersions[graph.opset],
    producerName,
    producerVersion,
    graph: {
      node: nodes.map(nodeMessage),
      name: graph.name,
      initializer: initializers.map(initializerMessage),
      input: inputs.map(valueMessage),
      output: outputs.map(valueMessage),
    },
    opsetImport: [{ domain: '', version: graph.opset }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
}

/** What a file says about itself. */
export interface ModelDescription {
  readonly irVersion: number;
  /** Version of each operator domain; ai.onnx is `''`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names of the operators in it, each once, sorted. */
  readonly operators: readonly string[];
  readonly inputs: readonly DescribedValue[];
  readonly outputs: readonly DescribedValue[];
}

export interface DescribedValue {
  readonly name: string;
  /** Undefined for element types that are not used here. */
  readonly dtype: Dtype | undefined;
  readonly shape: readonly Dimension[];
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
    // Files of IR version 3 list their weights among the inputs.
    inputs: (graph.input ?? []).filter(({ name }) => !initialized.has(name)).map(describedValue),
    outputs: (graph.output ?? []).map(describedValue),
  };
}

function nodeMessage({ name, operator, inputs, outputs, attributes }: GraphNode): Message<'Node'> {
  const types = attributeTypesOf(operator);
  return {
    input: inputs.map((input) => input.name),
    output: outputs.map((output) => output.name),
    name,
    opType: operator,
    attribute: Object.entries(types).flatMap(([attribute, type]) => {
      const value = attributes[attribute];
      return value === undefined ? [] : [attributeMessage(attribute, type, value)];
    }),
  };
}

const attributeEncoders: { readonly [T in AttributeType]: (value: unknown) => Message<'Attribute'> } = {
  int: (value) => ({ i: value as number, type: attributeTypeCodes.int }),
  float: (value) => ({ f: value as number, type: attributeTypeCodes.float }),
  string: (value) => ({ s: new TextEncoder().encode(value as string), type: attributeTypeCodes.string }),
  ints: (value) => ({ ints: value as readonly number[], type: attributeTypeCodes.ints }),
  floats: (value) => ({ floats: value as readonly number[], type: attributeTypeCodes.floats }),
  tensor: (value) => ({ t: tensorMessage(value as Tensor), type: attributeTypeCodes.tensor }),
  dtype: (value) => ({ i: dtypes[value as Dtype].code, type: attributeTypeCodes.int }),
};

function attributeMessage(name: string, type: AttributeType, value: unknown): Message<'Attribute'> {
  return { name, ...attributeEncoders[type](value) };
}

function initializerMessage({ name, tensor }: Initializer): Message<'Tensor'> {
  return { ...tensorMessage(tensor), name };
}

function tensorMessage({ dtype, shape, bytes }: Tensor): Message<'Tensor'> {
  return { dims: shape, dataType: dtypes[dtype].code, rawData: bytes };
}

function valueMessage({ name, dtype, shape }: Value): Message<'ValueInfo'> {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: dtypes[dtype].code, shape: { dim } } } };
}

function describedValue({ name = '', type }: Message<'ValueInfo'>): DescribedValue {
  const { elemType, shape } = type?.tensorType ?? {};
  const dtype = (Object.keys(dtypes) as Dtype[]).find((candidate) => dtypes[candidate].code === elemType);
  const sizes = (shape?.dim ?? []).map(({ dimValue, dimParam = '?' }): Dimension => dimValue ?? dimParam);
  return { name, dtype, shape: sizes };
}
