import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { networkOf } from '../../model/network.ts';
import { checkParameters, initialParameters, parameter } from '../../model/parameters.ts';

const reference = networkOf('reference', 7);

function hashOf(seed: number): string {
  const hash = createHash('sha256');
  for (const values of initialParameters(reference, seed).values()) hash.update(values);
  return hash.digest('hex');
}

test('the seed decides the initial values', () => {
  expect(hashOf(1)).toBe(hashOf(1));
  expect(hashOf(1)).not.toBe(hashOf(2));
});

test('kernels start normal with He deviation, the classifier small, biases at zero', () => {
  const values = initialParameters(reference, 3);
  const deviation = (name: string) => {
    const data = parameter(values, name);
    return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
  };
  expect(deviation('conv3.kernel') / Math.sqrt(2 / (50 * 16))).toBeCloseTo(1, 2);
  expect(deviation('conv2.kernel') / Math.sqrt(2 / (20 * 25))).toBeCloseTo(1, 1);
  expect(deviation('conv5.kernel') / 0.01).toBeCloseTo(1, 1);
  expect(deviation('conv2.bias')).toBe(0);
});

test("variants have the reference's initial values in common layers", () => {
  const expected = initialParameters(reference, 11);
  for (const name of ['no-relu1', 'no-conv4-pool4'] as const) {
    for (const [parameterName, values] of initialParameters(networkOf(name, 7), 11)) {
      // Compared as bytes: a matcher's walk over four million numbers takes minutes.
      const same = Buffer.from(values.buffer).equals(Buffer.from(parameter(expected, parameterName).buffer));
      expect(same, `${name} ${parameterName}`).toBe(true);
    }
  }
});

test('a parameter of the wrong size, a missing one and an unknown one are reported', () => {
  const values = new Map(initialParameters(reference, 1));
  values.set('conv2.kernel', new Float32Array(24_000));
  expect(() => checkParameters(reference, values, 'a.safetensors')).toThrow(
    'a.safetensors: conv2.kernel: expected [50,20,5,5] (25,000 values) in reference of this version of Textura, got 24,000',
  );
  values.delete('conv2.kernel');
  expect(() => checkParameters(reference, values, 'a')).toThrow(
    'conv2.kernel: expected [50,20,5,5] (25,000 values) in reference of this version of Textura, got 0',
  );
  const more = new Map(initialParameters(reference, 1)).set('conv9.bias', new Float32Array(1));
  expect(() => checkParameters(reference, more, 'a')).toThrow('network reference has no conv9.bias');
});

test('a kernel before a batch normalisation starts with a sixth of the variance', () => {
  const variance = (values: Float32Array | undefined) =>
    [...(values ?? [])].reduce((sum, value) => sum + value ** 2, 0) / (values?.length ?? 0);
  const plain = initialParameters(networkOf('reference', 5), 2).get('conv3.kernel');
  const normalised = initialParameters(networkOf('reference', 5, { batchNorm: true }), 2);
  expect(variance(plain) / variance(normalised.get('conv3.kernel'))).toBeCloseTo(6, 4);
  expect([...(normalised.get('norm3.scale') ?? [])].every((value) => value === 1)).toBe(true);
  expect([...(normalised.get('norm3.variance') ?? [])].every((value) => value === 1)).toBe(true);
});
