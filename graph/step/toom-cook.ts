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
import { type Matrix, transposed } from './matrix.ts';

/** The three matrices of F(m, r). */
export interface ToomCook {
  /** Outputs of a tile, m. */
  readonly outputs: number;
  /** Values of the kernel, r. */
  readonly kernelSize: number;
  /** Inputs of a tile and multiplications, n = m + r - 1. */
  readonly inputs: number;
  /** A', `[m,n]`. */
  readonly output: Matrix;
  /** G, `[n,r]`. */
  readonly kernel: Matrix;
  /** B', `[n,n]`. */
  readonly input: Matrix;
}

/**
 * The finite points for n inputs. For each n they are, of the fractions between 1/4 and 4 with small
 * denominators, those with about the smallest `errorGrowth`: values near one, at a distance from each other.
 */
const pointsOf: ReadonlyMap<number, readonly number[]> = new Map([
  [3, [0, 1]],
  [4, [0, 1, -1]],
  [5, [0, -1, 1 / 2, 2]],
  [6, [0, 2 / 3, -2 / 3, 3 / 2, -3 / 2]],
  [7, [0, 1, -1, 5 / 3, -5 / 3, 1 / 3]],
  [8, [0, 1, -1, 2, -2, 1 / 2, -1 / 2]],
  [9, [0, 4 / 5, -4 / 5, 9 / 8, -9 / 8, 2, -2, 1 / 3]],
]);

/** Maximum inputs of a tile. */
export const mostTileInputs = Math.max(...pointsOf.keys());

/** F(`outputs`, `kernelSize`), n = outputs + kernelSize - 1 from 3 to `mostTileInputs`. */
export function toomCook(outputs: number, kernelSize: number): ToomCook {
  const inputs = outputs + kernelSize - 1;
  const points = pointsOf.get(inputs);
  if (points === undefined) throw graphFault(`no points for ${inputs} inputs`);
  const evaluation = (coefficients: number): Matrix => [
    ...points.map((point) => Array.from({ length: coefficients }, (_, i) => point ** i)),
    Array.from({ length: coefficients }, (_, i) => (i === coefficients - 1 ? 1 : 0)),
  ];
  // The columns of V_n^-1: the polynomial that is one at a point and zero at the others (Lagrange's), and the
  // one that is zero at every finite point, whose highest coefficient is one.
  const unscaled = [
    ...points.map((point) => {
      const others = points.filter((other) => other !== point);
      const atPoint = others.reduce((product, other) => product * (point - other), 1);
      return [...polynomial(others).map((coefficient) => coefficient / atPoint), 0];
    }),
    polynomial(points),
  ];
  // A factor scales a row of B' down and the same row of G up, so that transformed inputs stay as large as
  // inputs.
  const scales = unscaled.map((row) => Math.max(...row.map(Math.abs)));
  return {
    outputs,
    kernelSize,
    inputs,
    output: transposed(evaluation(outputs)),
    kernel: evaluation(kernelSize).map((row, i) => row.map((value) => value * (scales[i] as number))),
    // Zero is added because -0 + 0 is 0.
    input: unscaled.map((row, i) => row.map((value) => value / (scales[i] as number) + 0)),
  };
}

/** Coefficients of the product of x - root over all roots, from the lowest. */
function polynomial(roots: readonly number[]): readonly number[] {
  let product: readonly number[] = [1];
  for (const root of roots) {
    product = [0, ...product].map((higher, i) => higher - root * (product[i] ?? 0));
  }
  return product;
}

/**
 * Ratio of the rounding errors of an algorithm in two dimensions, F(m, r) along rows and another one along
 * columns, to those of the plain sum of r^2 products, as standard deviations, if inputs and kernel values are
 * independent with variance one and every product has an independent relative error:
 *
 *     one dimension    variance = max over i of  sum over k of  A'[i,k]^2 |G[k]|^2 |B'[k]|^2, against r
 *     two dimensions   the product of two; its root, the ratio of standard deviations, is returned
 *
 * Measured ratios are smaller, because sums over channels average the errors: with 48 channels 1.1 for
 * F(2,4), 1.9 for F(4,3), 4.4 for F(4,5), 5.5 for F(5,4), 6.3 for F(5,3), 8.1 for F(6,3), and 7.9 for F(7,3)
 * along rows and F(4,3) along columns.
 */
export function errorGrowth(rows: ToomCook, columns: ToomCook): number {
  return Math.sqrt(varianceGrowth(rows) * varianceGrowth(columns));
}

function varianceGrowth({ output, kernel, input, kernelSize }: ToomCook): number {
  const square = (row: readonly number[] = []) => row.reduce((sum, value) => sum + value ** 2, 0);
  const variances = output.map((row) =>
    row.reduce((sum, a, k) => sum + a ** 2 * square(kernel[k]) * square(input[k]), 0),
  );
  return Math.max(...variances) / kernelSize;
}
