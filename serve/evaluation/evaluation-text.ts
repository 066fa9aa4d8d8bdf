/** The summary of an evaluation for a terminal of 80 columns. */
import { join } from 'node:path';
import {
  areOfEqualSize,
  type ClassResult,
  type Evaluation,
  type EvaluationComparison,
  type EvaluationEstimate,
  type EvaluationResults,
  evaluationFiles,
  type PairedErrors,
  type Recognition,
} from '../../model/evaluation-file.ts';
import { count, percent, pValueText, significant, textTable, withSign, wrapped } from '../../model/format.ts';
import { counted, oneLine, withoutMiddle } from '../../model/words.ts';

/** Rows of a list; the report has all of them. */
const listed = 5;
const longestName = 30;

export function evaluationText(evaluation: Evaluation, out: string): string {
  const { model, results, unknown, speed, comparison, data } = evaluation;
  const known =
    results === undefined
      ? [`${model.name} knows none of the classes of ${oneLine(data.folder)}.`]
      : resultLines(results);
  const paragraphs = [
    [subjectText(evaluation), ...data.notes.map((note) => wrapped(`Note: ${note}`, ''))],
    ...known.map((text) => [text]),
    ...(evaluation.rejected === undefined || evaluation.photographs === 0
      ? []
      : [[`Recognised as none of its classes: ${evaluation.rejected} of these photographs.`]]),
    ...(unknown.length === 0 ? [] : [unknownLines(unknown)]),
    ...(evaluation.recognition === undefined ? [] : [[recognitionTable(evaluation.recognition)]]),
    ...(comparison === undefined ? [] : [comparisonLines(comparison)]),
    [
      `Speed: ${count(speed.patchesPerSecond)} patches/s; ${significant(speed.photographsPerSecond)} photographs/s with decoding`,
      ...(data.skipped.length === 0 ? [] : [skippedText(data.skipped)]),
      `Report: ${oneLine(join(out, evaluationFiles.report))}`,
    ],
  ];
  return paragraphs.map((lines) => lines.join('\n')).join('\n\n');
}

function subjectText({ model, data, photographs, patches }: Evaluation): string {
  const part =
    data.heldOut === undefined
      ? data.split === undefined
        ? ''
        : ` (split ${data.split})`
      : ` (held out by ${oneLine(data.heldOut)})`;
  const amount = `${counted(photographs, 'photograph')}, ${counted(patches, 'patch', 'patches')}`;
  return `${wrapped(`${oneLine(model.name)} on ${oneLine(data.folder)}${part}`, '  ')}\n${amount}`;
}

function resultLines({
  errors,
  calibration,
  classes,
  worst,
  confusion,
}: EvaluationResults): readonly string[] {
  const balanced = [
    estimateRow('photographs, balanced', errors.balancedPhotographs),
    estimateRow('patches, balanced', errors.balancedPatches),
  ];
  const errorTable = textTable(
    ['error of', '', '95 % interval'],
    [
      estimateRow('photographs', errors.photographs),
      estimateRow('patches', errors.patches),
      ...(areOfEqualSize(classes) ? [] : balanced),
    ],
    1,
  );
  const calibrationRows = (['photographs', 'patches'] as const).flatMap((unit) => {
    const { uncalibrated, calibrated } = calibration[unit];
    const row = (name: string, { ece, nll, brier, temperature }: typeof uncalibrated) => [
      name,
      fixed(ece),
      fixed(nll.value),
      fixed(brier.value),
      significant(temperature),
    ];
    if (calibrated === undefined) return [row(unit, uncalibrated)];
    return [row(unit, calibrated), row('  without temperature', uncalibrated)];
  });
  return [
    errorTable,
    textTable(['calibration of', 'ECE', 'NLL', 'Brier', 'temperature'], calibrationRows, 1),
    hardestText(classes, confusion.patches),
    worstText(worst),
  ].filter((text) => text !== '');
}

function estimateRow(name: string, { value, interval }: EvaluationEstimate): readonly string[] {
  return [name, fixed(value), interval === null ? '–' : `${fixed(interval.low)} to ${fixed(interval.high)}`];
}

/** The classes with the highest patch error. */
function hardestText(classes: readonly ClassResult[], confusion: readonly (readonly number[])[]): string {
  const hardest = classes
    .map((result, c) => ({ ...result, c }))
    .filter(({ patches }) => patches.recall !== null && patches.recall < 1)
    .sort((a, b) => (a.patches.recall ?? 1) - (b.patches.recall ?? 1))
    .slice(0, listed);
  if (hardest.length === 0) return '';
  const rows = hardest.map(({ label, photographs, patches, c }) => {
    const row = confusion[c] ?? [];
    const [mistaken = 0] = row.map((_, i) => i).sort((a, b) => wrongCount(row, b, c) - wrongCount(row, a, c));
    const wrong = `${photographs.count - photographs.right} of ${photographs.count}`;
    return [
      shortName(label),
      shortName(classes[mistaken]?.label ?? ''),
      wrong,
      fixed(1 - (patches.recall ?? 0)),
    ];
  });
  return textTable(['hardest classes', 'mostly predicted as', 'photographs wrong', 'patch error'], rows, 2);
}

function wrongCount(row: readonly number[], predicted: number, label: number): number {
  return predicted === label ? -1 : (row[predicted] ?? 0);
}

function worstText(worst: EvaluationResults['worst']): string {
  const wrong = worst.filter(({ label, prediction }) => label !== prediction);
  if (wrong.length === 0) return '';
  const rows = wrong
    .slice(0, listed)
    .map(({ file, prediction, probability }) => [
      shortName(file, 40),
      shortName(prediction, 22),
      `${(probability * 100).toFixed(1)} %`,
    ]);
  return textTable(['misclassified photographs', 'predicted as', 'probability'], rows, 2);
}

function unknownLines(unknown: Evaluation['unknown']): readonly string[] {
  return [
    `${counted(unknown.length, 'class', 'classes')} that the model does not know, not counted above:`,
    ...unknown.slice(0, listed).map(({ label, photographs, predictions, meanProbability, rejected }) => {
      const recognised = rejected === undefined ? '' : `recognised as unknown ${rejected}; `;
      const taken = predictions
        .slice(0, 2)
        .map((prediction) => `${shortName(prediction.label, 18)} ${prediction.photographs}`)
        .join(', ');
      return wrapped(
        `  ${shortName(label, 18)} (${counted(photographs, 'photograph')}): ${recognised}predicted as ${taken}; mean probability ${meanProbability.toFixed(2)}`,
        '    ',
      );
    }),
    ...(unknown.length > listed ? [`  and ${unknown.length - listed} more in the report`] : []),
  ];
}

function recognitionTable({ photographs, patches }: NonNullable<Evaluation['recognition']>): string {
  const row = (name: string, { auroc, acceptedKnown, acceptedUnknown }: Recognition) => [
    ...estimateRow(name, auroc),
    percent(acceptedKnown),
    percent(acceptedUnknown),
  ];
  return textTable(
    ['known or unknown', 'AUROC', '95 % interval', 'known accepted', 'unknown accepted'],
    [row('photographs', photographs), row('patches', patches)],
    1,
  );
}

function comparisonLines(comparison: EvaluationComparison): readonly string[] {
  const { model, photographs, onlyOwnRight, onlyOtherRight } = comparison;
  const row = (name: string, { own: ours, other, difference, pValue }: PairedErrors) => [
    name,
    fixed(ours),
    fixed(other),
    signed(difference.value),
    difference.interval === null
      ? '–'
      : `${signed(difference.interval.low)} to ${signed(difference.interval.high)}`,
    pValue === null ? '–' : pValueText(pValue),
  ];
  return [
    `Compared with ${oneLine(model.file)} on ${counted(photographs, 'photograph')}:`,
    textTable(
      ['error of', 'this model', 'the other', 'difference', '95 % interval', 'p-value'],
      [row('photographs', comparison.photographError), row('patches', comparison.patchError)],
      1,
    ),
    `Only this model is right on ${counted(onlyOwnRight, 'photograph')}, only the other on ${count(onlyOtherRight)}.`,
  ];
}

function skippedText(skipped: Evaluation['data']['skipped']): string {
  const [first] = skipped;
  const more = skipped.length > 1 ? ', ...' : '';
  const text = `Skipped ${counted(skipped.length, 'file')}: ${oneLine(`${first?.name}: ${first?.why}`)}${more}`;
  return wrapped(text, '  ');
}

function shortName(name: string, longest = longestName): string {
  return withoutMiddle(oneLine(name), longest);
}

function fixed(value: number): string {
  return value.toFixed(4);
}

function signed(value: number): string {
  return withSign(value, fixed);
}
