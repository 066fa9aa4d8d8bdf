import { expect, test } from 'vitest';
import {
  expectedCalibrationError,
  fittedTemperature,
  type LabelledLogits,
  meanProbabilities,
  patchProbabilities,
  reliabilityBins,
  rowScores,
  temperatureOf,
} from '../../model/calibration.ts';
import { randomStream } from '../../model/random.ts';
import { softmax } from '../../model/scores.ts';

/** `[ln 3, 0]` has the probabilities 3/4 and 1/4. */
const threeToOne = Float32Array.of(Math.log(3), 0);

test('a row scores by its confidence, its loss and the square of its errors', () => {
  const rows: LabelledLogits = {
    logits: Float32Array.of(...threeToOne, ...threeToOne),
    labels: [0, 1],
    classes: 2,
  };
  const [right, wrong] = rowScores(rows, () => 1);
  expect(right).toMatchObject({ isRight: true, confidence: expect.closeTo(0.75, 6) });
  expect(right?.nll).toBeCloseTo(Math.log(4 / 3), 6);
  expect(right?.brier).toBeCloseTo(0.125, 6);
  expect(wrong).toMatchObject({ isRight: false, confidence: expect.closeTo(0.75, 6) });
  expect(wrong?.nll).toBeCloseTo(Math.log(4), 6);
  expect(wrong?.brier).toBeCloseTo(1.125, 6);
});

test('a temperature of 2 takes the square root of the odds and changes no prediction', () => {
  expect(softmax(threeToOne, 2)[0]).toBeCloseTo(Math.sqrt(3) / (1 + Math.sqrt(3)), 6);
  const rows = { logits: threeToOne, labels: [1], classes: 2 };
  expect(rowScores(rows, () => 2)[0]).toMatchObject({ isRight: false });
  expect(rowScores(rows, () => 2)[0]?.nll).toBeCloseTo(Math.log(1 + Math.sqrt(3)), 6);
});

test('one patch has the temperature of patches, several have that of photographs', () => {
  const temperatures = { patch: 1.25, photograph: 0.5 };
  expect([1, 2, 15].map((patches) => temperatureOf(temperatures, patches))).toEqual([1.25, 0.5, 0.5]);
});

test('several patches give the probabilities of their mean logits, and each patch its own', () => {
  const logits = Float32Array.of(4, 0, 2, 0);
  const temperatures = { patch: 2, photograph: 3 };
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const [mean] = meanProbabilities(logits, 2, temperatures);
  expect(mean).toBeCloseTo(sigmoid(1), 6);
  const [alone] = meanProbabilities(logits.subarray(0, 2), 2, temperatures);
  expect(alone).toBeCloseTo(sigmoid(2), 6);
  const [first, , second] = patchProbabilities(logits, 2, temperatures);
  expect(first).toBeCloseTo(sigmoid(2), 6);
  expect(second).toBeCloseTo(sigmoid(1), 6);
});

const score = (confidence: number, isRight: boolean) => ({ confidence, isRight, nll: 0, brier: 0 });

test('the calibration error is the distance of confidence and accuracy, weighted by the size of the bins', () => {
  const low = Array.from({ length: 20 }, (_, i) => score(0.6, i < 10));
  const high = Array.from({ length: 20 }, (_, i) => score(0.9, i < 19));
  const bins = reliabilityBins([...high, ...low]);
  expect(bins.map(({ count, accuracy }) => [count, accuracy])).toEqual([
    [20, 0.5],
    [20, 0.95],
  ]);
  expect(expectedCalibrationError(bins)).toBeCloseTo((0.1 + 0.05) / 2, 12);
});

test('bins have about the same size, and equal confidences are in one', () => {
  const distinct = Array.from({ length: 1000 }, (_, i) => score(i / 1000, true));
  expect(reliabilityBins(distinct)).toHaveLength(15);
  expect(new Set(reliabilityBins(distinct).map(({ count }) => count))).toEqual(new Set([66, 67]));
  const sure = Array.from({ length: 100 }, (_, i) => score(i < 10 ? 0.5 : 1, i % 2 === 0));
  expect(reliabilityBins(sure).map(({ count }) => count)).toEqual([100]);
  expect(reliabilityBins([score(0.5, false)])).toEqual([{ count: 1, confidence: 0.5, accuracy: 0 }]);
  expect(reliabilityBins([])).toEqual([]);
  expect(expectedCalibrationError([])).toBeNaN();
});

/** Labels drawn from the softmax of the logits, which are then multiplied by `factor`. */
function drawn(rows: number, factor: number): LabelledLogits {
  const random = randomStream(3, 'calibration test');
  const classes = 4;
  const logits = new Float32Array(rows * classes);
  const labels = Array.from({ length: rows }, (_, i) => {
    const row = Float64Array.from({ length: classes }, () => 2 * random.normal());
    logits.set(
      row.map((value) => factor * value),
      i * classes,
    );
    let left = random.uniform();
    const probabilities = softmax(row, 1);
    return probabilities.findIndex((p) => {
      left -= p;
      return left < 0;
    });
  });
  return { logits, labels, classes };
}

test('the fitted temperature undoes a factor on the logits, and calibrates them', () => {
  const rows = drawn(5000, 3);
  const temperature = fittedTemperature(rows);
  expect(temperature).toBeGreaterThan(2.8);
  expect(temperature).toBeLessThan(3.2);
  const ece = (t: number) => expectedCalibrationError(reliabilityBins(rowScores(rows, () => t)));
  expect(ece(1)).toBeGreaterThan(0.1);
  expect(ece(temperature)).toBeLessThan(0.02);
});

test('the loss and the prior of the temperature together are lowest at the fitted temperature', () => {
  const rows = drawn(60, 0.4);
  const cost = (t: number) =>
    rowScores(rows, () => t).reduce((sum, { nll }) => sum + nll, 0) + Math.log(t) ** 2 / (2 * 0.5 ** 2);
  const best = fittedTemperature(rows);
  expect(best).toBeLessThan(1);
  expect(cost(best)).toBeLessThan(cost(best * 1.01));
  expect(cost(best)).toBeLessThan(cost(best / 1.01));
});

test('rows without a mistake do not make the model certain', () => {
  const rows = (count: number): LabelledLogits => ({
    logits: Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 4 : 0)),
    labels: new Int32Array(count),
    classes: 2,
  });
  const [few, many] = [10, 1000].map((count) => fittedTemperature(rows(count))) as [number, number];
  expect(few).toBeGreaterThan(0.85);
  expect(few).toBeLessThan(1);
  // One mistake in 1000 or more is what they rule out.
  const [probability = 0] = softmax(Float32Array.of(4, 0), many);
  expect(many).toBeLessThan(few);
  expect(probability).toBeGreaterThan(0.999);
  expect(probability).toBeLessThan(0.99999);
});

test('without usable rows the temperature is 1, and it stays in its range', () => {
  expect(fittedTemperature({ logits: new Float32Array(0), labels: [], classes: 3 })).toBe(1);
  const broken = { logits: Float32Array.of(Number.NaN, 1), labels: [0], classes: 2 };
  expect(fittedTemperature(broken)).toBe(1);
  const logits = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? 4 : 0));
  const wrong = fittedTemperature({ logits, labels: new Int32Array(1000).fill(1), classes: 2 });
  expect(wrong).toBeGreaterThan(15);
  expect(wrong).toBeLessThan(20.01);
});
