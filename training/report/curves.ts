/**
 * The course of a run as in the paper's figure 1 (objective, top-1 and top-5 error against the epoch, training and validation),
 * and the learning rate beside them. Each panel says where guessing would be and marks the best and the diverged epoch.
 */
import * as Plot from '@observablehq/plot';
import type { MetricsRow } from '../../model/metrics.ts';
import type { Run } from '../../model/run-file.ts';
import { epochTicks, tickText, valueTicks } from './curve-axes.ts';
import { arranged, chart, type Drawing, svgFile } from './drawing.ts';
import { measure } from './numerals.ts';
import { lightPalette, type Palette } from './palette.ts';

type Split = MetricsRow['split'];
type MeasureName = 'objective' | 'top1err' | 'top5err' | 'learning_rate';

interface PanelPlan {
  readonly measure: MeasureName;
  readonly title: string;
  /** What a network that knows nothing and says so would score. */
  readonly guessing?: (classes: number) => number;
}

const plans: readonly PanelPlan[] = [
  { measure: 'objective', title: 'objective (cross-entropy, nats)', guessing: (c) => Math.log(c) },
  { measure: 'top1err', title: 'top-1 error', guessing: (c) => 1 - 1 / c },
  { measure: 'top5err', title: 'top-5 error', guessing: (c) => Math.max(0, 1 - 5 / c) },
  { measure: 'learning_rate', title: 'learning rate' },
];

const size = { width: 340, height: 232 } as const;
const frame = { marginTop: 50, marginRight: 66, marginBottom: 30, marginLeft: 46 } as const;
const labelGapPx = 13;
const mostEpochsWithDots = 30;

export type Course = Pick<Run, 'best' | 'divergedAtEpoch' | 'labels'> & {
  readonly metrics: readonly MetricsRow[];
};

/** curves.svg of a run with at least one epoch. */
export function curvesFile(course: Course, heading: string): string {
  const panels = curvePanels(course, lightPalette).map(({ drawing }) => drawing);
  return svgFile(arranged(panels, 2), heading);
}

/** The four panels, with a sentence each for those who can't see them. */
export function curvePanels(
  course: Course,
  palette: Palette,
): readonly { readonly drawing: Drawing; readonly label: string }[] {
  return plans.map((plan) => ({ drawing: panel(plan, course, palette), label: panelLabel(plan, course) }));
}

interface Line {
  readonly split: Split;
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly epoch: number; readonly value: number }[];
}

function panel(plan: PanelPlan, course: Course, palette: Palette): Drawing {
  const lines = linesOf(plan, course, palette);
  const lastEpoch = lastEpochOf(course);
  const guess = plan.guessing?.(course.labels.length);
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const ticks = valueTicks(values, guess);
  const top = ticks.at(-1) ?? 1;
  return chart({
    ...size,
    ...frame,
    style: { background: 'none' },
    x: { domain: lastEpoch === 1 ? [0.5, 1.5] : [1, lastEpoch], label: null },
    y: { domain: [0, top], clamp: true, label: null },
    marks: [
      Plot.gridY({ stroke: palette.rule, strokeOpacity: 1, ticks }),
      Plot.axisY({ ticks, tickFormat: tickText, tickSize: 0, fill: palette.muted }),
      Plot.axisX({
        ticks: epochTicks(lastEpoch),
        tickFormat: String,
        tickSize: 4,
        color: palette.muted,
        label: null,
      }),
      Plot.ruleY([0], { stroke: palette.ink }),
      Plot.text([plan.title], { frameAnchor: 'top-left', dx: -46, dy: -46, fontSize: 13, fill: palette.ink }),
      Plot.text(['epoch'], { frameAnchor: 'bottom-right', dx: 52, dy: 17, fill: palette.muted }),
      ...(guess === undefined || guess > top ? [] : [guessMark(guess, palette)]),
      ...epochMarks(plan, course, palette),
      ...lines.flatMap((line) => lineMarks(line, lastEpoch)),
      ...endLabels(lines, guess, top, palette),
    ],
  });
}

function linesOf({ measure: column }: PanelPlan, { metrics }: Course, palette: Palette): readonly Line[] {
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

/** Plot breaks a line at NaN; an infinite value would spoil its scale. */
function finiteOrGap(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN;
}

function lastEpochOf({ metrics, divergedAtEpoch = 1 }: Course): number {
  return metrics.reduce((last, { epoch }) => Math.max(last, epoch), divergedAtEpoch);
}

function guessMark(guess: number, { muted }: Palette): Plot.Markish {
  return Plot.ruleY([guess], { stroke: muted, strokeDasharray: '1 3', className: 'guessing' });
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

/** Rules at the best and at the diverged epoch, named above the frame; a ring on the value that was kept. */
function epochMarks(plan: PanelPlan, course: Course, palette: Palette): readonly Plot.Markish[] {
  const { best, divergedAtEpoch, metrics } = course;
  const rule = (className: string, epoch: number, text: string, colour: string, dy: number) => [
    Plot.ruleX([epoch], { stroke: colour, strokeDasharray: '4 3', className }),
    Plot.text([text], {
      x: [epoch],
      frameAnchor: 'top',
      lineAnchor: 'bottom',
      textAnchor: anchorAt(epoch, course),
      dy,
      fill: colour,
    }),
  ];
  if (plan.measure === 'learning_rate') return [];
  const marks: Plot.Markish[] = [];
  if (best !== undefined) {
    const value = best[plan.measure];
    const colour = metrics.some(({ split }) => split === 'val') ? palette.validation : palette.training;
    marks.push(...rule('best', best.epoch, `epoch ${best.epoch} kept: ${measure(value)}`, colour, -4));
    marks.push(
      Plot.dot([{ epoch: best.epoch, value }], {
        x: 'epoch',
        y: 'value',
        r: 5,
        stroke: colour,
        className: 'kept',
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

function anchorAt(epoch: number, course: Course): 'start' | 'middle' | 'end' {
  const last = lastEpochOf(course);
  if (last === 1) return 'middle';
  const across = (epoch - 1) / (last - 1);
  if (across < 0.2) return 'start';
  return across > 0.8 ? 'end' : 'middle';
}

/** Names the lines at their right ends, pushed apart where they would overlap. */
function endLabels(
  lines: readonly Line[],
  guess: number | undefined,
  top: number,
  palette: Palette,
): readonly Plot.Markish[] {
  const innerPx = size.height - frame.marginTop - frame.marginBottom;
  const yPx = (value: number) => frame.marginTop + innerPx * (1 - Math.min(1, value / top));
  const labels = lines.filter(hasPoints).map(({ name, colour, points }) => {
    const last = points.findLast(({ value }) => Number.isFinite(value));
    return { text: name, colour, y: yPx(last?.value ?? 0) };
  });
  if (guess !== undefined && guess <= top) {
    labels.push({ text: 'guessing', colour: palette.muted, y: yPx(guess) });
  }
  const lowest = size.height - frame.marginBottom - 2;
  return spread(labels, lowest).map(({ text, colour, y }) =>
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

/** Moves labels down until neighbours are a line apart, then the whole pile up where it passed `lowest`; in pixels. */
export function spread<T extends { readonly y: number }>(labels: readonly T[], lowest: number): readonly T[] {
  const placed: T[] = [];
  for (const label of labels.toSorted((a, b) => a.y - b.y)) {
    const above = placed.at(-1)?.y ?? Number.NEGATIVE_INFINITY;
    placed.push({ ...label, y: Math.max(label.y, above + labelGapPx) });
  }
  const over = Math.max(0, (placed.at(-1)?.y ?? lowest) - lowest);
  return placed.map((label) => ({ ...label, y: label.y - over }));
}

function panelLabel(plan: PanelPlan, course: Course): string {
  if (plan.measure === 'learning_rate') return 'learning rate against the epoch';
  const { best } = course;
  const kept =
    best === undefined ? '' : `; epoch ${best.epoch} was kept, with ${measure(best[plan.measure])}`;
  return `${plan.title} against the epoch${kept}`;
}
