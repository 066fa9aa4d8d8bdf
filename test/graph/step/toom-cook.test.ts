import { describe, expect, test } from 'vitest';
import { errorGrowth, mostTileInputs, toomCook } from '../../../graph/step/toom-cook.ts';

const rules = [2, 3, 4, 5].flatMap((kernelSize) =>
  Array.from({ length: mostTileInputs - kernelSize }, (_, i) => ({ outputs: i + 2, kernelSize })),
);

describe('a short convolution', () => {
  test('has points for tiles of 3 to 9 inputs only', () => {
    expect(mostTileInputs).toBe(9);
    expect(() => toomCook(8, 3)).toThrow('no points for 10 inputs');
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
    'F($outputs, $kernelSize) counts every pair of a kernel value and an input once',
    ({ outputs, kernelSize }) => {
      const { output, kernel, input, inputs } = toomCook(outputs, kernelSize);
      for (let i = 0; i < outputs; i++) {
        for (let tap = 0; tap < kernelSize; tap++) {
          for (let at = 0; at < inputs; at++) {
            const terms = kernel.map(
              (row, k) => (output[i]?.[k] ?? 0) * (row[tap] ?? 0) * (input[k]?.[at] ?? 0),
            );
            const counted = terms.reduce((sum, term) => sum + term, 0);
            const largest = Math.max(...terms.map(Math.abs));
            expect(Math.abs(counted - (at === i + tap ? 1 : 0))).toBeLessThanOrEqual(1e-14 * largest);
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
    const growth = (outputs: number, kernelSize: number) => {
      const rule = toomCook(outputs, kernelSize);
      return errorGrowth(rule, rule);
    };
    expect(growth(4, 5)).toBeCloseTo(29.75, 2);
    expect(growth(5, 4)).toBeCloseTo(35.94, 2);
    expect(growth(2, 4)).toBeCloseTo(4, 1);
    expect(growth(4, 3)).toBeCloseTo(7.1, 1);
    expect(growth(5, 3)).toBeCloseTo(27.8, 1);
    expect(growth(6, 3)).toBeCloseTo(46.3, 1);
    // Seven rows and four columns: the geometric mean of 168.9 and 7.1.
    expect(errorGrowth(toomCook(7, 3), toomCook(4, 3))).toBeCloseTo(34.7, 1);
  });
});
