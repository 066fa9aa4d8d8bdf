/**
 * Calibration: whether a model's probabilities can be taken literally, and the temperature that makes them
 * so. A temperature divides the logits before the softmax. It changes no prediction, only how sure the model
 * says it is (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).
 *
 * Patches and photographs need different temperatures: the mean logits of many patches are less often wrong
 * than those of one patch, and no larger.
 */
import { crossEntropy, meanRow, softmax, softmaxRows, topClasses } from './scores.ts';
import { meanOf } from './statistics/descriptive.ts';

/** Each divides logits before the softmax; above 1 it lowers the probability of the likeliest class. */
export interface Temperatures {
  /** For the logits of one patch. */
  readonly patch: number;
  /** For the mean logits of several patches. */
  readonly photograph: number;
}

/** Of a model whose file has no temperatures. */
export const noTemperatures: Temperatures = { patch: 1, photograph: 1 };

/** The temperature for the mean logits of `patches` patches. */
export function temperatureOf(temperatures: Temperatures, patches: number): number {
  return patches === 1 ? temperatures.patch : temperatures.photograph;
}

/** Probabilities for the mean of the rows of `logits` `[patches, classes]`. */
export function meanProbabilities(
  logits: Float32Array,
  classes: number,
  temperatures: Temperatures,
): Float32Array {
  const temperature = temperatureOf(temperatures, logits.length / classes);
  return softmaxRows(meanRow(logits, classes), classes, temperature);
}

/** Probabilities for each row of `logits` `[patches, classes]`. */
export function patchProbabilities(
  logits: Float32Array,
  classes: number,
  { patch }: Temperatures,
): Float32Array {
  return softmaxRows(logits, classes, patch);
}

/** Rows of logits `[labels.length, classes]` with their classes. */
export interface LabelledLogits {
  readonly logits: Float32Array;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

/** How one row of logits scores. */
export interface RowScore {
  readonly isRight: boolean;
  /** Probability of the predicted class. */
  readonly confidence: number;
  /** Negative log-likelihood of the label, in nats. */
  readonly nll: number;
  /** Sum over classes of (probability - 1 for the label or 0)^2, 0..2 (Brier 1950). */
  readonly brier: number;
}

/** The score of each row, with the logits divided by `temperature(row)`. */
export function rowScores(
  { logits, labels, classes }: LabelledLogits,
  temperature: (row: number) => number,
): readonly RowScore[] {
  return Array.from(labels, (label, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const t = temperature(i);
    const probabilities = softmax(row, t);
    const [predicted = 0] = topClasses(row, 1);
    return {
      isRight: predicted === label,
      confidence: probabilities[predicted] as number,
      nll: crossEntropy(row, label, t),
      brier: probabilities.reduce((sum, p, c) => sum + (p - Number(c === label)) ** 2, 0),
    };
  });
}

/** A bin of a reliability diagram: predictions of similar confidence. */
export interface ReliabilityBin {
  readonly count: number;
  /** Mean probability of the predicted class. */
  readonly confidence: number;
  /** Share of right predictions. */
  readonly accuracy: number;
}

const mostBins = 15;
/** The share of right predictions among fewer would be mostly noise. */
const leastInBin = 20;

/**
 * Bins with about the same number of predictions, by increasing confidence: at most 15, of 20 or more
 * predictions each if there are that many. Equal confidences are in one bin.
 */
export function reliabilityBins(scores: readonly RowScore[]): readonly ReliabilityBin[] {
  const sorted = scores.toSorted((a, b) => a.confidence - b.confidence);
  const count = Math.max(1, Math.min(mostBins, Math.floor(sorted.length / leastInBin)));
  const bins: ReliabilityBin[] = [];
  for (let bin = 1, start = 0; bin <= count && start < sorted.length; bin++) {
    let end = Math.max(start + 1, Math.round((bin * sorted.length) / count));
    while (end < sorted.length && sorted[end]?.confidence === sorted[end - 1]?.confidence) end++;
    const members = sorted.slice(start, end);
    bins.push({
      count: members.length,
      confidence: meanOf(members.map(({ confidence }) => confidence)),
      accuracy: meanOf(members.map(({ isRight }) => Number(isRight))),
    });
    start = end;
  }
  return bins;
}

/**
 * Expected calibration error, 0..1: the mean difference between confidence and accuracy over the bins,
 * weighted by their counts (Naeini et al., AAAI 2015; equal-mass bins as in Nixon et al., CVPR workshops
 * 2019). NaN without predictions.
 */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const all = bins.reduce((sum, { count }) => sum + count, 0);
  return bins.reduce(
    (sum, { count, confidence, accuracy }) => sum + (count * Math.abs(accuracy - confidence)) / all,
    all === 0 ? Number.NaN : 0,
  );
}

/** Of the logarithm of a temperature before the photographs are seen: a factor of 1.65 is nothing unusual. */
const priorDeviation = 0.5;
/** Temperatures that are tried: from 1/20 to 20, each 1.28 times the one before. */
const tried = Array.from({ length: 25 }, (_, i) => Math.log(20) * (i / 12 - 1));
const goldenSteps = 24;
const golden = (Math.sqrt(5) - 1) / 2;

/**
 * The most likely temperature: it minimises the negative log-likelihood of the labels, with a normal prior on
 * its logarithm. Without the prior, rows that are all right would make the model certain, because a lower
 * temperature is then always likelier. The best of the tried temperatures is refined by golden-section search.
 * Returns 1 without rows, or if the logits are not finite.
 */
export function fittedTemperature(rows: LabelledLogits): number {
  if (rows.labels.length === 0 || !rows.logits.every(Number.isFinite)) return 1;
  const cost = (logarithm: number) =>
    totalLoss(rows, Math.exp(logarithm)) + logarithm ** 2 / (2 * priorDeviation ** 2);
  const costs = tried.map(cost);
  const best = costs.indexOf(Math.min(...costs));
  let low = tried[Math.max(0, best - 1)] as number;
  let high = tried[Math.min(tried.length - 1, best + 1)] as number;
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [leftCost, rightCost] = [cost(left), cost(right)];
  for (let step = 0; step < goldenSteps; step++) {
    if (leftCost < rightCost) {
      [high, right, rightCost] = [right, left, leftCost];
      left = high - golden * (high - low);
      leftCost = cost(left);
    } else {
      [low, left, leftCost] = [left, right, rightCost];
      right = low + golden * (high - low);
      rightCost = cost(right);
    }
  }
  // Four digits, more than the data determine, and short in a file's metadata.
  return Number(Math.exp((low + high) / 2).toPrecision(4));
}

function totalLoss({ logits, labels, classes }: LabelledLogits, temperature: number): number {
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    total += crossEntropy(row, labels[i] as number, temperature);
  }
  return total;
}
