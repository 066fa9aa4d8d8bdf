/**
 * The curves of a run as in the paper's figure 1 (loss, top-1 and top-5 error against the epoch,
 * training and validation) and its learning rate. Each panel shows the level of guessing and marks the best
 * and the diverged epoch.
 */
import * as Plot from '@observablehq/plot';
import { measure } from '../model/format.ts';
import type { MetricsRow } from '../model/metrics.ts';
import type { Run } from '../model/run-file.ts';
import { guessingScores } from '../model/scores.ts';
import { chosenEpoch } from '../model/training-config.ts';
import {
  type CurvePanel,
  curvePanel,
  type ErrorMeasure,
  errorMeasures,
  measureTitles,
} from './curve-panel.ts';
import { arranged, type Drawing, svgFile } from './drawing.ts';
import { lightPalette, type Palette } from './palette.ts';

type Split = MetricsRow['split'];
type MeasureName = ErrorMeasure | 'learning_rate';

const measures: readonly MeasureName[] = [...errorMeasures, 'learning_rate'];

const frame = {
  ...{ width: 340, height: 232 },
  ...{ marginTop: 50, marginRight: 66, marginBottom: 30, marginLeft: 46 },
} as const;
const mostEpochsWithDots = 30;

type CurveSource = Pick<Run, 'best' | 'config' | 'divergedAtEpoch' | 'labels'> & {
  readonly metrics: readonly MetricsRow[];
};

/** curves.svg of a run with at least one epoch. */
export function curvesFile(source: CurveSource, heading: string): string {
  const panels = curvePanels(source, lightPalette).map(({ drawing }) => drawing);
  return svgFile(arranged(panels, 2), heading);
}

/** The four panels, each with a text alternative. */
export function curvePanels(source: CurveSource, palette: Palette): readonly CurvePanel[] {
  return measures.map((name) => ({ drawing: panel(name, source, palette), label: panelLabel(name, source) }));
}

interface Line {
  readonly split: Split;
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly epoch: number; readonly value: number }[];
}

function panel(name: MeasureName, source: CurveSource, palette: Palette): Drawing {
  const lines = linesOf(name, source, palette);
  const lastEpoch = lastEpochOf(source);
  return curvePanel(
    frame,
    {
      title: titleOf(name),
      lastEpoch,
      values: lines.flatMap(({ points }) => points.map(({ value }) => value)),
      guess: name === 'learning_rate' ? undefined : guessingScores(source.labels.length)[name],
      marks: [
        ...(name === 'learning_rate' ? [] : epochMarks(name, source, palette)),
        ...lines.flatMap((line) => lineMarks(line, lastEpoch)),
      ],
      ends: lines.filter(hasPoints).map(({ name, colour, points }) => {
        const last = points.findLast(({ value }) => Number.isFinite(value));
        return { name, colour, value: last?.value ?? 0 };
      }),
    },
    palette,
  );
}

function titleOf(name: MeasureName): string {
  return name === 'learning_rate' ? 'learning rate' : measureTitles[name];
}

function linesOf(column: MeasureName, { metrics }: CurveSource, palette: Palette): readonly Line[] {
  const line = (split: Split, name: string, colour: string): Line => ({
    split,
    name,
    colour,
    points: metrics
      .filter((row) => row.split === split)
      .map((row) => ({ epoch: row.epoch, value: finiteOrGap(row[column]) })),
  });
  const training = line('train', column === 'learning_rate' ? '' : 'training', palette.training);
  const validation = line('val', 'validation', palette.validation);
  return column === 'learning_rate' ? [training] : [training, validation].filter(hasPoints);
}

function hasPoints({ points }: Line): boolean {
  return points.some(({ value }) => Number.isFinite(value));
}

/** Plot breaks a line at NaN; an infinite value would stretch its scale. */
function finiteOrGap(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN;
}

function lastEpochOf({ metrics, divergedAtEpoch = 1 }: CurveSource): number {
  return metrics.reduce((last, { epoch }) => Math.max(last, epoch), divergedAtEpoch);
}

function lineMarks({ split, colour, points }: Line, lastEpoch: number): readonly Plot.Markish[] {
  const channels = { x: 'epoch', y: 'value' } as const;
  const line = Plot.lineY(points, {
    ...channels,
    stroke: colour,
    strokeWidth: 1.75,
    className: `${split}-line`,
  });
  if (lastEpoch > mostEpochsWithDots) return [line];
  return [line, Plot.dot(points, { ...channels, r: 2, fill: colour, className: `${split}-epochs` })];
}

/** Labelled rules at the best and at the diverged epoch; a ring on the best value. */
function epochMarks(name: ErrorMeasure, source: CurveSource, palette: Palette): readonly Plot.Markish[] {
  const { best, config, divergedAtEpoch, metrics } = source;
  const rule = (className: string, epoch: number, text: string, colour: string, dy: number) => [
    Plot.ruleX([epoch], { stroke: colour, strokeDasharray: '4 3', className }),
    Plot.text([text], {
      x: [epoch],
      frameAnchor: 'top',
      lineAnchor: 'bottom',
      textAnchor: anchorAt(epoch, source),
      dy,
      fill: colour,
    }),
  ];
  const marks: Plot.Markish[] = [];
  if (best !== undefined) {
    const value = best[name];
    const colour = metrics.some(({ split }) => split === 'val') ? palette.validation : palette.training;
    const text = `${chosenEpoch(config)} ${best.epoch}: ${measure(value)}`;
    marks.push(...rule('best', best.epoch, text, colour, -4));
    marks.push(
      Plot.dot([{ epoch: best.epoch, value }], {
        x: 'epoch',
        y: 'value',
        r: 5,
        stroke: colour,
        className: 'best-value',
      }),
    );
  }
  if (divergedAtEpoch !== undefined) {
    marks.push(
      ...rule('diverged', divergedAtEpoch, 'diverged', palette.wrong, best === undefined ? -4 : -16),
    );
  }
  return marks;
}

function anchorAt(epoch: number, source: CurveSource): 'start' | 'middle' | 'end' {
  const last = lastEpochOf(source);
  if (last === 1) return 'middle';
  const across = (epoch - 1) / (last - 1);
  if (across < 0.2) return 'start';
  return across > 0.8 ? 'end' : 'middle';
}

function panelLabel(name: MeasureName, { best, config }: CurveSource): string {
  if (name === 'learning_rate') return 'learning rate against the epoch';
  const bestText =
    best === undefined ? '' : `; ${chosenEpoch(config)} ${best.epoch} with ${measure(best[name])}`;
  return `${titleOf(name)} against the epoch${bestText}`;
}
