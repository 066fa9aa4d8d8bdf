/** Exact fractions, for matrices that must not carry rounding errors of their own. */

/** A fraction in lowest terms; the denominator is positive. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export type RationalMatrix = readonly (readonly Rational[])[];

export function rational(numerator: bigint | number, denominator: bigint | number = 1): Rational {
  const [n, d] = [BigInt(numerator), BigInt(denominator)];
  const divisor = greatestCommonDivisor(n, d) * (d < 0n ? -1n : 1n);
  return { numerator: n / divisor, denominator: d / divisor };
}

export const zero = rational(0);
export const one = rational(1);

export function add(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
}

export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.numerator, a.denominator * b.denominator);
}

export function divide(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator, a.denominator * b.numerator);
}

export function negate({ numerator, denominator }: Rational): Rational {
  return { numerator: -numerator, denominator };
}

export function absolute(a: Rational): Rational {
  return a.numerator < 0n ? negate(a) : a;
}

export function isGreater(a: Rational, b: Rational): boolean {
  return a.numerator * b.denominator > b.numerator * a.denominator;
}

export function power(base: Rational, exponent: number): Rational {
  return rational(base.numerator ** BigInt(exponent), base.denominator ** BigInt(exponent));
}

/** The nearest float64. */
export function toNumber({ numerator, denominator }: Rational): number {
  return Number(numerator) / Number(denominator);
}

export function transpose<T>(matrix: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] as T));
}

/** The inverse, by Gauss and Jordan's elimination. The matrix must have one. */
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
