import { describe, expect, test } from 'vitest';
import {
  featureScores,
  fitKnownScore,
  knownMargin,
  knownScoreFromTensors,
  knownScoreToTensors,
} from '../../model/known-score.ts';
import { randomStream } from '../../model/random.ts';
import { decodeTensors, encodeTensors } from '../../model/safetensors.ts';

const width = 6;
const classes = 3;
const centres = [
  [4, 0, 0, 0, 0, 0],
  [0, 4, 0, 0, 0, 0],
  [0, 0, 4, 0, 0, 0],
];

/**
 * Normal values around the centre of each class; the features are correlated and of very different sizes.
 * `shift` moves the first one.
 */
function rows(perClass: number, seed: number, shift = 0) {
  const random = randomStream(seed, 'features');
  const labels = Array.from({ length: perClass * classes }, (_, i) => Math.floor(i / perClass));
  const features = labels.flatMap((label) => {
    const noise = Array.from({ length: width }, () => random.normal());
    const own = noise.map((value, f) => value + 0.3 * (noise[(f + 1) % width] ?? 0));
    return own.map(
      (value, f) => (value + (centres[label]?.[f] ?? 0) + (f === 0 ? shift : 0)) * 3 ** (f - 3) + f,
    );
  });
  const logits = labels.flatMap((label) => Array.from({ length: classes }, (_, c) => (c === label ? 4 : 0)));
  return { features: Float32Array.from(features), labels, logits: Float32Array.from(logits) };
}

const training = rows(6000, 1);
const held = rows(100, 2);
const photographs = held.labels.map((_, i) => Math.floor(i / 4));
const known = fitKnownScore(training, { ...held, photographs }, classes);

/** The definition, with the covariances of the training patches, inverted by Gauss and Jordan. */
function definition(): (x: readonly number[]) => number {
  const count = training.labels.length;
  const all = Array.from({ length: count }, (_, i) =>
    Array.from(training.features.subarray(i * width, (i + 1) * width)),
  );
  const meanOf = (part: readonly (readonly number[])[]) =>
    Array.from({ length: width }, (_, f) => part.reduce((sum, row) => sum + (row[f] ?? 0), 0) / part.length);
  const means = centres.map((_, c) => meanOf(all.filter((_row, i) => training.labels[i] === c)));
  const mean = meanOf(all);
  const covariance = (centreOf: (i: number) => readonly number[]) =>
    Array.from({ length: width }, (_, a) =>
      Array.from(
        { length: width },
        (__, b) =>
          all.reduce((sum, row, i) => {
            const centre = centreOf(i);
            return sum + ((row[a] ?? 0) - (centre[a] ?? 0)) * ((row[b] ?? 0) - (centre[b] ?? 0));
          }, 0) / count,
      ),
    );
  const within = covariance((i) => means[training.labels[i] ?? 0] ?? []);
  const total = covariance(() => mean);
  return (x) => {
    const distance = (matrix: readonly (readonly number[])[], centre: readonly number[]) => {
      const difference = x.map((value, f) => value - (centre[f] ?? 0));
      return solved(matrix, difference).reduce((sum, value, f) => sum + value * (difference[f] ?? 0), 0);
    };
    return Math.max(...means.map((centre) => distance(total, mean) - distance(within, centre)));
  };
}

function solved(matrix: readonly (readonly number[])[], right: readonly number[]): readonly number[] {
  const rowsOf = matrix.map((row, i) => [...row, right[i] ?? 0]);
  const size = right.length;
  for (let pivot = 0; pivot < size; pivot++) {
    const own = rowsOf[pivot] ?? [];
    for (const [i, row] of rowsOf.entries()) {
      if (i === pivot) continue;
      const factor = (row[pivot] ?? 0) / (own[pivot] ?? 1);
      own.forEach((value, at) => {
        row[at] = (row[at] ?? 0) - factor * value;
      });
    }
  }
  return rowsOf.map((row, i) => (row[size] ?? 0) / (row[i] ?? 1));
}

describe('fitKnownScore', () => {
  test('the feature score is the relative Mahalanobis distance, times one weight', () => {
    const points = [held, rows(3, 3, 8), rows(3, 4, -30)].flatMap(({ features }) =>
      Array.from({ length: 9 }, (_, i) => Array.from(features.subarray(i * width, (i + 1) * width))),
    );
    const scores = featureScores(known, Float32Array.from(points.flat()));
    const distances = points.map(definition());
    const weight = (scores[0] as number) / (distances[0] as number);
    expect(weight).toBeGreaterThan(0);
    // Shrinking moves the covariance a little.
    for (const [i, distance] of distances.entries())
      expect(Math.abs((scores[i] as number) / weight - distance)).toBeLessThan(
        0.05 + 0.05 * Math.abs(distance),
      );
  });

  test('accepts 95 % of the validation photographs, and nothing far from every class', () => {
    const probability = Math.exp(4) / (Math.exp(4) + 2);
    const scores = featureScores(known, held.features);
    // Another runtime rounds otherwise.
    for (const rounding of [0, 5e-5, -5e-5]) {
      const rounded = scores.map((score) => score + rounding);
      const accepted = Array.from(
        { length: 75 },
        (_, photograph) =>
          knownMargin(probability, rounded.subarray(4 * photograph, 4 * photograph + 4), known.thresholds) >=
          0,
      );
      expect(accepted.filter(Boolean)).toHaveLength(72);
      const single = Array.from(rounded, (score) => knownMargin(probability, [score], known.thresholds) >= 0);
      expect(single.filter(Boolean)).toHaveLength(285);
    }
    const far = featureScores(known, rows(20, 5, -30).features);
    for (let c = 0; c < classes; c++)
      expect(knownMargin(1, far.subarray(20 * c, 20 * c + 20), known.thresholds)).toBeLessThan(0);
  });

  test('a constant feature, few patches and a class without any do no harm', () => {
    const { features, labels, logits } = rows(2, 6);
    const constant = features.map((value, i) => (i % width === 0 ? 7 : value));
    const few = { features: constant.slice(0, 4 * width), labels: labels.slice(0, 4) };
    const fitted = fitKnownScore(few, { features: constant, labels, logits, photographs: labels }, classes);
    for (const score of featureScores(fitted, constant)) expect(Number.isFinite(score)).toBe(true);
    expect(Number.isFinite(fitted.thresholds.photograph)).toBe(true);
  });

  test('classes that vary only by rounding errors have a finite score and thresholds', () => {
    const labels = Array.from({ length: 7 * classes }, (_, i) => Math.floor(i / 7));
    const features = Float32Array.from(
      labels.flatMap((label) => centres[label] ?? []),
      (value) => (value + 1) * 0.1,
    );
    const logits = Float32Array.from(labels.flatMap((label) => centres[label]?.slice(0, classes) ?? []));
    const fitted = fitKnownScore(
      { features, labels },
      { features, labels, logits, photographs: labels },
      classes,
    );
    const { thresholds, ...maps } = knownScoreFromTensors(
      decodeTensors(encodeTensors(knownScoreToTensors(fitted)), 'known.safetensors'),
      'known.safetensors',
    );
    for (const score of featureScores(maps, features)) expect(Number.isFinite(score)).toBe(true);
    expect(Math.min(...featureScores(maps, features)) + 1).toBeGreaterThan(thresholds.patch);
  });

  test('a single validation photograph gives a weight as many do', () => {
    const weightOf = (patches: number) => {
      const part = {
        features: held.features.slice(0, patches * width),
        labels: held.labels.slice(0, patches),
        logits: held.logits.slice(0, patches * classes),
        photographs: photographs.slice(0, patches),
      };
      const fitted = fitKnownScore(training, part, classes);
      return (fitted.classKernel[0] as number) / (known.classKernel[0] as number);
    };
    expect(weightOf(4)).toBeGreaterThan(0.1);
    expect(weightOf(4)).toBeLessThan(10);
    // A single patch does not vary either: the score then counts as it is, and little.
    expect(weightOf(1)).toBeGreaterThan(0.1);
    expect(weightOf(1)).toBeLessThan(10);
  });

  test('is the same after it was stored, and a damaged file is an error', () => {
    const file = encodeTensors(knownScoreToTensors(known));
    expect(knownScoreFromTensors(decodeTensors(file, 'known'), 'known')).toEqual(known);
    const { tensors } = knownScoreToTensors(known);
    expect(() => knownScoreFromTensors({ tensors, metadata: {} }, 'known')).toThrow(
      'known: expected thresholds',
    );
    const short = new Map([...tensors].filter(([name]) => name !== 'spreadBias'));
    expect(() => knownScoreFromTensors({ ...knownScoreToTensors(known), tensors: short }, 'known')).toThrow(
      'known: expected 3 values of spreadBias',
    );
  });
});
