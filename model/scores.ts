/** What is read off a network's logits: probabilities, the objective and the errors that the paper plots. */

/** Softmax of each row of `logits` `[rows, classes]`, computed in float64 after subtracting the row's maximum. */
export function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const probabilities = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const logSum = logSumExp(row);
    for (let c = 0; c < classes; c++) probabilities[start + c] = Math.exp((row[c] as number) - logSum);
  }
  return probabilities;
}

/** Cross-entropy of one row of logits against its label, in nats. */
export function crossEntropy(row: Float32Array, label: number): number {
  return logSumExp(row) - (row[label] as number);
}

/**
 * Place of the label when the row is sorted by falling logit, 0 for first. Equal logits rank by class order, as a reader of the
 * output sees them. A row whose softmax is NaN (a logit is NaN, or the largest is infinite) ranks nothing: its label is at Infinity,
 * which is wrong among any number of first places.
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

/** Class indices by falling value, equal ones by class order, NaN last; the first `count`. */
export function topClasses(row: ArrayLike<number>, count: number): readonly number[] {
  const sortKey = (c: number) => {
    const value = row[c] as number;
    return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return Array.from(row, (_, c) => c)
    .sort((a, b) => sortKey(b) - sortKey(a) || a - b)
    .slice(0, count);
}

/** How many of the first classes the top-5 error looks at. */
export const topFive = 5;

/** What a person should know of the top-5 error of so few classes; undefined where there are more. */
export function topFiveNote(classes: number): string | undefined {
  if (classes > topFive) return undefined;
  return `With ${classes} classes the top-5 error is 0 unless the loss is NaN or infinite: the first five are all classes.`;
}

/** Sums over rows, kept as sums so that a resumed epoch continues them exactly. */
export interface ScoreSums {
  readonly count: number;
  readonly crossEntropy: number;
  readonly top1Errors: number;
  readonly top5Errors: number;
}

export const noScores: ScoreSums = { count: 0, crossEntropy: 0, top1Errors: 0, top5Errors: 0 };

/**
 * Adds the rows of `logits` `[labels.length, classes]` to `sums`. With `topFive` classes or fewer, only a row without probabilities
 * errs in top-5.
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

/** Means of the sums. Of no rows at all there is no mean: every value is NaN. */
export function meanScores({ count, crossEntropy: total, top1Errors, top5Errors }: ScoreSums): Scores {
  return { objective: total / count, top1err: top1Errors / count, top5err: top5Errors / count };
}

/** Of each class: patches, and how many of them the network names as another class. */
export interface ClassErrors {
  readonly patches: number[];
  readonly wrong: number[];
}

export function noClassErrors(classes: number): ClassErrors {
  return { patches: new Array<number>(classes).fill(0), wrong: new Array<number>(classes).fill(0) };
}

/** Counts the rows of `logits` `[labels.length, classes]` into `errors`. */
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
 * Balanced error: the mean over the classes of each class's share of wrong patches, so that a small class
 * counts as much as a large one. Classes without patches are left out; NaN where there are none. The sum is
 * of exact fractions: equal errors are equal numbers, and with equally many patches in all classes it is the
 * top-1 error to the last bit.
 */
export function balancedError({ patches, wrong }: ClassErrors): number {
  let [numerator, denominator, classes] = [0n, 1n, 0n];
  patches.forEach((count, c) => {
    if (count === 0) return;
    numerator = numerator * BigInt(count) + BigInt(wrong[c] as number) * denominator;
    denominator *= BigInt(count);
    classes++;
  });
  // The quotient as an integer of 128 binary places, which rounds once when it becomes a number.
  return classes === 0n ? Number.NaN : Number((numerator << 128n) / (denominator * classes)) / 2 ** 128;
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

function logSumExp(row: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const value of row) if (value > max || Number.isNaN(value)) max = value;
  let sum = 0;
  for (const value of row) sum += Math.exp(value - max);
  return max + Math.log(sum);
}
