import { describe, expect, test } from 'vitest';
import { onnxMessages } from '../../../graph/onnx/format.ts';
import { decodeMessage, encodeMessage } from '../../../graph/onnx/protobuf.ts';

describe('messages', () => {
  test('round-trip, including negative and large numbers and empty texts', () => {
    const model = {
      irVersion: 8,
      producerName: '',
      graph: {
        node: [
          {
            input: ['x', '', 'z'],
            opType: 'Softmax',
            attribute: [
              { name: 'axis', i: -1, type: 2 },
              { name: 'alpha', f: 0.5, type: 1 },
              { name: 'pads', ints: [0, -3, 2 ** 40], type: 7 },
              { name: 'mode', s: Uint8Array.of(0xc3, 0xa9), type: 3 },
            ],
          },
        ],
        initializer: [{ dims: [0, 2], dataType: 1, name: 'größe', rawData: Uint8Array.of(1, 2, 255) }],
      },
      opsetImport: [{ domain: '', version: 17 }],
    };
    expect(decodeMessage('Model', encodeMessage('Model', model), 'a test')).toEqual(model);
  });

  test('have the bytes of the examples in the protobuf documentation', () => {
    // protobuf.dev, "Encoding": field 1 with the varint 150 is 08 96 01, field 2 with the text "testing" is
    // 12 07 and its bytes.
    const bytes = Uint8Array.of(0x08, 0x96, 0x01, 0x12, 0x07, ...new TextEncoder().encode('testing'));
    expect([...encodeMessage('Model', { irVersion: 150, producerName: 'testing' })]).toEqual([...bytes]);
    expect(decodeMessage('Model', bytes, 'a test')).toEqual({ irVersion: 150, producerName: 'testing' });
  });

  test('can contain unknown fields and packed lists', () => {
    // Field 16 (two bytes of tag) is unknown; field 8, ints, is packed: 3 and 300.
    const bytes = Uint8Array.of(0x82, 0x01, 0x01, 0x7a, 0x42, 0x03, 0x03, 0xac, 0x02, 0x40, 0x05);
    expect(decodeMessage('Attribute', bytes, 'a test')).toEqual({ ints: [3, 300, 5] });
  });

  test.each([
    ['a text that is no model', new TextEncoder().encode('this is not an ONNX file')],
    ['a field that ends past the file', Uint8Array.of(0x12, 0x20, 0x61)],
    ['a message that ends past the file', Uint8Array.of(0x3a, 0x20, 0x12)],
    ['a number instead of a text', Uint8Array.of(0x10, 0x01)],
  ])('are refused with the name of their file: %s', (_, bytes) => {
    expect(() => decodeMessage('Model', bytes, 'some.onnx')).toThrow(/some\.onnx: not a valid ONNX file/);
  });

  test.each(Object.entries(onnxMessages))('%s has its fields sorted by number', (_, fields) => {
    const numbers = Object.values(fields).map(([number]) => number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});
