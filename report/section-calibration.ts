/** Calibration, in the reports of a run and of an evaluation: how far probabilities can be taken literally. */
import {
  expectedCalibrationError,
  type LabelledLogits,
  reliabilityBins,
  rowScores,
} from '../model/calibration.ts';
import type { Calibration, EvaluationEstimate, EvaluationResults } from '../model/evaluation-file.ts';
import { measure, significant } from '../model/format.ts';
import { meanOf } from '../model/statistics/descriptive.ts';
import { calibrationOf, photographLogits } from '../model/validation-logits.ts';
import { svgElement } from './drawing.ts';
import { html, type Markup, nothing } from './markup.ts';
import { type Column, section, type TableRow, table } from './page.ts';
import { pagePalette } from './palette.ts';
import { type Reliability, reliabilityFigure } from './reliability-figure.ts';
import type { RunRecord } from './run-directory.ts';

const columns = [
  { heading: 'calibration of', kind: 'text' },
  { heading: 'temperature', kind: 'number' },
  { heading: 'ECE before', kind: 'number' },
  { heading: 'after', kind: 'number' },
  { heading: 'NLL before', kind: 'number' },
  { heading: 'after', kind: 'number' },
] as const;

export function calibrationSection({ validationLogits }: RunRecord): Markup {
  if (validationLogits === undefined) return nothing;
  const { temperatures } = calibrationOf(validationLogits);
  const scored = (rows: LabelledLogits, temperature: number) => {
    return { temperature, uncalibrated: scoredWith(rows, 1), calibrated: scoredWith(rows, temperature) };
  };
  const units = [
    { name: 'photographs', ...scored(photographLogits(validationLogits), temperatures.photograph) },
    { name: 'single patches', ...scored(validationLogits, temperatures.patch) },
  ];
  const rows = units.map(({ name, temperature, uncalibrated: before, calibrated: after }): TableRow => {
    return { cells: [name, significant(temperature), before.ece, after.ece, before.nll, after.nll] };
  });
  return section(
    'Calibration',
    `${question}, NLL the loss. The temperatures are fitted to these photographs.`,
    html`${diagrams(units)}
<p class="after">${dotsMeaning} Circles: as trained. Dots: with the logits divided by a temperature, which the export writes into the file.</p>
${table('Calibration', columns, rows)}`,
  );
}

const question =
  'Can the probabilities be taken literally? ECE is the mean distance of the dots from the line';
const dotsMeaning =
  'Each dot is a group of predictions of similar confidence, the same number in each. On the dashed line, confidence is the share that is right; below it the model is too sure, above it not sure enough.';

/** The reliability diagrams of photographs and of patches. */
function diagrams(units: readonly (Reliability & { readonly name: string })[]): Markup {
  const figures = units.map((unit) => {
    const figure = reliabilityFigure(unit.name, unit, pagePalette);
    return html`${svgElement(figure, `reliability diagram of ${unit.name}`, pagePalette)}
`;
  });
  return html`<div class="panels">
${figures}</div>`;
}

function scoredWith(rows: LabelledLogits, temperature: number) {
  const scores = rowScores(rows, () => temperature);
  const bins = reliabilityBins(scores);
  const nll = meanOf(scores.map((score) => score.nll));
  return { bins, ece: measure(expectedCalibrationError(bins)), nll: measure(nll) };
}

const evaluatedColumns: readonly Column[] = [
  { heading: 'calibration of', kind: 'text' },
  { heading: 'temperature', kind: 'number' },
  { heading: 'ECE', kind: 'number' },
  { heading: 'NLL', kind: 'number' },
  { heading: '95 % interval', kind: 'number' },
  { heading: 'Brier', kind: 'number' },
  { heading: '95 % interval', kind: 'number' },
];

/** `isFitted`: the temperatures of the file were fitted to these photographs. */
export function evaluatedCalibration(
  { photographs, patches }: EvaluationResults['calibration'],
  isFitted: boolean,
): Markup {
  const isCalibrated = photographs.calibrated !== undefined;
  const units = [
    { name: 'photographs', ...photographs },
    { name: 'single patches', ...patches },
  ];
  const rows = units.flatMap(({ name, uncalibrated, calibrated }) =>
    calibrated === undefined
      ? [calibrationRow(name, uncalibrated)]
      : [
          calibrationRow(`${name}, before`, uncalibrated),
          { ...calibrationRow(`${name}, after`, calibrated), isChosen: true },
        ],
  );
  const meaning = isCalibrated
    ? `Dots: with the temperature of the file. Circles: without it.${isFitted ? ' The two temperatures were fitted to these photographs.' : ''}`
    : 'The file has no temperature, which the export adds for runs with validation photographs.';
  return section(
    'Calibration',
    `${question}. NLL and Brier score the probabilities; lower is better.`,
    html`${diagrams(units)}
<p class="after">${dotsMeaning} ${meaning}</p>
${table('Calibration', evaluatedColumns, rows)}`,
  );
}

function calibrationRow(name: string, { temperature, ece, nll, brier }: Calibration): TableRow {
  return {
    cells: [
      name,
      significant(temperature),
      measure(ece),
      measure(nll.value),
      intervalText(nll, measure),
      measure(brier.value),
      intervalText(brier, measure),
    ],
  };
}

/** `0.12 to 0.34`, or a dash without an interval. */
export function intervalText({ interval }: EvaluationEstimate, format: (value: number) => string): string {
  return interval === null ? '–' : `${format(interval.low)} to ${format(interval.high)}`;
}
