/**
 * The curves of each network and of the reference, as in the paper's figures 1 to 5: loss, top-1 and
 * top-5 error of validation patches against the epoch. A line is the mean over the seeds, its band goes from
 * the lowest to the highest.
 */
import * as Plot from '@observablehq/plot';
import { measure as measureText } from '../../model/format.ts';
import { groupBy } from '../../model/group-by.ts';
import type { MetricsRow } from '../../model/metrics.ts';
import { guessingScores } from '../../model/scores.ts';
import { meanOf } from '../../model/statistics/descriptive.ts';
import {
  type CurvePanel,
  curvePanel,
  type ErrorMeasure,
  errorMeasures,
  measureTitles,
} from '../../report/curve-panel.ts';
import type { Drawing } from '../../report/drawing.ts';
import type { Palette } from '../../report/palette.ts';
import { type ArmResults, finishedEpochs } from './results.ts';
import { displayName } from './sentences.ts';

const frame = {
  ...{ width: 352, height: 224 },
  ...{ marginTop: 34, marginRight: 94, marginBottom: 32, marginLeft: 46 },
} as const;

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly SeriesPoint[];
}

interface SeriesPoint {
  readonly epoch: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The three panels of a network and the reference; for the reference, training and validation. Empty if no
 * epoch is finished.
 */
export function networkCurves(
  arm: ArmResults,
  reference: ArmResults,
  classes: number,
  palette: Palette,
): readonly CurvePanel[] {
  const own = arm === reference;
  return errorMeasures.flatMap((measure) => {
    const other = own
      ? seriesOf(arm, measure, 'train', 'training', palette.training)
      : seriesOf(reference, measure, 'val', 'reference', palette.training);
    const main = seriesOf(arm, measure, 'val', own ? 'validation' : shortName(arm.arm), palette.validation);
    const series = [other, main].filter(({ points }) => points.length > 0);
    if (series.length === 0) return [];
    const drawing = panel(measure, series, divergedEpochs(arm), guessingScores(classes)[measure], palette);
    return [{ drawing, label: panelLabel(measure, arm.arm.name, series) }];
  });
}

/** A name that fits next to a line. */
function shortName(arm: ArmResults['arm']): string {
  return arm.controls === undefined ? displayName(arm) : 'control';
}

function divergedEpochs({ runs }: ArmResults): readonly number[] {
  return [...new Set(runs.flatMap(({ results }) => results?.run.divergedAtEpoch ?? []))];
}

function seriesOf(
  arm: ArmResults,
  measure: ErrorMeasure,
  split: MetricsRow['split'],
  name: string,
  colour: string,
): Series {
  const rows = arm.runs.flatMap((run) => finishedEpochs(run, split));
  const points = [...groupBy(rows, ({ epoch }) => epoch)]
    .sort(([a], [b]) => a - b)
    .map(([epoch, ofEpoch]): SeriesPoint => {
      const values = ofEpoch.map((row) => row[measure]);
      return { epoch, mean: meanOf(values), low: Math.min(...values), high: Math.max(...values) };
    });
  return { name, colour, points };
}

function panel(
  measure: ErrorMeasure,
  series: readonly Series[],
  diverged: readonly number[],
  guess: number,
  palette: Palette,
): Drawing {
  const lastEpoch = Math.max(
    1,
    ...diverged,
    ...series.flatMap(({ points }) => points.map(({ epoch }) => epoch)),
  );
  return curvePanel(
    frame,
    {
      title: measureTitles[measure],
      lastEpoch,
      values: series.flatMap(({ points }) => points.map(({ high }) => high)),
      guess,
      marks: [...divergedMarks(diverged, palette), ...series.flatMap(seriesMarks)],
      ends: series.map(({ name, colour, points }) => ({ name, colour, value: points.at(-1)?.mean ?? 0 })),
    },
    palette,
  );
}

function seriesMarks({ colour, points }: Series): readonly Plot.Markish[] {
  return [
    Plot.areaY(points, {
      x: 'epoch',
      y1: 'low',
      y2: 'high',
      fill: colour,
      fillOpacity: 0.2,
      className: 'band',
    }),
    Plot.lineY(points, { x: 'epoch', y: 'mean', stroke: colour, strokeWidth: 1.75, className: 'mean' }),
    ...(points.length === 1 ? [Plot.dot(points, { x: 'epoch', y: 'mean', r: 3, fill: colour })] : []),
  ];
}

function divergedMarks(epochs: readonly number[], { wrong }: Palette): readonly Plot.Markish[] {
  if (epochs.length === 0) return [];
  return [
    Plot.ruleX(epochs, { stroke: wrong, strokeDasharray: '4 3', className: 'diverged' }),
    Plot.text(['diverged'], {
      x: [Math.min(...epochs)],
      frameAnchor: 'top',
      textAnchor: 'start',
      lineAnchor: 'top',
      dx: 4,
      fill: wrong,
    }),
  ];
}

function panelLabel(measure: ErrorMeasure, name: string, series: readonly Series[]): string {
  const ends = series.map(
    ({ name: line, points }) => `${line} ${measureText(points.at(-1)?.mean ?? Number.NaN)}`,
  );
  return `${name}: ${measureTitles[measure]} against the epoch; at the end ${ends.join(', ')}`;
}
