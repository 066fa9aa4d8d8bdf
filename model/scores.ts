/** Computes scores from a network's logits: probabilities, the loss and the errors that the paper plots. */

import { sumOf } from './statistics/descriptive.ts';

/** A class and its probability, 0..1. */
export interface Prediction {
  readonly label: string;
  readonly probability: number;
}

/** Softmax of `row / temperature`, in float64. */
export function softmax(row: ArrayLike<number>, temperature = 1): Float64Array {
  const max = largest(row);
  const powers = Float64Array.from(row, (value) => Math.exp((value - max) / temperature));
  const sum = sumOf(powers);
  return powers.map((power) => power / sum);
}

/** As `softmax`, of each row of `logits` `[rows, classes]`, rounded to float32. */
export function softmaxRows(logits: Float32Array, classes: number, temperature = 1): Float32Array {
  const probabilities = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes)
    probabilities.set(softmax(logits.subarray(start, start + classes), temperature), start);
  return probabilities;
}

/**
 * Cross-entropy of one row of logits, divided by `temperature`, against its label, in nats. From the logits,
 * because a probability can be too small for a float.
 */
export function crossEntropy(row: Float32Array, label: number, temperature = 1): number {
  const max = largest(row);
  let sum = 0;
  for (const value of row) sum += Math.exp((value - max) / temperature);
  return (max - (row[label] as number)) / temperature + Math.log(sum);
}

/**
 * Rank of the label when the row is sorted by descending logit, starting at 0. Equal logits rank by class
 * order. A row whose softmax is NaN (a logit is NaN, or the largest is infinite) has no ranks: the result is
 * Infinity, which is an error at any top-k.
 */
export function rankOf(row: Float32Array, label: number): number {
  const own = row[label] as number;
  let rank = 0;
  let max = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < row.length; c++) {
    const other = row[c] as number;
    if (Number.isNaN(other)) return Number.POSITIVE_INFINITY;
    if (other > own || (other === own && c < label)) rank++;
    if (other > max) max = other;
  }
  return Number.isFinite(max) ? rank : Number.POSITIVE_INFINITY;
}

/** The first `count` class indices by descending value, equal values by class order, NaN last. */
export function topClasses(row: ArrayLike<number>, count: number): readonly number[] {
  const sortKey = (c: number) => {
    const value = row[c] as number;
    return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return Array.from(row, (_, c) => c)
    .sort((a, b) => sortKey(b) - sortKey(a) || a - b)
    .slice(0, count);
}

/** The k of the top-5 error. */
export const topFive = 5;

/** A note on the top-5 error of five or fewer classes; undefined for more classes. */
export function topFiveNote(classes: number): string | undefined {
  if (classes > topFive) return undefined;
  return `With ${classes} classes the top-5 error is 0 unless the loss is NaN or infinite, because the top five include every class.`;
}

/** Sums over rows, stored as sums so that a resumed epoch continues exactly. */
export interface ScoreSums {
  readonly count: number;
  readonly crossEntropy: number;
  readonly top1Errors: number;
  readonly top5Errors: number;
}

export const noScores: ScoreSums = { count: 0, crossEntropy: 0, top1Errors: 0, top5Errors: 0 };

/**
 * Adds the rows of `logits` `[labels.length, classes]` to `sums`. With `topFive` classes or fewer, only a row
 * without ranks is a top-5 error.
 */
export function addScores(
  sums: ScoreSums,
  logits: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
): ScoreSums {
  let { count, crossEntropy: total, top1Errors, top5Errors } = sums;
  for (let i = 0; i < labels.length; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const label = labels[i] as number;
    const rank = rankOf(row, label);
    total += crossEntropy(row, label);
    count++;
    if (rank >= 1) top1Errors++;
    if (rank >= topFive) top5Errors++;
  }
  return { count, crossEntropy: total, top1Errors, top5Errors };
}

export interface Scores {
  /** Mean cross-entropy in nats. */
  readonly objective: number;
  readonly top1err: number;
  readonly top5err: number;
}

/** The scores of a network that gives every class the same probability. */
export function guessingScores(classes: number): Scores {
  return {
    objective: Math.log(classes),
    top1err: 1 - 1 / classes,
    top5err: Math.max(0, 1 - topFive / classes),
  };
}

/** Means of the sums; NaN if there are no rows. */
export function meanScores({ count, crossEntropy: total, top1Errors, top5Errors }: ScoreSums): Scores {
  return { objective: total / count, top1err: top1Errors / count, top5err: top5Errors / count };
}

/** For each class: the number of patches, and how many of them are misclassified. */
interface ClassErrors {
  readonly patches: number[];
  readonly wrong: number[];
}

export function noClassErrors(classes: number): ClassErrors {
  return { patches: new Array<number>(classes).fill(0), wrong: new Array<number>(classes).fill(0) };
}

/** Adds the rows of `logits` `[labels.length, classes]` to `errors`. */
export function countClassErrors(
  { patches, wrong }: ClassErrors,
  logits: Float32Array,
  labels: ArrayLike<number>,
): void {
  const classes = patches.length;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    const isWrong = rankOf(logits.subarray(i * classes, (i + 1) * classes), label) >= 1;
    patches[label] = (patches[label] as number) + 1;
    if (isWrong) wrong[label] = (wrong[label] as number) + 1;
  }
}

/**
 * Balanced error: the mean over the classes of each class's error, so that a small class counts as much as a
 * large one. Classes without patches are excluded; NaN if no class has patches. The sum uses exact fractions,
 * so equal errors are equal numbers, and with equal class sizes it is bit-identical to the top-1 error.
 */
export function balancedError({ patches, wrong }: ClassErrors): number {
  let [numerator, denominator, classes] = [0n, 1n, 0n];
  patches.forEach((count, c) => {
    if (count === 0) return;
    numerator = numerator * BigInt(count) + BigInt(wrong[c] as number) * denominator;
    denominator *= BigInt(count);
    classes++;
  });
  // The quotient in fixed point with 128 fractional bits; only the conversion to a number rounds.
  return classes === 0n ? Number.NaN : Number((numerator << 128n) / (denominator * classes)) / 2 ** 128;
}

/** How often each label was predicted as each class, `[label][prediction]`. */
export function confusionMatrix(
  pairs: Iterable<readonly [label: number, prediction: number]>,
  classes: number,
): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const [label, prediction] of pairs) {
    const row = counts[label] as number[];
    row[prediction] = (row[prediction] as number) + 1;
  }
  return counts;
}

/** Mean of the rows of `values` `[rows, classes]`. */
export function meanRow(values: Float32Array, classes: number): Float32Array {
  const rows = values.length / classes;
  const means = new Float32Array(classes);
  for (let c = 0; c < classes; c++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += values[r * classes + c] as number;
    means[c] = sum / rows;
  }
  return means;
}

/** The rows of all parts `[rows, width]`, one part after another. */
export function joinedRows(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** NaN if one of the values is. */
function largest(row: ArrayLike<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < row.length; c++) {
    const value = row[c] as number;
    if (value > max || Number.isNaN(value)) max = value;
  }
  return max;
}
