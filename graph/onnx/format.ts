/**
 * The part of the ONNX format that Textura writes and reads: messages, field numbers and wire types of
 * onnx.proto (github.com/onnx/onnx, proto2), and element types of tensors. The TypeScript types of the
 * messages are derived from it.
 */

/**
 * `[field number, wire type or message]`, and `repeated` if the field is a list. Fields are sorted by number.
 */
type FieldDescriptor = readonly [number: number, type: string, repetition?: 'repeated'];

export const onnxMessages = {
  Model: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    producerVersion: [3, 'string'],
    docString: [6, 'string'],
    graph: [7, 'Graph'],
    opsetImport: [8, 'OperatorSetId', 'repeated'],
    metadataProps: [14, 'StringStringEntry', 'repeated'],
  },
  Graph: {
    node: [1, 'Node', 'repeated'],
    name: [2, 'string'],
    initializer: [5, 'Tensor', 'repeated'],
    docString: [10, 'string'],
    input: [11, 'ValueInfo', 'repeated'],
    output: [12, 'ValueInfo', 'repeated'],
  },
  Node: {
    input: [1, 'string', 'repeated'],
    output: [2, 'string', 'repeated'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'Attribute', 'repeated'],
    domain: [7, 'string'],
  },
  Attribute: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'Tensor'],
    g: [6, 'Graph'],
    floats: [7, 'float', 'repeated'],
    ints: [8, 'int64', 'repeated'],
    type: [20, 'int32'],
  },
  Tensor: {
    dims: [1, 'int64', 'repeated'],
    dataType: [2, 'int32'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
  },
  ValueInfo: { name: [1, 'string'], type: [2, 'Type'], docString: [3, 'string'] },
  Type: { tensorType: [1, 'TensorType'] },
  TensorType: { elemType: [1, 'int32'], shape: [2, 'TensorShape'] },
  TensorShape: { dim: [1, 'Dimension', 'repeated'] },
  Dimension: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
  OperatorSetId: { domain: [1, 'string'], version: [2, 'int64'] },
  StringStringEntry: { key: [1, 'string'], value: [2, 'string'] },
} as const satisfies Record<string, Record<string, FieldDescriptor>>;

/** AttributeProto.AttributeType. */
export const attributeTypeCodes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
} as const;

export type MessageName = keyof typeof onnxMessages;

/**
 * JavaScript types of the wire types. 64-bit integers are numbers, because sizes and versions stay below
 * 2^53.
 */
interface ScalarTypes {
  int32: number;
  int64: number;
  float: number;
  string: string;
  bytes: Uint8Array;
}
export type ScalarName = keyof ScalarTypes;

type FieldValue<T> = T extends ScalarName ? ScalarTypes[T] : T extends MessageName ? Message<T> : never;

/** A message as a plain object; absent fields are omitted. */
export type Message<M extends MessageName> = {
  readonly [F in keyof (typeof onnxMessages)[M]]?: (typeof onnxMessages)[M][F] extends readonly [
    number,
    infer T,
    'repeated',
  ]
    ? readonly FieldValue<T>[]
    : (typeof onnxMessages)[M][F] extends readonly [number, infer T]
      ? FieldValue<T>
      : never;
};

/** Element types of tensors, with their TensorProto.DataType code and size. */
export const dtypes = {
  float32: { code: 1, bytes: 4 },
  uint8: { code: 2, bytes: 1 },
  int8: { code: 3, bytes: 1 },
  int32: { code: 6, bytes: 4 },
  int64: { code: 7, bytes: 8 },
  bool: { code: 9, bytes: 1 },
  float16: { code: 10, bytes: 2 },
  float64: { code: 11, bytes: 8 },
} as const satisfies Record<string, { code: number; bytes: number }>;

export type Dtype = keyof typeof dtypes;
