import { describe, expect, test } from 'vitest';
import { randomStream } from '../../../model/random.ts';
import { heldOutLogits } from '../../../training/inspection/held-out-logits.ts';
import { checkedLabels } from '../../../training/inspection/suspicious-labels.ts';

const classes = 3;
const perClass = 14;

/** Points around one corner for each class, in 5 dimensions of unlike scales. */
function points() {
  const random = randomStream(4, 'points');
  const labels = Array.from({ length: classes * perClass }, (_, i) => i % classes);
  const features = labels.map((label) =>
    Float32Array.from({ length: 5 }, (_, f) => 10 ** f * (random.normal() + (f === label ? 6 : 0))),
  );
  return { features, labels, classes, clusters: [...labels.keys()] };
}

function rankedWith(labels: readonly number[], clusters: readonly number[]) {
  return checkedLabels(heldOutLogits({ ...points(), labels, clusters }), labels, classes);
}

describe('labels are compared with what the other photographs look like', () => {
  test('no label of separate classes is suspicious', () => {
    const { labels, clusters } = points();
    const checked = rankedWith(labels, clusters);
    expect(checked).toHaveLength(labels.length);
    expect(checked.filter(({ isSuspicious }) => isSuspicious)).toEqual([]);
    for (const { probability } of checked) expect(probability).toBeGreaterThan(0.5);
  });

  test('wrong ones come first, with the true class as the suggestion', () => {
    const { labels, clusters } = points();
    const wrong = labels.map((label, i) => (i === 4 || i === 20 ? (label + 1) % classes : label));
    const checked = rankedWith(wrong, clusters);
    const first = checked.slice(0, 2).toSorted((a, b) => a.photograph - b.photograph);
    expect(first).toMatchObject([
      { photograph: 4, suggestion: labels[4], isSuspicious: true },
      { photograph: 20, suggestion: labels[20], isSuspicious: true },
    ]);
    expect(checked.filter(({ isSuspicious }) => isSuspicious)).toHaveLength(2);
  });

  test('copies with the same wrong label do not vouch for one another', () => {
    const { features, labels } = points();
    const copies = [...features, ...Array.from({ length: 4 }, () => features[0] as Float32Array)];
    const wrong = [1, ...labels.slice(1), 1, 1, 1, 1];
    const last = labels.length;
    const clusters = [...labels.keys(), 0, 0, 0, 0];
    const ranked = checkedLabels(
      heldOutLogits({ features: copies, labels: wrong, classes, clusters }),
      wrong,
      classes,
    );
    const first = ranked.slice(0, 5).map(({ photograph }) => photograph);
    expect(first.toSorted((a, b) => a - b)).toEqual([0, last, last + 1, last + 2, last + 3]);
  });

  test('the only photograph of a class is not checked', () => {
    const { features, labels, clusters } = points();
    const alone = labels.map((label, i) => (i === 0 ? 3 : label));
    const logits = heldOutLogits({ features, labels: alone, classes: 4, clusters });
    expect(logits[0]).toBeNaN();
    const checked = checkedLabels(logits, alone, 4);
    expect(checked).toHaveLength(labels.length - 1);
    expect(checked.some(({ photograph }) => photograph === 0)).toBe(false);
  });
});

test('the odds of the label against the likeliest other class decide, at 1 to 19', () => {
  const margin = (odds: number) => [Math.log(odds), 0, -3];
  // The many sure rows fix the temperature.
  const rows = [
    margin(1 / 25),
    margin(1 / 12),
    ...Array.from({ length: 60 }, (_, i) => margin(i < 54 ? 9 : 1 / 9)),
  ];
  const logits = Float32Array.from(rows.flat());
  const labels = rows.map(() => 0);
  const checked = checkedLabels(logits, labels, 3);
  expect(checked.slice(0, 2)).toMatchObject([
    { photograph: 0, suggestion: 1, isSuspicious: true },
    { photograph: 1, suggestion: 1, isSuspicious: false },
  ]);
  const [
    { probability, suggestionProbability, logOdds } = {
      probability: 0,
      suggestionProbability: 1,
      logOdds: 0,
    },
  ] = checked;
  expect(Math.log(probability / suggestionProbability)).toBeCloseTo(logOdds, 9);
});
