/**
 * Computes the matrices of fast short convolutions (Toom 1963, Cook 1966; for convolutional networks:
 * Winograd 1980, and Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
 *
 * F(m, r) computes m outputs of a correlation with a kernel of r values, y[i] = sum over j of g[j] d[i + j].
 * It reads n = m + r - 1 inputs and needs n multiplications, where the definition needs m r:
 *
 *     y = A' ((G g) * (B' d))        * is elementwise; A' is [m,n], G is [n,r], B' is [n,n]
 *
 * Derivation. The values at c points determine a polynomial of degree below c. V_c is the matrix that
 * evaluates it: a row [1, p, p^2, ...] for each of n - 1 points p, and [0, ..., 0, 1] for "infinity", which
 * selects the highest coefficient. The product of polynomials a (m coefficients) and g (r coefficients) has n
 * coefficients, so it is V_n^-1 ((V_r g) * (V_m a)). For a fixed g this is a linear map of a, and its
 * transpose is the correlation: A' = V_m', G = V_r, B' = V_n^-1'.
 *
 * By hand: F(2, 2) with the points 0, 1 and infinity is
 *
 *     y0 = g0 (d0 - d1) + (g0 + g1) d1                   A' = [1 1 0]   G = [1 0]   B' = [1 -1 0]
 *     y1 =                (g0 + g1) d1 + g1 (d2 - d1)         [0 1 1]       [1 1]        [0  1 0]
 *                                                                          [0 1]        [0 -1 1]
 *
 * In two dimensions the algorithm is applied to columns and rows: n^2 multiplications for m^2 outputs of an r
 * x r kernel.
 */
import { graphFault } from '../value.ts';

/** The three matrices of F(m, r). `T` is `Rational` for exact matrices. */
export interface ToomCook<T = number> {
  /** Outputs of a tile, m. */
  readonly outputs: number;
  /** Values of the kernel, r. */
  readonly kernelSize: number;
  /** Inputs of a tile and multiplications, n = m + r - 1. */
  readonly inputs: number;
  /** A', `[m,n]`. */
  readonly output: readonly (readonly T[])[];
  /** G, `[n,r]`. */
  readonly kernel: readonly (readonly T[])[];
  /** B', `[n,n]`. */
  readonly input: readonly (readonly T[])[];
}

export const zero = rational(0);
const one = rational(1);

/**
 * The finite points for n inputs. For each n they are, of the fractions between 1/4 and 4 with denominators of 5 at
 * most, those with about the smallest `errorGrowth`: values near one, at a distance from each other.
 */
const pointsOf: ReadonlyMap<number, readonly Rational[]> = new Map([
  [3, [zero, one]],
  [4, [zero, ...pair(1)]],
  [5, [zero, rational(-1), rational(1, 2), rational(2)]],
  [6, [zero, ...pair(2, 3), ...pair(3, 2)]],
  [7, [zero, ...pair(1), ...pair(5, 3), rational(1, 3)]],
  [8, [zero, ...pair(1), ...pair(2), ...pair(1, 2)]],
]);

/** A fraction and its opposite. */
function pair(numerator: number, denominator = 1): readonly Rational[] {
  return [rational(numerator, denominator), rational(-numerator, denominator)];
}

/** Maximum inputs of a tile. */
export const mostTileInputs = Math.max(...pointsOf.keys());

/** F(`outputs`, `kernelSize`) in fractions, n = outputs + kernelSize - 1 from 3 to `mostTileInputs`. */
export function exactToomCook(outputs: number, kernelSize: number): ToomCook<Rational> {
  const inputs = outputs + kernelSize - 1;
  const finite = pointsOf.get(inputs);
  if (finite === undefined) throw graphFault(`no points for ${inputs} inputs`);
  const evaluation = (coefficients: number): RationalMatrix => [
    ...finite.map((point) => Array.from({ length: coefficients }, (_, i) => power(point, i))),
    Array.from({ length: coefficients }, (_, i) => (i === coefficients - 1 ? one : zero)),
  ];
  const unscaled = transpose(inverse(evaluation(inputs)));
  // A factor scales a row of B' down and the same row of G up, so that transformed inputs stay as large as
  // inputs.
  const scales = unscaled.map((row) => row.map(absolute).reduce((a, b) => (isGreater(b, a) ? b : a)));
  return {
    outputs,
    kernelSize,
    inputs,
    output: transpose(evaluation(outputs)),
    kernel: evaluation(kernelSize).map((row, i) =>
      row.map((value) => multiply(value, scales[i] as Rational)),
    ),
    input: unscaled.map((row, i) => row.map((value) => divide(value, scales[i] as Rational))),
  };
}

/** The same matrices, each entry rounded to float64 once. */
export function toomCook(outputs: number, kernelSize: number): ToomCook {
  const { output, kernel, input, ...sizes } = exactToomCook(outputs, kernelSize);
  const rounded = (matrix: RationalMatrix) => matrix.map((row) => row.map(toNumber));
  return { ...sizes, output: rounded(output), kernel: rounded(kernel), input: rounded(input) };
}

/**
 * Ratio of the rounding errors of F(m, r) in two dimensions to those of the plain sum of r^2 products, as
 * standard deviations, if inputs and kernel values are independent with variance one and every product has an
 * independent relative error:
 *
 *     one dimension    variance = max over i of  sum over k of  A'[i,k]^2 |G[k]|^2 |B'[k]|^2, against r
 *     two dimensions   the square of that; its root, the ratio of standard deviations, is returned
 *
 * Measured ratios are smaller, because sums over channels average the errors: with 48 channels 1.1 for F(2,4), 1.9
 * for F(4,3), 4.4 for F(4,5), 5.5 for F(5,4), 6.3 for F(5,3) and 8.1 for F(6,3).
 */
export function errorGrowth({ output, kernel, input, kernelSize }: ToomCook): number {
  const square = (row: readonly number[] = []) => row.reduce((sum, value) => sum + value ** 2, 0);
  const variances = output.map((row) =>
    row.reduce((sum, a, k) => sum + a ** 2 * square(kernel[k]) * square(input[k]), 0),
  );
  return Math.max(...variances) / kernelSize;
}

// Exact fractions, so that the matrices are computed without rounding errors.

/** A fraction in lowest terms; the denominator is positive. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

type RationalMatrix = readonly (readonly Rational[])[];

export function rational(numerator: bigint | number, denominator: bigint | number = 1): Rational {
  const [n, d] = [BigInt(numerator), BigInt(denominator)];
  const divisor = greatestCommonDivisor(n, d) * (d < 0n ? -1n : 1n);
  return { numerator: n / divisor, denominator: d / divisor };
}

export function add(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
}

export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.numerator, a.denominator * b.denominator);
}

function divide(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator, a.denominator * b.numerator);
}

function negate({ numerator, denominator }: Rational): Rational {
  return { numerator: -numerator, denominator };
}

function absolute(a: Rational): Rational {
  return a.numerator < 0n ? negate(a) : a;
}

function isGreater(a: Rational, b: Rational): boolean {
  return a.numerator * b.denominator > b.numerator * a.denominator;
}

function power(base: Rational, exponent: number): Rational {
  return rational(base.numerator ** BigInt(exponent), base.denominator ** BigInt(exponent));
}

/** The nearest float64. */
export function toNumber({ numerator, denominator }: Rational): number {
  return Number(numerator) / Number(denominator);
}

function transpose<T>(matrix: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] as T));
}

/** The inverse, by Gauss-Jordan elimination. The matrix must be invertible. */
export function inverse(matrix: RationalMatrix): RationalMatrix {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? one : zero))]);
  for (let pivot = 0; pivot < size; pivot++) {
    const found = rows.findIndex((row, i) => i >= pivot && row[pivot]?.numerator !== 0n);
    const lead = rows[found] as Rational[];
    rows[found] = rows[pivot] as Rational[];
    const scaled = lead.map((value) => divide(value, lead[pivot] as Rational));
    rows.forEach((row, i) => {
      const factor = negate(row[pivot] as Rational);
      if (i !== pivot) rows[i] = row.map((value, j) => add(value, multiply(factor, scaled[j] as Rational)));
    });
    rows[pivot] = scaled;
  }
  return rows.map((row) => row.slice(size));
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y > 0n) [x, y] = [y, x % y];
  return x;
}
