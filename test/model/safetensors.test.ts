import { expect, test } from 'vitest';
import { decodeTensors, encodeTensors, type StoredTensor } from '../../model/safetensors.ts';

const tensors = new Map<string, StoredTensor>([
  [
    'conv1.kernel',
    { shape: [2, 1, 1, 3], data: Float32Array.of(1, -2.5, 3e-38, Number.NaN, Number.POSITIVE_INFINITY, 0) },
  ],
  ['labels', { shape: [5], data: Int32Array.of(-1, 0, 1, 2, 2 ** 31 - 1) }],
  ['patches', { shape: [3, 1], data: Uint8Array.of(0, 128, 255) }],
  ['empty', { shape: [0, 4], data: new Float32Array(0) }],
]);
const file = encodeTensors({ tensors, metadata: { note: 'Größe "x"' } });

test('tensors and metadata round-trip in order', () => {
  const back = decodeTensors(file, 'x');
  expect([...back.tensors]).toEqual([...tensors]);
  expect(back.metadata).toEqual({ note: 'Größe "x"' });
});

test('the layout is that of the format: length, JSON header, then the values', () => {
  const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
  expect(headerBytes % 8).toBe(0);
  const header = JSON.parse(Buffer.from(file.subarray(8, 8 + headerBytes)).toString());
  expect(header['conv1.kernel']).toEqual({ dtype: 'F32', shape: [2, 1, 1, 3], data_offsets: [0, 24] });
  expect(header.labels.data_offsets).toEqual([24, 44]);
  expect(new DataView(file.buffer).getFloat32(8 + headerBytes + 4, true)).toBe(-2.5);
});

test('the same tensors give the same bytes', () => {
  expect(encodeTensors({ tensors, metadata: { note: 'Größe "x"' } })).toEqual(file);
});

test('a file at an odd offset of its buffer is read', () => {
  const shifted = new Uint8Array(file.length + 3);
  shifted.set(file, 3);
  expect([...decodeTensors(shifted.subarray(3), 'x').tensors]).toEqual([...tensors]);
});

test('every truncation is reported', () => {
  for (let length = 0; length < file.length; length += 7) {
    expect(() => decodeTensors(file.subarray(0, length), 'runs/a/model.safetensors')).toThrow(
      /^runs\/a\/model.safetensors: not a valid/,
    );
  }
});

test('a header with wrong sizes is reported', () => {
  const text = Buffer.from(file).toString('latin1').replace('[24,44]', '[24,40]');
  expect(() => decodeTensors(Buffer.from(text, 'latin1'), 'x')).toThrow(
    'labels: expected 20 bytes for I32 [5], got 16',
  );
});
