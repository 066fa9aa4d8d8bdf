/** report.html of an evaluation: one self-contained page, made from evaluation.json and thumbnails. */
import { basename, resolve } from 'node:path';
import {
  areOfEqualSize,
  type ClassResult,
  type Evaluation,
  type EvaluationComparison,
  type EvaluationEstimate,
  type EvaluationResults,
  type PairedErrors,
  type Recognition,
} from '../model/evaluation-file.ts';
import { count, percent, pValueText, significant, withSign } from '../model/format.ts';
import { counted, numberIs } from '../model/words.ts';
import type { Confusion } from './confusion.ts';
import { confusionFigure, photographUnit } from './confusion-figure.ts';
import { svgElement } from './drawing.ts';
import { html, type Markup, nameText, nothing } from './markup.ts';
import {
  bar,
  type Column,
  classTable,
  folded,
  pageShell,
  propertyTable,
  scrolling,
  section,
  skippedTable,
  type TableRow,
  table,
} from './page.ts';
import { pagePalette } from './palette.ts';
import { photographSheetStyle, type WorstPicture, worstSection } from './photograph-sheet.ts';
import { evaluatedCalibration, intervalText } from './section-calibration.ts';

/** The page's HTML. `pictures` are the worst photographs, by file. */
export function evaluationPage(evaluation: Evaluation, pictures: ReadonlyMap<string, WorstPicture>): string {
  const { model, data, results, comparison, startedAt } = evaluation;
  const sentence = resultSentence(evaluation);
  return pageShell({
    heading: html`Textura, evaluation of <b>${model.name}</b>`,
    title: `${model.name} on ${data.folder}`,
    description: sentence,
    startedAt,
    result: html`<div class="entry result"><div>
<p class="sentence">${sentence}</p>
${data.notes.map((note) => html`<p class="alarm">${note}</p>\n`)}${
  results === undefined
    ? nothing
    : html`${errorsTable(results)}<p class="after">A photograph is classified by the mean logits of its patches. The intervals show what other photographs of these classes would give.</p>`
}</div></div>`,
    sections: [
      ...(comparison === undefined ? [] : [comparisonSection(comparison)]),
      ...(results === undefined ? [] : resultSections(results, pictures, isFittedTo(evaluation))),
      ...(evaluation.unknown.length === 0 ? [] : [unknownSection(evaluation)]),
      setupSection(evaluation),
    ],
    style: photographSheetStyle,
  });
}

function resultSections(
  results: EvaluationResults,
  pictures: ReadonlyMap<string, WorstPicture>,
  isFitted: boolean,
): readonly Markup[] {
  return [
    worstSection(results.worst, pictures),
    classesSection(results),
    confusionSection(results),
    evaluatedCalibration(results.calibration, isFitted),
  ];
}

/** Whether the photographs are those that the file's temperatures were fitted to. */
function isFittedTo({ data, model }: Evaluation): boolean {
  return (
    data.heldOut !== undefined && model.run !== undefined && basename(resolve(data.heldOut)) === model.run
  );
}

function resultSentence({ photographs, results }: Evaluation): string {
  if (results === undefined) return 'The model knows none of the classes in this folder.';
  const wrong = Math.round(results.errors.photographs.value * photographs);
  return `Of ${counted(photographs, 'photograph')}, ${numberIs(wrong)} misclassified.`;
}

const errorColumns: readonly Column[] = [
  { heading: 'error of', kind: 'text' },
  { heading: '', kind: 'number' },
  { heading: '95 % interval', kind: 'number' },
];

function errorsTable({ errors, classes }: EvaluationResults): Markup {
  const row = (name: string, estimate: EvaluationEstimate): TableRow => ({
    cells: [name, percent(estimate.value), intervalText(estimate, percent)],
  });
  return table('Errors', errorColumns, [
    row('photographs', errors.photographs),
    row('single patches', errors.patches),
    ...(areOfEqualSize(classes)
      ? []
      : [
          row('photographs, balanced', errors.balancedPhotographs),
          row('single patches, balanced', errors.balancedPatches),
        ]),
  ]);
}

const classColumns: readonly Column[] = [
  { heading: 'class', kind: 'name' },
  { heading: 'photographs', kind: 'number' },
  { heading: 'wrong', kind: 'number' },
  { heading: 'precision', kind: 'number' },
  { heading: 'recall', kind: 'number' },
  { heading: 'patch error', kind: 'number' },
  { heading: '', kind: 'bar' },
  { heading: 'patch precision', kind: 'number' },
];

function classesSection({ classes }: EvaluationResults): Markup {
  const present = classes.filter(({ photographs }) => photographs.count > 0);
  const sorted = present.toSorted((a, b) => recallOf(a) - recallOf(b));
  const absent = classes.filter(({ photographs }) => photographs.count === 0);
  const entry = html`${classTable('Results', classColumns, sorted.map(classRow))}${
    absent.length === 0
      ? nothing
      : html`<p class="after">No photographs of ${absent.map(({ label }) => nameText(label)).join(', ')}.</p>`
  }`;
  return section(
    'Classes',
    'The class with the highest patch error first. Precision: of what was predicted as the class, the share that is. Recall: of the class, the share that was predicted as it.',
    entry,
  );
}

function recallOf({ patches }: ClassResult): number {
  return patches.recall ?? 1;
}

function classRow({ label, photographs, patches }: ClassResult): TableRow {
  const shareText = (share: number | null) => (share === null ? '–' : percent(share));
  const error = patches.recall === null ? null : 1 - patches.recall;
  return {
    cells: [
      nameText(label),
      count(photographs.count),
      count(photographs.count - photographs.right),
      shareText(photographs.precision),
      shareText(photographs.recall),
      shareText(error),
      bar(error ?? 0),
      shareText(patches.precision),
    ],
  };
}

function confusionSection({ classes, confusion }: EvaluationResults): Markup {
  const labels = classes.map(({ label }) => label);
  const patches = withoutEmpty({ labels, counts: confusion.patches });
  const photographs = withoutEmpty({ labels, counts: confusion.photographs });
  const entry = html`<h3>Patches</h3>
${scrolling('Confusion matrix of patches', svgElement(confusionFigure(patches, pagePalette), 'confusion matrix of patches', pagePalette))}
${folded('Photographs', scrolling('Confusion matrix of photographs', svgElement(confusionFigure(photographs, pagePalette, photographUnit), 'confusion matrix of photographs', pagePalette)))}`;
  return section(
    'Confusion matrix',
    'Rows are true classes, columns predictions, in per cent of the true class. Blue is right, red is wrong.',
    entry,
  );
}

/** Without the classes that are neither true nor predicted. */
function withoutEmpty({ labels, counts }: Confusion): Confusion {
  const kept = labels
    .map((_, c) => c)
    .filter((c) => counts.some((row, r) => (row[c] ?? 0) > 0 || (r === c && row.some((n) => n > 0))));
  return {
    labels: kept.map((c) => labels[c] ?? ''),
    counts: kept.map((r) => kept.map((c) => counts[r]?.[c] ?? 0)),
  };
}

const comparisonColumns: readonly Column[] = [
  { heading: 'error of', kind: 'text' },
  { heading: 'this model', kind: 'number' },
  { heading: 'the other', kind: 'number' },
  { heading: 'difference', kind: 'number' },
  { heading: '95 % interval', kind: 'number' },
  { heading: 'p-value', kind: 'number' },
];

function comparisonSection(comparison: EvaluationComparison): Markup {
  const { model, photographs, patchError, photographError } = comparison;
  const entry = html`<p>${comparisonSentence(comparison)}</p>
${table('Comparison', comparisonColumns, [comparisonRow('photographs', photographError), comparisonRow('single patches', patchError)])}
<p class="after">Of ${counted(photographs, 'photograph')}, only this model is right on ${count(comparison.onlyOwnRight)}, only the other on ${count(comparison.onlyOtherRight)}. The other is <code>${model.file}</code>.</p>`;
  return section(
    `Compared with ${model.name}`,
    'Both models classify the same photographs. A difference below 0 means that this model is better.',
    entry,
  );
}

function comparisonSentence({ patchError }: EvaluationComparison): string {
  const { value, interval } = patchError.difference;
  if (interval === null || (interval.low <= 0 && interval.high >= 0))
    return 'These photographs do not show which of the two misclassifies fewer patches.';
  return `${value < 0 ? 'This model' : 'The other model'} misclassifies fewer patches.`;
}

function comparisonRow(name: string, { own, other, difference, pValue }: PairedErrors): TableRow {
  const cells = [name, percent(own), percent(other), signedPercent(difference.value)];
  return {
    cells: [...cells, intervalText(difference, signedPercent), pValue === null ? '–' : pValueText(pValue)],
  };
}

/** A difference of shares, with its sign. */
function signedPercent(value: number): string {
  return withSign(value, percent);
}

const unknownColumns: readonly Column[] = [
  { heading: 'class', kind: 'name' },
  { heading: 'photographs', kind: 'number' },
  { heading: 'recognised as unknown', kind: 'number' },
  { heading: 'mean probability', kind: 'number' },
  { heading: 'predicted as', kind: 'prose' },
];

const predictionsShown = 5;

const recognitionColumns: readonly Column[] = [
  { heading: 'known or unknown', kind: 'text' },
  { heading: 'AUROC', kind: 'number' },
  { heading: '95 % interval', kind: 'number' },
  { heading: 'known accepted', kind: 'number' },
  { heading: 'unknown accepted', kind: 'number' },
];

function recognitionTable({ photographs, patches }: NonNullable<Evaluation['recognition']>): Markup {
  const row = (name: string, { auroc, acceptedKnown, acceptedUnknown }: Recognition): TableRow => ({
    cells: [
      name,
      auroc.value.toFixed(3),
      intervalText(auroc, (value) => value.toFixed(3)),
      percent(acceptedKnown),
      percent(acceptedUnknown),
    ],
  });
  return html`${table('Recognition', recognitionColumns, [row('photographs', photographs), row('single patches', patches)])}
<p class="after">AUROC: how often a photograph (or patch) of a known class has a higher score than one of an unknown class; 0.5 is chance. Accepted: marked as known by the model's threshold.</p>`;
}

function unknownSection({ unknown, recognition }: Evaluation): Markup {
  const rows = unknown.map(({ label, photographs, meanProbability, predictions, rejected }): TableRow => {
    const shown = predictions
      .slice(0, predictionsShown)
      .map((prediction) => `${nameText(prediction.label)} (${count(prediction.photographs)})`);
    const more = predictions.length > predictionsShown ? ', ...' : '';
    return {
      cells: [
        nameText(label),
        count(photographs),
        rejected === undefined ? '–' : count(rejected),
        percent(meanProbability),
        `${shown.join(', ')}${more}`,
      ],
    };
  });
  return section(
    'Unknown classes',
    'The model does not have these classes. Their photographs are not counted in the errors.',
    html`${recognition === undefined ? nothing : recognitionTable(recognition)}${table('Unknown classes', unknownColumns, rows)}`,
  );
}

function setupSection({ model, data, photographs, patches, rejected, speed, textura }: Evaluation): Markup {
  const properties = propertyTable('Model and data', [
    ['model', model.file],
    ['exported from run', model.run],
    ['SHA-256', html`<code>${model.sha256}</code>`],
    ['data', data.folder],
    ['split', data.split],
    ['photographs held out by', data.heldOut],
    ['other surfaces', data.unknown],
    ['photographs', photographs],
    ['patches', patches],
    ['recognised as none of the classes', rejected],
    ['skipped files', data.skipped.length],
    [
      'speed',
      `${significant(speed.medianInferenceMs)} ms to classify a photograph; ${count(speed.patchesPerSecond)} patches/s; ${significant(speed.photographsPerSecond)} photographs/s with decoding; ${counted(speed.cores, 'core')}`,
    ],
  ]);
  return section('Model and data', `Textura ${textura}.`, html`${properties}${skippedTable(data.skipped)}`);
}
