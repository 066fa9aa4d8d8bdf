import { expect, test } from 'vitest';
import {
  byKnownClass,
  comparedModels,
  evaluationResults,
  type ReadPhotograph,
  recognitionOf,
  unknownClasses,
} from '../../model/evaluation.ts';
import { randomStream } from '../../model/random.ts';
import { wilsonInterval } from '../../model/statistics/wilson.ts';

const labels = ['brick', 'knit', 'water'];
const model = { labels, temperatures: { patch: 1, photograph: 1 } };

/** A photograph whose patches are predicted as the given classes, each with a lead of 2 in its logit. */
function photograph(file: string, label: string, ...predicted: readonly string[]): ReadPhotograph {
  return {
    file,
    label,
    logits: Float32Array.from(predicted.flatMap((name) => labels.map((own) => (own === name ? 2 : 0)))),
  };
}

const six = [
  photograph('brick/1', 'brick', 'brick', 'brick', 'knit'),
  photograph('brick/2', 'brick', 'knit', 'knit', 'brick'),
  photograph('brick/3', 'brick', 'brick'),
  photograph('brick/4', 'brick', 'brick', 'brick'),
  photograph('knit/1', 'knit', 'knit', 'knit'),
  photograph('knit/2', 'knit', 'water'),
];

test('errors of patches and photographs, and of classes that count the same', () => {
  const { errors } = evaluationResults(six, model);
  expect(errors.patches.value).toBe(4 / 12);
  expect(errors.photographs.value).toBe(2 / 6);
  expect(errors.balancedPatches.value).toBeCloseTo((3 / 9 + 1 / 3) / 2, 12);
  expect(errors.balancedPhotographs.value).toBeCloseTo((1 / 4 + 1 / 2) / 2, 12);
  for (const { value, interval } of Object.values(errors)) {
    expect(interval?.low).toBeLessThan(value);
    expect(interval?.high).toBeGreaterThan(value);
  }
  expect(errors.photographs.interval).toEqual(wilsonInterval(2, 6));
});

test('precision, recall and confusion of each class, also of those without photographs', () => {
  const { classes, confusion } = evaluationResults(six, model);
  expect(confusion.photographs).toEqual([
    [3, 1, 0],
    [0, 1, 1],
    [0, 0, 0],
  ]);
  expect(confusion.patches).toEqual([
    [6, 3, 0],
    [0, 2, 1],
    [0, 0, 0],
  ]);
  expect(classes[1]).toEqual({
    label: 'knit',
    photographs: { count: 2, right: 1, predicted: 2, precision: 0.5, recall: 0.5 },
    patches: { count: 3, right: 2, predicted: 5, precision: 0.4, recall: 2 / 3 },
  });
  expect(classes[2]?.photographs).toEqual({ count: 0, right: 0, predicted: 1, precision: 0, recall: null });
});

test('the worst photographs are the wrong ones, the lowest probability of the label first', () => {
  const { worst } = evaluationResults(six, model);
  expect(worst.map(({ file }) => file).slice(0, 3)).toEqual(['knit/2', 'brick/2', 'brick/1']);
  expect(worst[0]).toMatchObject({ label: 'knit', prediction: 'water', patches: 1, wrongPatches: 1 });
  const odds = Math.exp(2);
  expect(worst[0]?.probability).toBeCloseTo(odds / (odds + 2), 6);
  expect(worst[0]?.labelProbability).toBeCloseTo(1 / (odds + 2), 6);
});

test('the results do not depend on chance', () => {
  expect(evaluationResults(six, model)).toEqual(evaluationResults(six, model));
});

test('temperatures give a second calibration, and change no error', () => {
  const plain = evaluationResults(six, model);
  const warm = evaluationResults(six, { labels, temperatures: { patch: 2, photograph: 0.5 } });
  expect(warm.errors).toEqual(plain.errors);
  expect(plain.calibration.patches.calibrated).toBeUndefined();
  expect(warm.calibration.patches.uncalibrated).toEqual(plain.calibration.patches.uncalibrated);
  expect(warm.calibration.patches.calibrated?.temperature).toBe(2);
  expect(warm.calibration.photographs.calibrated?.temperature).toBe(0.5);
  // Of 12 patches 8 are right, with the logits 1, 0 and 0 after the temperature.
  const nll = Math.log(Math.E + 2) - 8 / 12;
  expect(warm.calibration.patches.calibrated?.nll.value).toBeCloseTo(nll, 6);
});

test('the interval of the patch error covers the true error in 95 of 100 sets of photographs', () => {
  // Photographs differ: half have a patch error of 0.1, half of 0.5.
  const random = randomStream(5, 'coverage of evaluations');
  let covered = 0;
  const samples = 100;
  for (let s = 0; s < samples; s++) {
    const photographs = Array.from({ length: 40 }, (_, i) => {
      const error = random.uniform() < 0.5 ? 0.1 : 0.5;
      const patches = Array.from({ length: 10 }, () => (random.uniform() < error ? 'knit' : 'brick'));
      return photograph(`brick/${i}`, 'brick', ...patches);
    });
    const { interval } = evaluationResults(photographs, model).errors.patches;
    if (interval !== null && interval.low <= 0.3 && 0.3 <= interval.high) covered++;
  }
  expect(covered / samples).toBeGreaterThan(0.9);
  expect(covered / samples).toBeLessThan(0.99);
});

test('classes that the model does not know are listed with what they were predicted as', () => {
  const moss = [
    photograph('moss/1', 'moss', 'water'),
    photograph('moss/2', 'moss', 'knit'),
    photograph('moss/3', 'moss', 'water'),
  ];
  const { known, unknown } = byKnownClass([...six, ...moss], model);
  expect(known).toEqual(six);
  const [found, ...others] = unknownClasses(unknown, model);
  expect(others).toEqual([]);
  expect(found).toMatchObject({
    label: 'moss',
    photographs: 3,
    predictions: [
      { label: 'water', photographs: 2 },
      { label: 'knit', photographs: 1 },
    ],
  });
  expect(found?.meanProbability).toBeCloseTo(Math.exp(2) / (Math.exp(2) + 2), 6);
});

test('known and unknown photographs are told apart by their margins, and without margins not at all', () => {
  const scored = (read: ReadPhotograph, photograph: number, ...patches: readonly number[]) => ({
    ...read,
    margins: { photograph, patches: Float64Array.from(patches) },
  });
  const [one, two, three, four] = six as [ReadPhotograph, ReadPhotograph, ReadPhotograph, ReadPhotograph];
  const known = [scored(one, 0.5, 1, -1, 1), scored(two, -0.1, 0, 0, 0)];
  const unknown = [scored(three, -0.1, -1, -2), scored(four, -0.4, 0.5, -3)];
  // Photographs: 0.5 and -0.1 against -0.1 and -0.4. Patches: six scores against four.
  expect(recognitionOf(known, unknown).recognition).toMatchObject({
    photographs: { auroc: { value: 3.5 / 4 }, acceptedKnown: 1 / 2, acceptedUnknown: 0 },
    patches: { auroc: { value: (2 * 4 + 2.5 + 3 * 3) / 24 }, acceptedKnown: 5 / 6, acceptedUnknown: 1 / 4 },
  });
  expect(recognitionOf(known, [])).toEqual({});
  expect(recognitionOf(six, unknown)).toEqual({});
});

test('two models are compared photograph by photograph, on the classes that both know', () => {
  const others = { labels: ['brick', 'knit'], temperatures: { patch: 1, photograph: 1 } };
  const read = (file: string, label: string, ...right: readonly boolean[]): ReadPhotograph => ({
    file,
    label,
    logits: Float32Array.from(right.flatMap((is) => (is === (label === 'brick') ? [1, 0] : [0, 1]))),
  });
  const water = photograph('water/1', 'water', 'water');
  const compared = comparedModels(
    { model, photographs: [...six, water] },
    {
      model: others,
      photographs: [
        read('brick/1', 'brick', true, true, true),
        read('brick/2', 'brick', true, true, true),
        read('brick/3', 'brick', false),
        read('brick/4', 'brick', true, true),
        read('knit/1', 'knit', true, true),
        read('knit/2', 'knit', true),
        read('water/1', 'water', true),
      ],
    },
  );
  expect(compared).toMatchObject({ photographs: 6, onlyOwnRight: 1, onlyOtherRight: 2 });
  expect(compared?.patchError).toMatchObject({ own: 4 / 12, other: 1 / 12 });
  expect(compared?.patchError.difference.value).toBeCloseTo(3 / 12, 12);
  expect(compared?.photographError.difference.value).toBeCloseTo(1 / 6, 12);
  const { low, high } = compared?.patchError.difference.interval ?? { low: 1, high: 0 };
  expect(low).toBeLessThan(0.25);
  expect(high).toBeGreaterThan(0.25);
  expect(compared?.patchError.pValue).toBeGreaterThan(0.05);
  const same = comparedModels({ model, photographs: six }, { model, photographs: six });
  expect(same?.patchError).toMatchObject({ difference: { value: 0, interval: null }, pValue: null });
});

test('models without a common class cannot be compared', () => {
  const other = { labels: ['moss', 'sand'], temperatures: model.temperatures };
  expect(comparedModels({ model, photographs: six }, { model: other, photographs: six })).toBeUndefined();
});
