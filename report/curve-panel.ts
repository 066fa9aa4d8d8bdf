/**
 * One measure against the epoch, for the curves of a run and of a study: axes, the level of guessing, and
 * lines labelled at their ends.
 */
import * as Plot from '@observablehq/plot';
import type { Scores } from '../model/scores.ts';
import { chart, type Drawing } from './drawing.ts';
import type { Palette } from './palette.ts';

export type ErrorMeasure = keyof Scores;
export const errorMeasures: readonly ErrorMeasure[] = ['objective', 'top1err', 'top5err'];

export const measureTitles: { readonly [M in ErrorMeasure]: string } = {
  objective: 'loss (cross-entropy, nats)',
  top1err: 'top-1 error (share of patches)',
  top5err: 'top-5 error (share of patches)',
};

/** A drawing with its text alternative. */
export interface CurvePanel {
  readonly drawing: Drawing;
  readonly label: string;
}

/** In pixels; the right margin has room for the lines' labels. */
interface PanelFrame {
  readonly width: number;
  readonly height: number;
  readonly marginTop: number;
  readonly marginRight: number;
  readonly marginBottom: number;
  readonly marginLeft: number;
}

interface LineEnd {
  readonly name: string;
  readonly colour: string;
  /** Where the line ends. */
  readonly value: number;
}

interface PanelContent {
  readonly title: string;
  readonly lastEpoch: number;
  /** Values that the y axis must hold. */
  readonly values: readonly number[];
  readonly guess?: number | undefined;
  readonly marks: readonly Plot.Markish[];
  readonly ends: readonly LineEnd[];
}

const labelGapPx = 13;

export function curvePanel(frame: PanelFrame, content: PanelContent, palette: Palette): Drawing {
  const { title, lastEpoch, values, guess, marks, ends } = content;
  const ticks = [...valueTicks(values, guess)];
  const top = ticks.at(-1) ?? 1;
  const isGuessShown = guess !== undefined && guess <= top;
  const isCut = values.some((value) => Number.isFinite(value) && value > top);
  const guessEnd = isGuessShown ? [{ name: 'guessing', colour: palette.muted, value: guess }] : [];
  return chart({
    ...frame,
    style: { background: 'none' },
    x: { domain: lastEpoch === 1 ? [0.5, 1.5] : [1, lastEpoch], label: null },
    y: { domain: [0, top], clamp: true, label: null },
    marks: [
      Plot.gridY({ stroke: palette.rule, strokeOpacity: 1, ticks }),
      Plot.axisY({ ticks, tickFormat: tickText, tickSize: 0, fill: palette.muted }),
      Plot.axisX({
        ticks: [...epochTicks(lastEpoch)],
        tickFormat: String,
        tickSize: 4,
        color: palette.muted,
        label: null,
      }),
      Plot.ruleY([0], { stroke: palette.ink }),
      Plot.text([isCut ? `${title}, cut at ${tickText(top)}` : title], {
        frameAnchor: 'top-left',
        dx: -frame.marginLeft,
        dy: 4 - frame.marginTop,
        fontSize: 13,
        fill: palette.ink,
      }),
      Plot.text(['epoch'], { frameAnchor: 'bottom-right', dx: 46, dy: 17, fill: palette.muted }),
      ...(isGuessShown ? [guessMark(guess, palette)] : []),
      ...marks,
      ...endLabels([...ends, ...guessEnd], frame, top),
    ],
  });
}

function guessMark(guess: number, { muted }: Palette): Plot.Markish {
  return Plot.ruleY([guess], { stroke: muted, strokeDasharray: '1 3', className: 'guessing' });
}

/** Labels at the right ends of the lines, moved apart if they would overlap. */
function endLabels(ends: readonly LineEnd[], frame: PanelFrame, top: number): readonly Plot.Markish[] {
  const innerPx = frame.height - frame.marginTop - frame.marginBottom;
  const labels = ends.map(({ name, colour, value }) => ({
    name,
    colour,
    y: frame.marginTop + innerPx * (1 - Math.min(1, value / top)),
  }));
  return separated(labels, frame.height - frame.marginBottom - 2).map(({ name, colour, y }) =>
    Plot.text([name], {
      frameAnchor: 'top-right',
      textAnchor: 'start',
      lineAnchor: 'middle',
      dx: 6,
      dy: y - frame.marginTop,
      fill: colour,
    }),
  );
}

/**
 * Moves labels down until neighbours are a line apart, then all up by as much as the last is below `lowest`;
 * in pixels.
 */
function separated<T extends { readonly y: number }>(labels: readonly T[], lowest: number): readonly T[] {
  const placed: T[] = [];
  for (const label of labels.toSorted((a, b) => a.y - b.y)) {
    const above = placed.at(-1)?.y ?? Number.NEGATIVE_INFINITY;
    placed.push({ ...label, y: Math.max(label.y, above + labelGapPx) });
  }
  const over = Math.max(0, (placed.at(-1)?.y ?? lowest) - lowest);
  return placed.map((label) => ({ ...label, y: label.y - over }));
}

/**
 * Ticks of the y axis, from 0 to the top of the scale in at most five round steps. An exploding loss is cut
 * at about twice the level of guessing, so that the rest stays readable.
 */
function valueTicks(shown: readonly number[], guess: number | undefined): readonly number[] {
  const highest = Math.max(0, ...shown.filter(Number.isFinite));
  const top = guess === undefined || guess === 0 ? highest : Math.min(highest, 2 * guess);
  if (top === 0) return [0, 1];
  const unit = 10 ** Math.floor(Math.log10(top / 5));
  const step = unit * ([1, 2, 5].find((size) => top / (size * unit) <= 5) ?? 10);
  // Ten digits hide binary rounding: 3 x 0.1 is 0.3.
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, i) => Number((i * step).toPrecision(10)));
}

/** In decimals; small values in scientific notation. */
function tickText(value: number): string {
  return value !== 0 && value < 1e-3 ? value.toExponential() : String(value);
}

/** Ticks of the x axis: the first epoch, and round steps, at most nine. */
function epochTicks(lastEpoch: number): readonly number[] {
  const step = [1, 5, 10, 20, 50, 100, 200, 500, 1000].find((s) => lastEpoch / s <= 8) ?? 2000;
  const rounds = Array.from({ length: Math.floor(lastEpoch / step) }, (_, i) => (i + 1) * step);
  return step === 1 ? rounds : [1, ...rounds];
}
