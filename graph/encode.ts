/** Encodes a graph as an ONNX file. */
import type { ModelDocs, Opset } from '../model/model-file.ts';
import type { Graph, GraphContent, GraphNode, Initializer } from './builder.ts';
import { attributeTypeCodes, type Dtype, dtypes, type Message } from './onnx/format.ts';
import { encodeMessage } from './onnx/protobuf.ts';
import { type AttributeType, attributeTypesOf } from './operator.ts';
import type { Value } from './value.ts';

/**
 * The lowest IR version for each opset of ai.onnx, so that older runtimes can load the file (onnx.ai, "ONNX
 * Versioning", released versions: 1.8 to 1.16).
 */
export const irVersions: { readonly [V in Opset]: number } = {
  13: 7,
  14: 7,
  15: 8,
  16: 8,
  17: 8,
  18: 8,
  19: 9,
  20: 9,
  21: 10,
};

export interface ModelStamp {
  readonly producerName: string;
  readonly producerVersion: string;
  /** metadata_props, in this order. */
  readonly metadata: Readonly<Record<string, string>>;
  /** doc_string of the model, of its graph, and of inputs and outputs by name; others have none. */
  readonly docs?: ModelDocs;
}

/**
 * The bytes of an ONNX file with the weights inside, in the lowest IR version of the opset. The same graph
 * gives the same bytes.
 */
export function encodeModel(
  graph: Graph,
  { producerName, producerVersion, metadata, docs }: ModelStamp,
): Uint8Array {
  return encodeMessage('Model', {
    irVersion: irVersions[graph.opset],
    producerName,
    producerVersion,
    ...docField(docs?.model),
    graph: { ...graphMessage(graph.name, graph.content(), docs), ...docField(docs?.graph) },
    opsetImport: [{ domain: '', version: graph.opset }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
}

function graphMessage(
  name: string,
  { nodes, initializers, inputs, outputs }: GraphContent,
  docs?: ModelDocs,
): Message<'Graph'> {
  return {
    node: nodes.map(nodeMessage),
    name,
    initializer: initializers.map(initializerMessage),
    input: inputs.map((value) => valueMessage(value, docs)),
    output: outputs.map((value) => valueMessage(value, docs)),
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
  string: (value) => ({ s: new TextEncoder().encode(value as string), type: attributeTypeCodes.string }),
  ints: (value) => ({ ints: value as readonly number[], type: attributeTypeCodes.ints }),
  graph: (value) => ({ g: graphMessage('body', value as GraphContent), type: attributeTypeCodes.graph }),
  dtype: (value) => ({ i: dtypes[value as Dtype].code, type: attributeTypeCodes.int }),
};

function attributeMessage(name: string, type: AttributeType, value: unknown): Message<'Attribute'> {
  return { name, ...attributeEncoders[type](value) };
}

function initializerMessage({ name, tensor }: Initializer): Message<'Tensor'> {
  return { dims: tensor.shape, dataType: dtypes[tensor.dtype].code, name, rawData: tensor.bytes };
}

function valueMessage({ name, dtype, shape }: Value, docs: ModelDocs | undefined): Message<'ValueInfo'> {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return {
    name,
    type: { tensorType: { elemType: dtypes[dtype].code, shape: { dim } } },
    ...docField(docs?.values[name]),
  };
}

function docField(docString: string | undefined): { readonly docString?: string } {
  return docString === undefined ? {} : { docString };
}
