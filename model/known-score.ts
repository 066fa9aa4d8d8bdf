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
import { equalIndices } from './group-by.ts';
import { jsonOf } from './issue-text.ts';
import { thresholdsSchema } from './model-file.ts';
import type { StoredTensor, TensorFile } from './safetensors.ts';
import { meanRow, softmaxRows } from './scores.ts';
import { classMeans, shrunkCovariance, standardised } from './statistics/covariance.ts';
import { meanOf } from './statistics/descriptive.ts';
import { cholesky, dot, solveLower, solveUpper } from './statistics/linear-algebra.ts';

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

/** The score without the thresholds. */
export type KnownMaps = Omit<KnownScore, 'thresholds'>;

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

/** Lowest deviation of the probability that counts: a model may be certain of every validation photograph. */
const leastDeviation = 0.005;
const acceptedShare = 0.95;
/** As much as an exported file may differ from the trained network in a probability. */
const roundingRoom = 1e-4;

/** Fits the score to training patches, and weight and thresholds to validation photographs. */
export function fitKnownScore(
  training: FeatureRows,
  validation: ValidationRows,
  classes: number,
): KnownScore {
  const distance = relativeDistance(training, classes);
  const unweighted = featureScores(linearMaps(distance, 1), validation.features);
  const weight = weightOf(photographRows(validation, unweighted, classes), unweighted);
  const maps = linearMaps(distance, weight);
  const scores = featureScores(maps, validation.features);
  return { ...maps, thresholds: thresholdsOf(validation, scores, classes) };
}

/**
 * The feature score of standardised features: for class c the largest of rows[c]' y + offsets[c], less the
 * squares of the C values spread' y.
 */
interface RelativeDistance {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  /** For each class, `[F]`. */
  readonly rows: readonly Float64Array[];
  readonly offsets: readonly number[];
  /** Rows of P', each `[F]`. */
  readonly spread: readonly Float64Array[];
}

function relativeDistance({ features, labels }: FeatureRows, classes: number): RelativeDistance {
  const width = features.length / labels.length;
  const { mean, deviation, standard } = standardised(features, width);
  const { means, shares } = classMeans(standard, labels, classes, width);
  const within = cholesky(shrunkCovariance(standard, labels, means, width), width);
  // W^-1 m for each class, and the columns of B and of W^-1 B.
  const solved = means.map((m) => solveUpper(within, solveLower(within, m, width), width));
  const between = scaledBy(means, shares);
  const solvedBetween = scaledBy(solved, shares);
  const inner = Float64Array.from({ length: classes * classes }, (_, at) => {
    const [a, b] = [Math.floor(at / classes), at % classes];
    const product = dot(between[a] as Float64Array, solvedBetween[b] as Float64Array);
    return product + (a === b ? 1 : 0);
  });
  const innerLower = cholesky(inner, classes);
  const spread = Array.from({ length: classes }, () => new Float64Array(width));
  for (let f = 0; f < width; f++) {
    const row = Float64Array.from(solvedBetween, (g) => g[f] as number);
    solveLower(innerLower, row, classes).forEach((value, k) => {
      (spread[k] as Float64Array)[f] = value;
    });
  }
  return {
    mean,
    deviation,
    rows: solved.map((g) => g.map((value) => 2 * value)),
    // A class without a patch is never the nearest.
    offsets: means.map((m, c) => (shares[c] === 0 ? -1e6 : -dot(m, solved[c] as Float64Array))),
    spread,
  };
}

/** Each class's row times the root of its share. */
function scaledBy(rows: readonly Float64Array[], shares: readonly number[]): readonly Float64Array[] {
  return rows.map((row, c) => row.map((value) => value * Math.sqrt(shares[c] as number)));
}

/**
 * Makes probability and feature score vary equally over the validation photographs. With a single
 * photograph, the feature scores of its patches are used instead.
 */
function weightOf(photographs: readonly PhotographRow[], patchScores: Float64Array): number {
  const probabilities = standardDeviation(photographs.map(({ probability }) => probability));
  const scores = [photographs.map(({ score }) => score), [...patchScores]].map(standardDeviation);
  return Math.max(leastDeviation, probabilities) / (scores.find((deviation) => deviation > 1e-9) ?? 1);
}

function thresholdsOf(validation: ValidationRows, scores: Float64Array, classes: number): KnownThresholds {
  const photographs = photographRows(validation, scores, classes);
  const patches = softmaxRows(validation.logits, classes);
  const probabilityOf = (i: number) => Math.max(...patches.subarray(i * classes, (i + 1) * classes));
  return {
    photograph: lowQuantile(photographs.map(({ probability, score }) => probability + score)),
    patch: lowQuantile(Array.from(scores, (score, i) => probabilityOf(i) + score)),
  };
}

/** The feature score of each patch, as the graph computes it; `features` is `[count,F]`. */
export function featureScores(known: KnownMaps, features: Float32Array): Float64Array {
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
  scores: ArrayLike<number> & Iterable<number>,
  thresholds: KnownThresholds,
): number {
  return probability + meanOf(scores) - (scores.length === 1 ? thresholds.patch : thresholds.photograph);
}

/** The patches of a photograph, as a model gives them. */
interface ScoredPatches {
  /** `[count,C]`. */
  readonly logits: Float32Array;
  /** `[count]`; undefined if the model has no known scores. */
  readonly knownScores?: Float32Array | undefined;
}

/** `knownMargin` of a photograph; undefined if the model has no known scores. */
export function photographMargin(
  outputs: ScoredPatches,
  classes: number,
  thresholds: KnownThresholds | undefined,
): number | undefined {
  const { logits, knownScores } = outputs;
  if (knownScores === undefined || thresholds === undefined) return undefined;
  return knownMargin(Math.max(...softmaxRows(meanRow(logits, classes), classes)), knownScores, thresholds);
}

/** By how much a photograph, and each of its patches on its own, passes the thresholds. */
export interface KnownMargins {
  readonly photograph: number;
  readonly patches: Float64Array;
}

/** As `photographMargin`, also for each patch. */
export function knownMargins(
  outputs: ScoredPatches,
  classes: number,
  thresholds: KnownThresholds | undefined,
): KnownMargins | undefined {
  const { logits, knownScores } = outputs;
  const photograph = photographMargin(outputs, classes, thresholds);
  if (photograph === undefined) return undefined;
  const patches = Float64Array.from(knownScores ?? [], (score, i) => {
    const row = {
      logits: logits.subarray(i * classes, (i + 1) * classes),
      knownScores: Float32Array.of(score),
    };
    return photographMargin(row, classes, thresholds) ?? 0;
  });
  return { photograph, patches };
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
  return equalIndices(photographs).map((rows) => {
    const [start = 0] = rows;
    const end = start + rows.length;
    const averaged = meanRow(logits.subarray(start * classes, end * classes), classes);
    return {
      probability: Math.max(...softmaxRows(averaged, classes)),
      score: meanOf(scores.subarray(start, end)),
    };
  });
}

/** The maps of standardised features as maps of the features themselves. */
function linearMaps({ mean, deviation, rows, offsets, spread }: RelativeDistance, weight: number) {
  const [width, classes] = [mean.length, rows.length];
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

function standardDeviation(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
}

/** A value that `acceptedShare` of the values reach, also where another runtime rounds them otherwise. */
function lowQuantile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((1 - acceptedShare) * sorted.length + 1e-9)] as number) - roundingRoom;
}
