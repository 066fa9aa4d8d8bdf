import { expect, test } from 'vitest';
import { modelParameters } from '../../../graph/onnx/initializers.ts';
import { encodeMessage } from '../../../graph/onnx/protobuf.ts';
import type { Network } from '../../../model/network.ts';

const network: Network = {
  name: 'linear',
  classes: 3,
  layers: [
    { kind: 'convolution', name: 'linear', kernelPx: 1, filters: 3 },
    { kind: 'globalAverage', name: 'average' },
  ],
};

/** A file with the values of the network, in an element type. */
function fileOf(dataType: number, bytesOf: (values: readonly number[]) => Uint8Array): Uint8Array {
  const tensor = (name: string, dims: readonly number[], values: readonly number[]) => ({
    name,
    dims,
    dataType,
    rawData: bytesOf(values),
  });
  const initializer = [
    tensor('linear.kernel', [3, 1, 1, 1], [0.5, -2, 8]),
    tensor('linear.bias', [3], [1, 2, 3]),
  ];
  return encodeMessage('Model', { irVersion: 8, graph: { initializer } });
}

test('the values of a file are those of its float32 initializers', () => {
  const file = fileOf(1, (values) => new Uint8Array(Float32Array.from(values).buffer));
  expect([...modelParameters(file, network, 'file')]).toEqual([
    ['linear.kernel', Float32Array.of(0.5, -2, 8)],
    ['linear.bias', Float32Array.of(1, 2, 3)],
  ]);
});

test('float16 values, whose bytes may be no multiple of four, are reported by name', () => {
  const halves = fileOf(10, (values) => new Uint8Array(2 * values.length));
  expect(() => modelParameters(halves, network, 'half.onnx')).toThrow(
    expect.objectContaining({
      code: 'file-damaged',
      message: 'half.onnx: linear.kernel: expected float32 values',
    }),
  );
});
