/** Solves linear equations with a positive definite matrix. Matrices are row-major. */

/** Lower triangle L of a positive definite matrix `[n,n]` = L L' (Golub and Van Loan, algorithm 4.2.1). */
export function cholesky(matrix: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = matrix[a * n + b] as number;
      for (let k = 0; k < b; k++) sum -= (lower[a * n + k] as number) * (lower[b * n + k] as number);
      lower[a * n + b] = a === b ? Math.sqrt(sum) : sum / (lower[b * n + b] as number);
    }
  }
  return lower;
}

/** The solution of L x = right. */
export function solveLower(lower: Float64Array, right: Float64Array, n: number): Float64Array {
  const x = new Float64Array(n);
  for (let a = 0; a < n; a++) {
    let sum = right[a] as number;
    for (let k = 0; k < a; k++) sum -= (lower[a * n + k] as number) * (x[k] as number);
    x[a] = sum / (lower[a * n + a] as number);
  }
  return x;
}

/** The solution of L' x = right. */
export function solveUpper(lower: Float64Array, right: Float64Array, n: number): Float64Array {
  const x = new Float64Array(n);
  for (let a = n - 1; a >= 0; a--) {
    let sum = right[a] as number;
    for (let k = a + 1; k < n; k++) sum -= (lower[k * n + a] as number) * (x[k] as number);
    x[a] = sum / (lower[a * n + a] as number);
  }
  return x;
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
