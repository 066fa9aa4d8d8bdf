/**
 * The course of each network against the reference's, as in the paper's figures 1 to 5: objective, top-1 and top-5 error of validation
 * patches against the epoch. A line is the mean over the seeds, the band around it reaches from the lowest to the highest.
 */
import * as Plot from '@observablehq/plot';
import type { MetricsRow } from '../../../model/metrics.ts';
import { epochTicks, tickText, valueTicks } from '../../report/curve-axes.ts';
import { spread } from '../../report/curves.ts';
import { chart, type Drawing } from '../../report/drawing.ts';
import { measure as measureText } from '../../report/numerals.ts';
import type { Palette } from '../../report/palette.ts';
import type { ArmResults } from './study-results.ts';

export const curveMeasures = ['objective', 'top1err', 'top5err'] as const;
export type CurveMeasure = (typeof curveMeasures)[number];

const titles: { readonly [M in CurveMeasure]: string } = {
  objective: 'objective (cross-entropy, nats)',
  top1err: 'top-1 error (share of patches)',
  top5err: 'top-5 error (share of patches)',
};

const guessing: { readonly [M in CurveMeasure]: (classes: number) => number } = {
  objective: (classes) => Math.log(classes),
  top1err: (classes) => 1 - 1 / classes,
  top5err: (classes) => Math.max(0, 1 - 5 / classes),
};

const size = { width: 352, height: 224 } as const;
const frame = { marginTop: 34, marginRight: 94, marginBottom: 32, marginLeft: 46 } as const;

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

export interface CurvePanel {
  readonly drawing: Drawing;
  readonly label: string;
}

/** The three panels of a network; of the reference itself, its training beside its validation. Empty where no epoch is finished. */
export function studyCurves(
  arm: ArmResults,
  reference: ArmResults,
  classes: number,
  palette: Palette,
): readonly CurvePanel[] {
  const own = arm === reference;
  return curveMeasures.flatMap((measure) => {
    const other = own
      ? seriesOf(arm, measure, 'train', 'training', palette.training)
      : seriesOf(reference, measure, 'val', 'reference', palette.training);
    const main = seriesOf(arm, measure, 'val', own ? 'validation' : shortName(arm.arm), palette.validation);
    const series = [other, main].filter(({ points }) => points.length > 0);
    if (series.length === 0) return [];
    const drawing = panel(measure, series, divergedEpochs(arm), guessing[measure](classes), palette);
    return [{ drawing, label: panelLabel(measure, arm.arm.name, series) }];
  });
}

/** What fits beside a line. */
function shortName({ name, controls }: ArmResults['arm']): string {
  return controls === undefined ? name : 'control';
}

function divergedEpochs({ runs }: ArmResults): readonly number[] {
  return [...new Set(runs.flatMap(({ results }) => results?.run.divergedAtEpoch ?? []))];
}

function seriesOf(
  { runs }: ArmResults,
  measure: CurveMeasure,
  split: MetricsRow['split'],
  name: string,
  colour: string,
): Series {
  const byEpoch = new Map<number, number[]>();
  for (const { results } of runs) {
    for (const row of results?.metrics ?? []) {
      // Of an epoch that diverged, nothing is drawn but where it was.
      if (row.split !== split || !Number.isFinite(row.objective)) continue;
      byEpoch.set(row.epoch, [...(byEpoch.get(row.epoch) ?? []), row[measure]]);
    }
  }
  const points = [...byEpoch]
    .sort(([a], [b]) => a - b)
    .map(([epoch, values]): SeriesPoint => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return { epoch, mean, low: Math.min(...values), high: Math.max(...values) };
    });
  return { name, colour, points };
}

function panel(
  measure: CurveMeasure,
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
  const ticks = valueTicks(
    series.flatMap(({ points }) => points.map(({ high }) => high)),
    guess,
  );
  const top = ticks.at(-1) ?? 1;
  return chart({
    ...size,
    ...frame,
    style: { background: 'none' },
    x: { domain: lastEpoch === 1 ? [0.5, 1.5] : [1, lastEpoch], label: null },
    y: { domain: [0, top], clamp: true, label: null },
    marks: [
      Plot.gridY({ stroke: palette.rule, strokeOpacity: 1, ticks: [...ticks] }),
      Plot.axisY({ ticks: [...ticks], tickFormat: tickText, tickSize: 0, fill: palette.muted }),
      Plot.axisX({
        ticks: [...epochTicks(lastEpoch)],
        tickFormat: String,
        tickSize: 4,
        color: palette.muted,
        label: null,
      }),
      Plot.ruleY([0], { stroke: palette.ink }),
      Plot.text([titles[measure]], {
        frameAnchor: 'top-left',
        dx: -46,
        dy: -30,
        fontSize: 13,
        fill: palette.ink,
      }),
      Plot.text(['epoch'], { frameAnchor: 'bottom-right', dx: 40, dy: 18, fill: palette.muted }),
      ...(guess > top ? [] : [Plot.ruleY([guess], { stroke: palette.muted, strokeDasharray: '1 3' })]),
      ...divergedMarks(diverged, palette),
      ...series.flatMap(seriesMarks),
      ...endLabels(series, guess, top, palette),
    ],
  });
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

function endLabels(
  series: readonly Series[],
  guess: number,
  top: number,
  palette: Palette,
): readonly Plot.Markish[] {
  const innerPx = size.height - frame.marginTop - frame.marginBottom;
  const yPx = (value: number) => frame.marginTop + innerPx * (1 - Math.min(1, value / top));
  const labels = series.map(({ name, colour, points }) => ({
    text: name,
    colour,
    y: yPx(points.at(-1)?.mean ?? 0),
  }));
  if (guess <= top) labels.push({ text: 'guessing', colour: palette.muted, y: yPx(guess) });
  return spread(labels, size.height - frame.marginBottom - 2).map(({ text, colour, y }) =>
    Plot.text([text], {
      frameAnchor: 'top-right',
      textAnchor: 'start',
      lineAnchor: 'middle',
      dx: 6,
      dy: y - frame.marginTop,
      fill: colour,
    }),
  );
}

function panelLabel(measure: CurveMeasure, name: string, series: readonly Series[]): string {
  const ends = series.map(
    ({ name: line, points }) => `${line} ${measureText(points.at(-1)?.mean ?? Number.NaN)}`,
  );
  return `${name}: ${titles[measure]} against the epoch; at the end ${ends.join(', ')}`;
}
