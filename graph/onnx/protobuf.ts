/**
 * Encodes and decodes the messages of `format.ts` with protobufjs's writer and reader. Its reflection
 * generates code at run time, which a content security policy forbids; this module interprets the tables in
 * `format.ts` instead.
 */
import protobuf from 'protobufjs/minimal.js';
import { TexturaError } from '../../model/error.ts';
import { type Message, type MessageName, onnxMessages, type ScalarName } from './format.ts';

interface Field {
  readonly name: string;
  readonly number: number;
  readonly type: ScalarName | MessageName;
  readonly repeated: boolean;
}

interface ScalarCodec {
  readonly wireType: 0 | 2 | 5;
  write(writer: protobuf.Writer, value: unknown): void;
  read(reader: protobuf.Reader): unknown;
}

const varint = 0;
const lengthDelimited = 2;
const fixed32 = 5;

const scalars: { readonly [S in ScalarName]: ScalarCodec } = {
  int32: {
    wireType: varint,
    write: (writer, value) => writer.int32(value as number),
    read: (reader) => reader.int32(),
  },
  int64: {
    wireType: varint,
    write: (writer, value) => writer.int64(value as number),
    read: (reader) => Number(reader.int64()),
  },
  float: {
    wireType: fixed32,
    write: (writer, value) => writer.float(value as number),
    read: (reader) => reader.float(),
  },
  string: {
    wireType: lengthDelimited,
    write: (writer, value) => writer.string(value as string),
    read: (reader) => reader.string(),
  },
  bytes: {
    wireType: lengthDelimited,
    write: (writer, value) => writer.bytes(value as Uint8Array),
    read: (reader) => reader.bytes(),
  },
};

/**
 * Encodes a message: fields sorted by number, lists unpacked as in proto2. The same message gives the same
 * bytes.
 */
export function encodeMessage<M extends MessageName>(type: M, message: Message<M>): Uint8Array {
  const writer = new protobuf.Writer();
  writeMessage(writer, type, message as Readonly<Record<string, unknown>>);
  return writer.finish();
}

/**
 * Decodes a message. Unknown fields are skipped. Byte fields are views of `bytes`.
 * Errors: `model-unusable`, naming `where`.
 */
export function decodeMessage<M extends MessageName>(type: M, bytes: Uint8Array, where: string): Message<M> {
  try {
    const reader = new protobuf.Reader(bytes);
    return readMessage(reader, type, bytes.length) as Message<M>;
  } catch (cause) {
    throw new TexturaError('model-unusable', `${where}: not a valid ONNX file`, { cause });
  }
}

function fieldsOf(type: MessageName): readonly Field[] {
  return Object.entries(onnxMessages[type]).map(([name, [number, fieldType, repetition]]) => ({
    name,
    number,
    type: fieldType,
    repeated: repetition === 'repeated',
  }));
}

function isScalar(type: ScalarName | MessageName): type is ScalarName {
  return type in scalars;
}

function writeMessage(
  writer: protobuf.Writer,
  type: MessageName,
  message: Readonly<Record<string, unknown>>,
): void {
  for (const field of fieldsOf(type)) {
    const value = message[field.name];
    if (value === undefined) continue;
    for (const item of field.repeated ? (value as readonly unknown[]) : [value])
      writeField(writer, field, item);
  }
}

function writeField(writer: protobuf.Writer, { number, type }: Field, value: unknown): void {
  if (isScalar(type)) {
    const { wireType, write } = scalars[type];
    write(writer.uint32((number << 3) | wireType), value);
    return;
  }
  writer.uint32((number << 3) | lengthDelimited).fork();
  writeMessage(writer, type, value as Readonly<Record<string, unknown>>);
  writer.ldelim();
}

function readMessage(reader: protobuf.Reader, type: MessageName, end: number): Record<string, unknown> {
  const fields = new Map(fieldsOf(type).map((field) => [field.number, field]));
  const message: Record<string, unknown> = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = fields.get(tag >>> 3);
    if (field === undefined) reader.skipType(tag & 7);
    else readField(reader, field, tag & 7, message);
  }
  if (reader.pos !== end) throw new RangeError(`${type} ends at ${reader.pos} instead of ${end}`);
  return message;
}

function readField(
  reader: protobuf.Reader,
  field: Field,
  wireType: number,
  message: Record<string, unknown>,
): void {
  const values = readValues(reader, field.type, wireType);
  if (!field.repeated) {
    message[field.name] = values.at(-1);
    return;
  }
  const all = (message[field.name] ?? []) as unknown[];
  for (const value of values) all.push(value);
  message[field.name] = all;
}

/** One value, or all values of a packed list, which a reader must accept for every repeated number. */
function readValues(reader: protobuf.Reader, type: ScalarName | MessageName, wireType: number): unknown[] {
  if (!isScalar(type)) {
    expectWireType(wireType, lengthDelimited);
    const bytes = reader.uint32();
    return [readMessage(reader, type, endOf(reader, bytes))];
  }
  const codec = scalars[type];
  if (wireType !== lengthDelimited || codec.wireType === lengthDelimited) {
    expectWireType(wireType, codec.wireType);
    return [codec.read(reader)];
  }
  const values: unknown[] = [];
  const bytes = reader.uint32();
  for (const end = endOf(reader, bytes); reader.pos < end; ) values.push(codec.read(reader));
  return values;
}

function endOf(reader: protobuf.Reader, bytes: number): number {
  const end = reader.pos + bytes;
  if (end > reader.len) throw new RangeError(`a field ends at ${end}, the file at ${reader.len}`);
  return end;
}

function expectWireType(got: number, expected: number): void {
  if (got !== expected) throw new RangeError(`expected wire type ${expected}, got ${got}`);
}
