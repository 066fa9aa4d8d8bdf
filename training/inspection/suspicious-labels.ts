/**
 * Ranks photographs by how likely their label is wrong, from the probabilities of models that did not learn
 * from the photograph, as confident learning does (Northcutt, Jiang and Chuang 2021, "Confident learning:
 * estimating uncertainty in dataset labels"): here by the odds of the label against the likeliest other class.
 */
import { fittedTemperature } from '../../model/calibration.ts';
import { softmax, topClasses } from '../../model/scores.ts';

export interface CheckedLabel {
  /** Index of the photograph. */
  readonly photograph: number;
  /** Index of the likeliest other class. */
  readonly suggestion: number;
  /** Of the given label. */
  readonly probability: number;
  readonly suggestionProbability: number;
  /** Natural logarithm of the odds of the label against the suggestion; the lowest is the most suspicious. */
  readonly logOdds: number;
  /** Whether the label has a probability below 5 % if only the label and the suggestion are possible. */
  readonly isSuspicious: boolean;
}

const suspiciousLogOdds = Math.log(0.05 / 0.95);

/**
 * Every photograph whose row of `logits` `[photographs, classes]` is finite, the most suspicious first.
 * Probabilities have one temperature, fitted to these rows.
 */
export function checkedLabels(
  logits: Float32Array,
  labels: readonly number[],
  classes: number,
): readonly CheckedLabel[] {
  const photographs = [...labels.keys()].filter((i) => Number.isFinite(logits[i * classes]));
  const rows = new Float32Array(photographs.length * classes);
  photographs.forEach((i, row) => {
    rows.set(logits.subarray(i * classes, (i + 1) * classes), row * classes);
  });
  const own = photographs.map((i) => labels[i] as number);
  const temperature = fittedTemperature({ logits: rows, labels: own, classes });
  const probabilities = own.map((_, row) =>
    softmax(rows.subarray(row * classes, (row + 1) * classes), temperature),
  );
  return photographs
    .map((photograph, row): CheckedLabel => {
      const label = own[row] as number;
      const values = rows.subarray(row * classes, (row + 1) * classes);
      const others = topClasses(values, 2).filter((c) => c !== label);
      const suggestion = others[0] ?? label;
      const mine = probabilities[row] as Float64Array;
      const logOdds = ((values[label] as number) - (values[suggestion] as number)) / temperature;
      return {
        photograph,
        suggestion,
        probability: mine[label] as number,
        suggestionProbability: mine[suggestion] as number,
        logOdds,
        isSuspicious: logOdds < suspiciousLogOdds,
      };
    })
    .sort((a, b) => a.logOdds - b.logOdds || a.photograph - b.photograph);
}
