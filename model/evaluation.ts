/**
 * The measures of an evaluation, from the logits of each photograph's patches. The unit of every interval is
 * the photograph, because patches of one photograph are not independent.
 */
import {
  expectedCalibrationError,
  type LabelledLogits,
  noTemperatures,
  type RowScore,
  reliabilityBins,
  rowScores,
  type Temperatures,
  temperatureOf,
} from './calibration.ts';
import type {
  Calibration,
  Calibrations,
  ClassResult,
  Evaluation,
  EvaluationComparison,
  EvaluationResults,
  PairedErrors,
  PhotographResult,
} from './evaluation-file.ts';
import { groupBy } from './group-by.ts';
import type { KnownMargins } from './known-score.ts';
import { confusionMatrix, meanRow, softmax, topClasses } from './scores.ts';
import { classMean } from './statistics/class-mean.ts';
import { sumOf } from './statistics/descriptive.ts';
import { type Ratio, type Resampling, ratioOf, resampling } from './statistics/photograph-intervals.ts';
import { areaUnderRoc, type PhotographScores } from './statistics/roc.ts';
import { wilsonInterval } from './statistics/wilson.ts';

/** A photograph with the logits of its patches `[patches, classes]`. */
export interface ReadPhotograph {
  /** Its path in the data folder. */
  readonly file: string;
  /** The class that its folder names. */
  readonly label: string;
  readonly logits: Float32Array;
  /** By how much it passes the thresholds of known surfaces; absent if the model has none. */
  readonly margins?: KnownMargins;
}

export interface EvaluatedModel {
  /** In output order. */
  readonly labels: readonly string[];
  readonly temperatures: Temperatures;
}

/** What a model says about one photograph. */
interface Judged extends PhotographResult {
  /** Index of the label and of the prediction. */
  readonly labelIndex: number;
  readonly predictedIndex: number;
  /** Index of the prediction for each patch. */
  readonly patchPredictions: readonly number[];
}

/** Splits photographs by whether the model knows their class. */
export function byKnownClass(
  photographs: readonly ReadPhotograph[],
  { labels }: EvaluatedModel,
): { readonly known: readonly ReadPhotograph[]; readonly unknown: readonly ReadPhotograph[] } {
  const names = new Set(labels);
  return {
    known: photographs.filter(({ label }) => names.has(label)),
    unknown: photographs.filter(({ label }) => !names.has(label)),
  };
}

/** Photographs that the report shows. */
const worstShown = 24;

/** The results on one or more photographs whose classes the model knows. */
export function evaluationResults(
  photographs: readonly ReadPhotograph[],
  model: EvaluatedModel,
): EvaluationResults {
  const judged = photographs.map((photograph) => judge(photograph, model));
  const ofPatches = patchRows(photographs, model);
  const ofPhotographs = photographRows(photographs, model);
  const intervals = resampling(photographs);
  const wrongPatches: Ratio = {
    part: judged.map((photograph) => photograph.wrongPatches),
    whole: judged.map(({ patches }) => patches),
  };
  const wrongPhotographs: Ratio = {
    part: judged.map((photograph) => Number(isWrong(photograph))),
    whole: judged.map(() => 1),
  };
  const confusion = confusionCounts(judged, model.labels.length);
  const resampled = { intervals, temperatures: model.temperatures };
  const labels = judged.map(({ label }) => label);
  return {
    errors: {
      patches: intervals.share(wrongPatches),
      photographs: {
        value: ratioOf(wrongPhotographs),
        interval: wilsonInterval(sumOf(wrongPhotographs.part), judged.length),
      },
      balancedPatches: classMean(wrongPatches, labels),
      balancedPhotographs: classMean(wrongPhotographs, labels),
    },
    classes: classResults(model.labels, confusion),
    confusion,
    calibration: {
      photographs: calibrations(ofPhotographs, 'photograph', judged, resampled),
      patches: calibrations(ofPatches, 'patch', judged, resampled),
    },
    worst: worstFirst(judged).slice(0, worstShown).map(resultOf),
  };
}

/** The result for each photograph, in their order. */
export function photographResults(
  photographs: readonly ReadPhotograph[],
  model: EvaluatedModel,
): readonly PhotographResult[] {
  return photographs.map((photograph) => resultOf(judge(photograph, model)));
}

/** The prediction for the mean logits, and its probability. */
export function predictionOf(
  logits: Float32Array,
  { labels, temperatures }: EvaluatedModel,
): { readonly index: number; readonly label: string; readonly probabilities: Float64Array } {
  const mean = meanRow(logits, labels.length);
  const probabilities = softmax(mean, temperatureOf(temperatures, logits.length / labels.length));
  const [index = 0] = topClasses(mean, 1);
  return { index, label: labels[index] ?? '', probabilities };
}

/** What the photographs of each class that the model does not know were predicted as. */
export function unknownClasses(
  photographs: readonly ReadPhotograph[],
  model: EvaluatedModel,
): Evaluation['unknown'] {
  return [...groupBy(photographs, ({ label }) => label)].map(([label, members]) => {
    const predictions = members.map(({ logits }) => predictionOf(logits, model));
    const counts = [...groupBy(predictions, (prediction) => prediction.label)].map(([name, same]) => ({
      label: name,
      photographs: same.length,
    }));
    return {
      label,
      photographs: members.length,
      meanProbability: sumOf(predictions.map((p) => p.probabilities[p.index] as number)) / members.length,
      predictions: counts.toSorted((a, b) => b.photographs - a.photographs),
      ...rejectedOf(members),
    };
  });
}

/** How many photographs the model recognises as none of its classes; empty if it cannot tell. */
export function rejectedOf(photographs: readonly ReadPhotograph[]): { readonly rejected?: number } {
  const margins = photographs.flatMap((photograph) => photograph.margins ?? []);
  return margins.length === 0 ? {} : { rejected: margins.filter(({ photograph }) => photograph < 0).length };
}

/** How well the model tells its classes from others; empty if it cannot, or without photographs of both. */
export function recognitionOf(
  known: readonly ReadPhotograph[],
  unknown: readonly ReadPhotograph[],
): { readonly recognition?: NonNullable<Evaluation['recognition']> } {
  const [own, others] = [known, unknown].map((read) => read.flatMap(({ margins }) => margins ?? []));
  if (own === undefined || others === undefined || own.length === 0 || others.length === 0) return {};
  const of = (scoresOf: (margins: KnownMargins) => ArrayLike<number>) => {
    const [ours, theirs] = [own.map(scoresOf), others.map(scoresOf)];
    return {
      auroc: areaUnderRoc(ours, theirs),
      acceptedKnown: acceptedShare(ours),
      acceptedUnknown: acceptedShare(theirs),
    };
  };
  return {
    recognition: {
      photographs: of(({ photograph }) => [photograph]),
      patches: of(({ patches }) => patches),
    },
  };
}

function acceptedShare(margins: PhotographScores): number {
  const all = margins.flatMap((scores) => Array.from(scores));
  return all.filter((margin) => margin >= 0).length / all.length;
}

/**
 * Both models on the photographs whose class both know, photograph by photograph; undefined if there are none.
 * `own` and `other` have the same photographs in the same order.
 */
export function comparedModels(
  own: { readonly model: EvaluatedModel; readonly photographs: readonly ReadPhotograph[] },
  other: { readonly model: EvaluatedModel; readonly photographs: readonly ReadPhotograph[] },
): Omit<EvaluationComparison, 'model'> | undefined {
  const shared = new Set(own.model.labels.filter((label) => other.model.labels.includes(label)));
  const judgedBy = ({ model, photographs }: typeof own) =>
    photographs.filter(({ label }) => shared.has(label)).map((photograph) => judge(photograph, model));
  const [ours, theirs] = [judgedBy(own), judgedBy(other)];
  if (ours.length === 0) return undefined;
  const rightIn = (judged: readonly Judged[], i: number) => !isWrong(judged[i] as Judged);
  const places = ours.map((_, i) => i);
  return {
    photographs: ours.length,
    patchError: pairedErrors(ours, theirs, ({ wrongPatches, patches }) => [wrongPatches, patches]),
    photographError: pairedErrors(ours, theirs, (judged) => [Number(isWrong(judged)), 1]),
    onlyOwnRight: places.filter((i) => rightIn(ours, i) && !rightIn(theirs, i)).length,
    onlyOtherRight: places.filter((i) => !rightIn(ours, i) && rightIn(theirs, i)).length,
  };
}

function judge({ file, label, logits }: ReadPhotograph, model: EvaluatedModel): Judged {
  const classes = model.labels.length;
  const { index, label: prediction, probabilities } = predictionOf(logits, model);
  const labelIndex = model.labels.indexOf(label);
  const patches = logits.length / classes;
  const patchPredictions = Array.from(
    { length: patches },
    (_, i) => topClasses(logits.subarray(i * classes, (i + 1) * classes), 1)[0] ?? 0,
  );
  return {
    file,
    label,
    prediction,
    probability: probabilities[index] as number,
    labelProbability: probabilities[labelIndex] ?? 0,
    patches,
    wrongPatches: patchPredictions.filter((predicted) => predicted !== labelIndex).length,
    labelIndex,
    predictedIndex: index,
    patchPredictions,
  };
}

function resultOf(judged: Judged): PhotographResult {
  const { file, label, prediction, probability, labelProbability, patches, wrongPatches } = judged;
  return { file, label, prediction, probability, labelProbability, patches, wrongPatches };
}

function isWrong({ labelIndex, predictedIndex }: Judged): boolean {
  return labelIndex !== predictedIndex;
}

/** First wrong ones, by the probability of their label, then right ones by theirs. */
function worstFirst(judged: readonly Judged[]): readonly Judged[] {
  return judged.toSorted(
    (a, b) => Number(isWrong(b)) - Number(isWrong(a)) || a.labelProbability - b.labelProbability,
  );
}

function pairedErrors(
  ours: readonly Judged[],
  theirs: readonly Judged[],
  partOf: (judged: Judged) => readonly [part: number, whole: number],
): PairedErrors {
  const ratio = (judged: readonly Judged[]): Ratio => ({
    part: judged.map((photograph) => partOf(photograph)[0]),
    whole: judged.map((photograph) => partOf(photograph)[1]),
  });
  const [own, other] = [ratio(ours), ratio(theirs)];
  return { own: ratioOf(own), other: ratioOf(other), ...resampling(ours).paired(own, other) };
}

/** Rows of logits, and the photograph of each. */
interface Rows extends LabelledLogits {
  readonly photographs: Int32Array;
}

/** The logits of all patches. */
function patchRows(photographs: readonly ReadPhotograph[], { labels }: EvaluatedModel): Rows {
  const classes = labels.length;
  const rows = sumOf(photographs.map(({ logits }) => logits.length / classes));
  const logits = new Float32Array(rows * classes);
  const [rowLabels, owners] = [new Int32Array(rows), new Int32Array(rows)];
  let at = 0;
  photographs.forEach((photograph, i) => {
    logits.set(photograph.logits, at * classes);
    const end = at + photograph.logits.length / classes;
    rowLabels.fill(labels.indexOf(photograph.label), at, end);
    owners.fill(i, at, end);
    at = end;
  });
  return { logits, labels: rowLabels, photographs: owners, classes };
}

/** The mean logits of each photograph. */
function photographRows(photographs: readonly ReadPhotograph[], { labels }: EvaluatedModel): Rows {
  const classes = labels.length;
  const logits = new Float32Array(photographs.length * classes);
  photographs.forEach((photograph, i) => {
    logits.set(meanRow(photograph.logits, classes), i * classes);
  });
  return {
    logits,
    labels: Int32Array.from(photographs, ({ label }) => labels.indexOf(label)),
    photographs: Int32Array.from(photographs.keys()),
    classes,
  };
}

function calibrations(
  rows: Rows,
  unit: keyof Temperatures,
  judged: readonly Judged[],
  { intervals, temperatures }: { readonly intervals: Resampling; readonly temperatures: Temperatures },
): Calibrations {
  const patchesOf = (row: number) => (unit === 'patch' ? 1 : (judged[row]?.patches ?? 1));
  const calibrationWith = ({ [unit]: temperature }: Temperatures, of: (row: number) => number) => ({
    temperature,
    ...calibration(rows, judged.length, intervals, of),
  });
  const uncalibrated = calibrationWith(noTemperatures, () => 1);
  if (temperatures.patch === 1 && temperatures.photograph === 1) return { uncalibrated };
  const calibrated = calibrationWith(temperatures, (row) => temperatureOf(temperatures, patchesOf(row)));
  return { uncalibrated, calibrated };
}

function calibration(
  rows: Rows,
  photographs: number,
  intervals: Resampling,
  temperature: (row: number) => number,
): Omit<Calibration, 'temperature'> {
  const scores = rowScores(rows, temperature);
  const perPhotograph = (value: (score: RowScore) => number): Ratio => {
    const part = new Array<number>(photographs).fill(0);
    const whole = new Array<number>(photographs).fill(0);
    scores.forEach((score, row) => {
      const owner = rows.photographs[row] as number;
      part[owner] = (part[owner] as number) + value(score);
      whole[owner] = (whole[owner] as number) + 1;
    });
    return { part, whole };
  };
  const bins = reliabilityBins(scores);
  return {
    ece: expectedCalibrationError(bins),
    nll: intervals.mean(
      perPhotograph(({ nll }) => nll),
      { low: 0, high: Number.MAX_VALUE },
    ),
    brier: intervals.mean(
      perPhotograph(({ brier }) => brier),
      { low: 0, high: 2 },
    ),
    bins: [...bins],
  };
}

function confusionCounts(judged: readonly Judged[], classes: number): EvaluationResults['confusion'] {
  const patches = judged.flatMap(({ labelIndex, patchPredictions }) =>
    patchPredictions.map((prediction) => [labelIndex, prediction] as const),
  );
  const photographs = judged.map(({ labelIndex, predictedIndex }) => [labelIndex, predictedIndex] as const);
  return {
    photographs: confusionMatrix(photographs, classes),
    patches: confusionMatrix(patches, classes),
  };
}

function classResults(
  labels: readonly string[],
  { photographs, patches }: EvaluationResults['confusion'],
): ClassResult[] {
  const counts = (matrix: readonly (readonly number[])[], c: number) => {
    const right = matrix[c]?.[c] ?? 0;
    const count = sumOf(matrix[c] ?? []);
    const predicted = sumOf(matrix.map((row) => row[c] ?? 0));
    return {
      count,
      right,
      predicted,
      precision: predicted === 0 ? null : right / predicted,
      recall: count === 0 ? null : right / count,
    };
  };
  return labels.map((label, c) => ({
    label,
    photographs: counts(photographs, c),
    patches: counts(patches, c),
  }));
}
