/**
 * Detects surfaces that are none of a model's classes. The probability of the top class alone does not: a
 * classifier is often certain of what it never saw. So the score adds how far the features are from every
 * class, compared with how far they are from all of them together: the relative Mahalanobis distance (Ren et
 * al. 2021, "A simple fix to Mahalanobis distance for improving near-OOD detection").
 *
 * With y the features x, centred by their mean over all training patches, W their covariance within the
 * classes, T = W + B B' their total covariance, where column c of B is sqrt(share of class c) times the mean m
 * of class c:
 *
 *     relative distance of class c = (y - m)' W^-1 (y - m) - y' T^-1 y
 *     feature score = -min over c  = max over c (2 y' W^-1 m - m' W^-1 m) - |P' y|^2
 *
 * because W^-1 - T^-1 = P P' with P = W^-1 B K'^-1 and K K' = 1 + B' W^-1 B (Woodbury), so that P has only as
 * many columns as there are classes. A graph computes it with two matrix products.
 */
import { TexturaError } from './error.ts';
import { jsonOf, thresholdsSchema } from './model-file.ts';
import type { StoredTensor, TensorFile } from './safetensors.ts';
import { meanRow, softmaxRows } from './scores.ts';

/** The feature score as two linear maps, scaled by `weight`. F features, C classes. */
export interface KnownScore {
  readonly features: number;
  readonly classes: number;
  /** `[C,F]` and `[C]`: weight (2 W^-1 m) and its offset. */
  readonly classKernel: Float32Array;
  readonly classBias: Float32Array;
  /** `[C,F]` and `[C]`: sqrt(weight) P' and its offset. */
  readonly spreadKernel: Float32Array;
  readonly spreadBias: Float32Array;
  readonly thresholds: KnownThresholds;
}

/**
 * A photograph is known if its largest probability plus the mean feature score of its patches is at least
 * this. Accepts 95 % of the validation photographs, or of their patches where a single patch was classified.
 */
export interface KnownThresholds {
  readonly photograph: number;
  readonly patch: number;
}

/** Patches with their features `[count,F]`. */
interface FeatureRows {
  readonly features: Float32Array;
  /** Class index of each patch. */
  readonly labels: ArrayLike<number>;
}

interface ValidationRows extends FeatureRows {
  /** `[count,C]`. */
  readonly logits: Float32Array;
  /** Index of the photograph of each patch; patches of a photograph follow one another. */
  readonly photographs: ArrayLike<number>;
}

/**
 * Weight of the feature score relative to the probability, both divided by their deviations over the
 * validation photographs.
 */
const featureWeight = 1.5;
/** Lowest deviation of the probability that counts: a model may be certain of every validation photograph. */
const leastDeviation = 0.005;
const acceptedShare = 0.95;

/** Fits the score to training patches, and weight and thresholds to validation photographs. */
export function fitKnownScore(
  { features, labels }: FeatureRows,
  validation: ValidationRows,
  classes: number,
): KnownScore {
  const width = features.length / labels.length;
  const { mean, deviation, standard } = standardised(features, width);
  const { means, shares } = classMeans(standard, labels, classes, width);
  const within = shrunkCovariance(standard, labels, means, width);
  const lower = cholesky(within, width);
  // Columns: W^-1 m, and P = (W^-1 B) K'^-1.
  const solved = means.map((m) => solveUpper(lower, solveLower(lower, m, width), width));
  const scaledMeans = means.map((m, c) => m.map((value) => value * Math.sqrt(shares[c] as number)));
  const scaledSolved = solved.map((g, c) => g.map((value) => value * Math.sqrt(shares[c] as number)));
  const inner = new Float64Array(classes * classes);
  for (let a = 0; a < classes; a++) {
    for (let b = 0; b < classes; b++) {
      const product = dot(scaledMeans[a] as Float64Array, scaledSolved[b] as Float64Array);
      inner[a * classes + b] = product + (a === b ? 1 : 0);
    }
  }
  const innerLower = cholesky(inner, classes);
  const spread = Array.from({ length: classes }, () => new Float64Array(width));
  for (let f = 0; f < width; f++) {
    const row = Float64Array.from(scaledSolved, (g) => g[f] as number);
    solveLower(innerLower, row, classes).forEach((value, k) => {
      (spread[k] as Float64Array)[f] = value;
    });
  }
  // A class without a patch is never the nearest.
  const offsets = means.map((m, c) => (shares[c] === 0 ? -1e6 : -dot(m, solved[c] as Float64Array)));
  const doubled = solved.map((g) => g.map((value) => 2 * value));
  const maps = { mean, deviation, width, classes };
  const unscaled = linearMaps({ ...maps, rows: doubled, offsets, spread, weight: 1 });
  const before = photographRows(validation, featureScores(unscaled, validation.features), classes);
  const weight =
    (featureWeight * Math.max(leastDeviation, deviationOf(before.map(({ probability }) => probability)))) /
    Math.max(1e-9, deviationOf(before.map(({ score }) => score)));
  const weighted = linearMaps({ ...maps, rows: doubled, offsets, spread, weight });
  const scores = featureScores(weighted, validation.features);
  const single = softmaxRows(validation.logits, classes);
  const totals = Array.from(
    scores,
    (score, i) => Math.max(...single.subarray(i * classes, (i + 1) * classes)) + score,
  );
  const photographs = photographRows(validation, scores, classes);
  const thresholds = {
    photograph: lowQuantile(photographs.map(({ probability, score }) => probability + score)),
    patch: lowQuantile(totals),
  };
  return { ...weighted, thresholds };
}

/** The feature score of each patch, as the graph computes it; `features` is `[count,F]`. */
export function featureScores(known: Omit<KnownScore, 'thresholds'>, features: Float32Array): Float64Array {
  const { features: width, classes, classKernel, classBias, spreadKernel, spreadBias } = known;
  return Float64Array.from({ length: features.length / width }, (_, i) => {
    const x = features.subarray(i * width, (i + 1) * width);
    let largest = Number.NEGATIVE_INFINITY;
    let squares = 0;
    for (let c = 0; c < classes; c++) {
      const row = (kernel: Float32Array) => dot(kernel.subarray(c * width, (c + 1) * width), x);
      largest = Math.max(largest, row(classKernel) + (classBias[c] as number));
      squares += (row(spreadKernel) + (spreadBias[c] as number)) ** 2;
    }
    return largest - squares;
  });
}

/**
 * By how much a photograph passes its threshold: negative if it is none of the classes. `probability` is the
 * largest softmax of its mean logits, without a temperature; `scores` are those of its patches.
 */
export function knownMargin(
  probability: number,
  scores: ArrayLike<number>,
  thresholds: KnownThresholds,
): number {
  const mean = Array.from(scores).reduce((sum, score) => sum + score, 0) / scores.length;
  return probability + mean - (scores.length === 1 ? thresholds.patch : thresholds.photograph);
}

/** Whether a photograph is one of the classes. */
export function isKnown(...photograph: Parameters<typeof knownMargin>): boolean {
  return knownMargin(...photograph) >= 0;
}

/** As known.safetensors of a run stores it. */
export function knownScoreToTensors(known: KnownScore): TensorFile {
  const { classes, features, classKernel, classBias, spreadKernel, spreadBias, thresholds } = known;
  const tensors = new Map<string, StoredTensor>([
    ['classKernel', { shape: [classes, features], data: classKernel }],
    ['classBias', { shape: [classes], data: classBias }],
    ['spreadKernel', { shape: [classes, features], data: spreadKernel }],
    ['spreadBias', { shape: [classes], data: spreadBias }],
  ]);
  return { tensors, metadata: { thresholds: JSON.stringify(thresholds) } };
}

/** Errors: `file-damaged`, naming `where`. */
export function knownScoreFromTensors({ tensors, metadata }: TensorFile, where: string): KnownScore {
  const [classes = 0, features = 0] = tensors.get('classKernel')?.shape ?? [];
  const values = (name: string, size: number): Float32Array => {
    const data = tensors.get(name)?.data;
    if (data instanceof Float32Array && data.length === size && size > 0) return data;
    throw new TexturaError('file-damaged', `${where}: expected ${size} values of ${name}`);
  };
  const thresholds = thresholdsSchema.safeParse(jsonOf(metadata.thresholds ?? ''));
  if (!thresholds.success) throw new TexturaError('file-damaged', `${where}: expected thresholds`);
  return {
    features,
    classes,
    classKernel: values('classKernel', classes * features),
    classBias: values('classBias', classes),
    spreadKernel: values('spreadKernel', classes * features),
    spreadBias: values('spreadBias', classes),
    thresholds: thresholds.data,
  };
}

interface PhotographRow {
  readonly probability: number;
  readonly score: number;
}

function photographRows(
  { logits, photographs }: ValidationRows,
  scores: Float64Array,
  classes: number,
): readonly PhotographRow[] {
  const rows: PhotographRow[] = [];
  for (let start = 0, end = 0; start < scores.length; start = end) {
    while (end < scores.length && photographs[end] === photographs[start]) end++;
    const own = scores.subarray(start, end);
    const averaged = meanRow(logits.subarray(start * classes, end * classes), classes);
    rows.push({
      probability: Math.max(...softmaxRows(averaged, classes)),
      score: own.reduce((sum, value) => sum + value, 0) / own.length,
    });
  }
  return rows;
}

/** Features scaled to mean 0 and deviation 1 over the training patches, so that shrinking treats them alike. */
function standardised(features: Float32Array, width: number) {
  const count = features.length / width;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  features.forEach((value, i) => {
    mean[i % width] = (mean[i % width] as number) + value / count;
  });
  features.forEach((value, i) => {
    const f = i % width;
    deviation[f] = (deviation[f] as number) + (value - (mean[f] as number)) ** 2 / count;
  });
  deviation.forEach((variance, f) => {
    deviation[f] = Math.sqrt(variance);
  });
  // A feature that hardly varies must not decide alone, by its rounding errors or by the first patch that
  // activates it.
  const typical = deviation.toSorted()[Math.floor(width / 2)] as number;
  deviation.forEach((value, f) => {
    const least = leastVariation * Math.max(typical, Math.abs(mean[f] as number));
    deviation[f] = Math.max(value, least) || 1;
  });
  const standard = Float64Array.from(
    features,
    (value, i) => (value - (mean[i % width] as number)) / (deviation[i % width] as number),
  );
  return { mean, deviation, standard };
}

/** Of a feature, relative to the median of all and to its own mean. */
const leastVariation = 0.01;

function classMeans(standard: Float64Array, labels: ArrayLike<number>, classes: number, width: number) {
  const counts = new Array<number>(classes).fill(0);
  const means = Array.from({ length: classes }, () => new Float64Array(width));
  for (let i = 0; i < labels.length; i++) {
    const c = labels[i] as number;
    counts[c] = (counts[c] ?? 0) + 1;
    const mean = means[c] as Float64Array;
    for (let f = 0; f < width; f++) mean[f] = (mean[f] as number) + (standard[i * width + f] as number);
  }
  means.forEach((mean, c) => {
    for (let f = 0; f < width; f++) mean[f] = (mean[f] as number) / Math.max(1, counts[c] as number);
  });
  return { means, shares: counts.map((count) => count / labels.length) };
}

/**
 * Covariance within the classes `[F,F]`, shrunk towards a multiple of the identity by the share that Ledoit
 * and Wolf (2004) derive, so that it can be inverted however few patches there are.
 */
function shrunkCovariance(
  standard: Float64Array,
  labels: ArrayLike<number>,
  means: readonly Float64Array[],
  width: number,
): Float64Array {
  const count = labels.length;
  const covariance = new Float64Array(width * width);
  const residual = new Float64Array(width);
  let fourthPowers = 0;
  for (let i = 0; i < count; i++) {
    const mean = means[labels[i] as number] as Float64Array;
    let square = 0;
    for (let f = 0; f < width; f++) {
      const value = (standard[i * width + f] as number) - (mean[f] as number);
      residual[f] = value;
      square += value * value;
    }
    fourthPowers += square * square;
    for (let a = 0; a < width; a++) {
      const left = residual[a] as number;
      if (left === 0) continue;
      // The lower triangle; the other half is its mirror image.
      for (let b = 0; b <= a; b++) {
        const at = a * width + b;
        covariance[at] = (covariance[at] as number) + left * (residual[b] as number);
      }
    }
  }
  let norm = 0;
  let trace = 0;
  for (let a = 0; a < width; a++) {
    for (let b = 0; b <= a; b++) {
      const value = (covariance[a * width + b] as number) / count;
      covariance[a * width + b] = value;
      covariance[b * width + a] = value;
      norm += (a === b ? 1 : 2) * value * value;
      if (a === b) trace += value;
    }
  }
  const scale = trace / width || 1;
  const distance = Math.max(Number.MIN_VALUE, norm / width - (trace / width) ** 2);
  const noise = Math.min(distance, Math.max(0, fourthPowers / count - norm) / (count * width));
  const share = Math.min(1, Math.max(leastShrinkage, noise / distance));
  return covariance.map((value, at) => (1 - share) * value + (at % (width + 1) === 0 ? share * scale : 0));
}

/** Keeps the matrix positive definite where patches are many but features depend on one another. */
const leastShrinkage = 1e-3;

interface Maps {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  readonly width: number;
  readonly classes: number;
  readonly rows: readonly Float64Array[];
  readonly offsets: readonly number[];
  readonly spread: readonly Float64Array[];
  readonly weight: number;
}

/** The maps of standardised features as maps of the features themselves. */
function linearMaps({ mean, deviation, width, classes, rows, offsets, spread, weight }: Maps) {
  const kernelOf = (of: readonly Float64Array[], factor: number) =>
    Float32Array.from(
      { length: classes * width },
      (_, at) =>
        (factor * ((of[Math.floor(at / width)] as Float64Array)[at % width] as number)) /
        (deviation[at % width] as number),
    );
  const biasOf = (of: readonly Float64Array[], factor: number, offset: (c: number) => number) =>
    Float32Array.from({ length: classes }, (_, c) => {
      const row = of[c] as Float64Array;
      const shift = row.reduce(
        (sum, value, f) => sum + (value * (mean[f] as number)) / (deviation[f] as number),
        0,
      );
      return factor * (offset(c) - shift);
    });
  const root = Math.sqrt(weight);
  return {
    features: width,
    classes,
    classKernel: kernelOf(rows, weight),
    classBias: biasOf(rows, weight, (c) => offsets[c] as number),
    spreadKernel: kernelOf(spread, root),
    spreadBias: biasOf(spread, root, () => 0),
  };
}

/** Lower triangle L of a positive definite matrix `[n,n]` = L L' (Golub and Van Loan, algorithm 4.2.1). */
function cholesky(matrix: Float64Array, n: number): Float64Array {
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
function solveLower(lower: Float64Array, right: Float64Array, n: number): Float64Array {
  const x = new Float64Array(n);
  for (let a = 0; a < n; a++) {
    let sum = right[a] as number;
    for (let k = 0; k < a; k++) sum -= (lower[a * n + k] as number) * (x[k] as number);
    x[a] = sum / (lower[a * n + a] as number);
  }
  return x;
}

/** The solution of L' x = right. */
function solveUpper(lower: Float64Array, right: Float64Array, n: number): Float64Array {
  const x = new Float64Array(n);
  for (let a = n - 1; a >= 0; a--) {
    let sum = right[a] as number;
    for (let k = a + 1; k < n; k++) sum -= (lower[k * n + a] as number) * (x[k] as number);
    x[a] = sum / (lower[a * n + a] as number);
  }
  return x;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** The largest value that `acceptedShare` of the values reach. */
function lowQuantile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((1 - acceptedShare) * sorted.length + 1e-9)] as number;
}
