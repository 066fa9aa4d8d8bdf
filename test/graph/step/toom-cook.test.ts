import { describe, expect, test } from 'vitest';
import {
  add,
  errorGrowth,
  exactToomCook,
  inverse,
  mostTileInputs,
  multiply,
  type Rational,
  rational,
  toNumber,
  toomCook,
  zero,
} from '../../../graph/step/toom-cook.ts';

function dot(a: readonly Rational[], b: readonly Rational[]): Rational {
  return a.reduce((sum, value, i) => add(sum, multiply(value, b[i] ?? zero)), zero);
}

const rules = [2, 3, 4, 5].flatMap((kernelSize) =>
  Array.from({ length: mostTileInputs - kernelSize }, (_, i) => ({ outputs: i + 2, kernelSize })),
);

describe('fractions', () => {
  test('are stored in lowest terms with a positive denominator', () => {
    expect(rational(6, -4)).toEqual({ numerator: -3n, denominator: 2n });
    expect(add(rational(1, 6), rational(1, 3))).toEqual(rational(1, 2));
    expect(toNumber(rational(-7, 8))).toBe(-0.875);
  });

  test('invert a matrix whose first pivot is zero', () => {
    const matrix = [
      [0, 2, 1],
      [1, 0, 3],
      [2, 1, 0],
    ].map((row) => row.map((value) => rational(value)));
    const inverted = inverse(matrix);
    const identity = matrix.map((row) =>
      [0, 1, 2].map((j) =>
        toNumber(
          dot(
            row,
            inverted.map((other) => other[j] ?? zero),
          ),
        ),
      ),
    );
    expect(identity).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });
});

describe('a short convolution', () => {
  test('has points for tiles of 3 to 8 inputs only', () => {
    expect(mostTileInputs).toBe(8);
    expect(() => exactToomCook(7, 3)).toThrow('no points for 9 inputs');
  });

  test('F(2, 2) equals the example computed by hand', () => {
    const { output, kernel, input } = toomCook(2, 2);
    expect(output).toEqual([
      [1, 1, 0],
      [0, 1, 1],
    ]);
    expect(kernel).toEqual([
      [1, 0],
      [1, 1],
      [0, 1],
    ]);
    expect(input).toEqual([
      [1, -1, 0],
      [0, 1, 0],
      [0, -1, 1],
    ]);
  });

  test.each(rules)(
    'F($outputs, $kernelSize) is exact: every pair of a kernel value and an input counts once',
    ({ outputs, kernelSize }) => {
      const { output, kernel, input, inputs } = exactToomCook(outputs, kernelSize);
      for (let i = 0; i < outputs; i++) {
        for (let tap = 0; tap < kernelSize; tap++) {
          for (let at = 0; at < inputs; at++) {
            const terms = kernel.map((row, k) => multiply(row[tap] ?? zero, input[k]?.[at] ?? zero));
            expect(dot(output[i] ?? [], terms)).toEqual(rational(at === i + tap ? 1 : 0));
          }
        }
      }
    },
  );

  test.each(rules)(
    'F($outputs, $kernelSize) preserves the magnitude of what it transforms',
    ({ outputs, kernelSize }) => {
      const largest = toomCook(outputs, kernelSize).input.map((row) => Math.max(...row.map(Math.abs)));
      expect(largest).toEqual(largest.map(() => 1));
    },
  );

  test('has larger rounding errors with larger tiles', () => {
    expect(errorGrowth(toomCook(4, 5))).toBeCloseTo(29.75, 2);
    expect(errorGrowth(toomCook(5, 4))).toBeCloseTo(35.94, 2);
    expect(errorGrowth(toomCook(2, 4))).toBeCloseTo(4, 1);
    expect(errorGrowth(toomCook(4, 3))).toBeCloseTo(7.1, 1);
    expect(errorGrowth(toomCook(5, 3))).toBeCloseTo(27.8, 1);
    expect(errorGrowth(toomCook(6, 3))).toBeCloseTo(46.3, 1);
  });
});
