/** The report's section about the probabilities of the validation: how far they can be taken literally. */
import {
  expectedCalibrationError,
  type LabelledLogits,
  reliabilityBins,
  rowScores,
} from '../model/calibration.ts';
import { measure, significant } from '../model/format.ts';
import { calibrationOf, photographLogits } from '../model/validation-logits.ts';
import { svgElement } from './drawing.ts';
import { html, type Markup, nothing } from './markup.ts';
import { section, type TableRow, table } from './page.ts';
import { pagePalette } from './palette.ts';
import { reliabilityFigure } from './reliability-figure.ts';
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
  const units = [
    unitOf('photographs', photographLogits(validationLogits), temperatures.photograph),
    unitOf('single patches', validationLogits, temperatures.patch),
  ];
  const entry = html`<div class="panels">
${units.map(({ figure }) => figure)}</div>
<p class="after">Each dot is a group of predictions of similar confidence, the same number in each. On the dashed line, confidence is the share that is right; below it the model is too sure, above it not sure enough. Circles: as trained. Dots: with the logits divided by a temperature, which the export writes into the file.</p>
${table(
  'Calibration',
  columns,
  units.map(({ row }) => row),
)}`;
  return section(
    'Calibration',
    'Can the probabilities be taken literally? ECE is the mean distance of the dots from the line, NLL the loss. The temperatures are fitted to these photographs.',
    entry,
  );
}

/** The figure and the row of patches or photographs. */
function unitOf(
  name: string,
  rows: LabelledLogits,
  temperature: number,
): { readonly figure: Markup; readonly row: TableRow } {
  const before = scoredWith(rows, 1);
  const after = scoredWith(rows, temperature);
  const figure = reliabilityFigure(name, { uncalibrated: before, calibrated: after }, pagePalette);
  return {
    figure: html`${svgElement(figure, `reliability diagram of ${name}`, pagePalette)}
`,
    row: {
      cells: [name, significant(temperature), before.ece, after.ece, before.nll, after.nll],
    },
  };
}

function scoredWith(rows: LabelledLogits, temperature: number) {
  const scores = rowScores(rows, () => temperature);
  const bins = reliabilityBins(scores);
  const nll = scores.reduce((sum, score) => sum + score.nll, 0) / scores.length;
  return { bins, ece: measure(expectedCalibrationError(bins)), nll: measure(nll) };
}
