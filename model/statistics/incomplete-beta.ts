/**
 * The regularised incomplete beta function, and what it gives: quantiles of Student's t, for the power of a
 * study before it has data, and the exact interval of a share.
 */
import type { Interval } from './replicates.ts';

/**
 * I_x(a, b) for x in [0, 1] and positive a and b: the continued fraction of DLMF 8.17.22 by Lentz's method
 * (Press et al., "Numerical Recipes", 2007, section 6.4). About 12 digits.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges quickly below the mean of the distribution.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const logFront = a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b);
  return (Math.exp(logFront) * continuedFraction(x, a, b)) / a;
}

const mostTerms = 1000;
const accuracy = 1e-15;

function continuedFraction(x: number, a: number, b: number): number {
  const awayFromZero = (value: number) => (Math.abs(value) < Number.MIN_VALUE ? Number.MIN_VALUE : value);
  let c = 1;
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m < mostTerms; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let factor = 1;
    for (const term of [even, odd]) {
      d = 1 / awayFromZero(1 + term * d);
      c = awayFromZero(1 + term / c);
      factor = c * d;
      value *= factor;
    }
    if (Math.abs(factor - 1) < accuracy) break;
  }
  return value;
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** Of a positive number, by Lanczos's series with g = 7 (SIAM Journal on Numerical Analysis 1, 1964). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const [first, ...others] = lanczos;
  const series = others.reduce((sum, coefficient, i) => sum + coefficient / (x + i), first as number);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(series);
}

/** The x at which I_x(a, b) is `share`, by bisection. */
function betaQuantile(share: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (incompleteBeta(middle, a, b) < share) low = middle;
    else high = middle;
  }
}

/** The value that Student's t exceeds with a probability of `tail`, 0 < tail <= 0.5. */
export function studentQuantile(tail: number, degreesOfFreedom: number): number {
  const x = betaQuantile(2 * tail, degreesOfFreedom / 2, 0.5);
  return Math.sqrt((degreesOfFreedom * (1 - x)) / x);
}

/**
 * The 95 % interval of the share of which `count` of `of` are a sample, which contains it in at least 95 % of
 * samples of any size (Clopper and Pearson, Biometrika 26, 1934).
 */
export function clopperPearsonInterval(count: number, of: number): Interval {
  return {
    low: count === 0 ? 0 : betaQuantile(0.025, count, of - count + 1),
    high: count === of ? 1 : betaQuantile(0.975, count + 1, of - count),
  };
}
