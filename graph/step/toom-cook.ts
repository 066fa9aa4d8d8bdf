/**
 * Short convolutions with few multiplications (Toom 1963, Cook 1966; for convolutional networks: Winograd 1980, and Lavin and
 * Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
 *
 * F(m, r) is the rule for m outputs of a correlation with r taps, y[i] = sum over j of g[j] d[i + j]. It reads n = m + r - 1 inputs
 * and needs n multiplications where the definition needs m r:
 *
 *     y = A' ((G g) * (B' d))        * value by value; A' is [m,n], G is [n,r], B' is [n,n]
 *
 * Where it comes from. A polynomial of degree below c is known by its values at c points; V_c is the matrix that evaluates, a row
 * [1, p, p^2, ...] for each of n - 1 points p, and [0, ..., 0, 1] for "infinity", which reads the highest coefficient. The product of
 * polynomials a (m coefficients) and g (r coefficients) has n, so it is V_n^-1 ((V_r g) * (V_m a)). For a fixed g that is a linear map of
 * a; its transpose is the correlation: A' = V_m', G = V_r, B' = V_n^-1'.
 *
 * By hand: F(2, 2) with the points 0, 1 and infinity is
 *
 *     y0 = g0 (d0 - d1) + (g0 + g1) d1                   A' = [1 1 0]   G = [1 0]   B' = [1 -1 0]
 *     y1 =                (g0 + g1) d1 + g1 (d2 - d1)         [0 1 1]       [1 1]        [0  1 0]
 *                                                                          [0 1]        [0 -1 1]
 *
 * In two dimensions the rule is applied to the columns and to the rows: n^2 multiplications for m^2 outputs of r^2 taps.
 */
import {
  absolute,
  divide,
  inverse,
  isGreater,
  multiply,
  one,
  power,
  type Rational,
  type RationalMatrix,
  rational,
  toNumber,
  transpose,
  zero,
} from './rational.ts';

/** The three matrices of F(m, r). `T` is a fraction where they are exact. */
export interface ToomCook<T = number> {
  /** Outputs of a tile, m. */
  readonly outputs: number;
  /** Taps of the kernel, r. */
  readonly taps: number;
  /** Inputs of a tile and multiplications, n = m + r - 1. */
  readonly inputs: number;
  /** A', `[m,n]`. */
  readonly output: readonly (readonly T[])[];
  /** G, `[n,r]`. */
  readonly kernel: readonly (readonly T[])[];
  /** B', `[n,n]`. */
  readonly input: readonly (readonly T[])[];
}

/** Small and in pairs of opposite sign: their powers stay near one, which keeps rounding errors small. */
const points: readonly Rational[] = [
  rational(0),
  rational(1),
  rational(-1),
  rational(2),
  rational(-2),
  rational(1, 2),
  rational(-1, 2),
];

/** The most inputs that a tile may have: one for each point, one for infinity. */
export const mostTileInputs = points.length + 1;

/** F(`outputs`, `taps`) in fractions, n = outputs + taps - 1 at most `mostTileInputs`. */
export function exactToomCook(outputs: number, taps: number): ToomCook<Rational> {
  const inputs = outputs + taps - 1;
  const finite = points.slice(0, inputs - 1);
  const evaluation = (coefficients: number): RationalMatrix => [
    ...finite.map((point) => Array.from({ length: coefficients }, (_, i) => power(point, i))),
    Array.from({ length: coefficients }, (_, i) => (i === coefficients - 1 ? one : zero)),
  ];
  const unscaled = transpose(inverse(evaluation(inputs)));
  // What scales a row of B' down scales the same row of G up: the transformed inputs stay as large as the inputs.
  const scales = unscaled.map((row) => row.map(absolute).reduce((a, b) => (isGreater(b, a) ? b : a)));
  return {
    outputs,
    taps,
    inputs,
    output: transpose(evaluation(outputs)),
    kernel: evaluation(taps).map((row, i) => row.map((value) => multiply(value, scales[i] as Rational))),
    input: unscaled.map((row, i) => row.map((value) => divide(value, scales[i] as Rational))),
  };
}

/** The same matrices, each entry rounded to float64 once. */
export function toomCook(outputs: number, taps: number): ToomCook {
  const { output, kernel, input, ...sizes } = exactToomCook(outputs, taps);
  const rounded = (matrix: RationalMatrix) => matrix.map((row) => row.map(toNumber));
  return { ...sizes, output: rounded(output), kernel: rounded(kernel), input: rounded(input) };
}

/**
 * By how much F(m, r) in two dimensions enlarges rounding errors against the plain sum of r^2 products, as standard deviations: where
 * inputs and taps are independent with variance one and every product is off by a relative error of its own,
 *
 *     one dimension    variance = max over i of  sum over k of  A'[i,k]^2 |G[k]|^2 |B'[k]|^2, against r
 *     two dimensions   the square of it, whose root is the ratio returned here
 *
 * What is measured is smaller, since sums over channels average it: 2.2 for F(4,5), 3.4 for F(5,4), 1.2 for F(2,4).
 */
export function errorGrowth({ output, kernel, input, taps }: ToomCook): number {
  const square = (row: readonly number[] = []) => row.reduce((sum, value) => sum + value ** 2, 0);
  const variances = output.map((row) =>
    row.reduce((sum, a, k) => sum + a ** 2 * square(kernel[k]) * square(input[k]), 0),
  );
  return Math.max(...variances) / taps;
}
