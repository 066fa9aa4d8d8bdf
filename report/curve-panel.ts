/** One measure against the epoch: axes, the level where guessing would be, and lines that are named at their right ends. */
import * as Plot from '@observablehq/plot';
import { epochTicks, tickText, valueTicks } from './curve-axes.ts';
import { chart, type Drawing } from './drawing.ts';
import type { Palette } from './palette.ts';

export const errorMeasures = ['objective', 'top1err', 'top5err'] as const;
export type ErrorMeasure = (typeof errorMeasures)[number];

export const measureTitles: { readonly [M in ErrorMeasure]: string } = {
  objective: 'objective (cross-entropy, nats)',
  top1err: 'top-1 error (share of patches)',
  top5err: 'top-5 error (share of patches)',
};

/** What a network that knows nothing and says so would score. */
export const guessing: { readonly [M in ErrorMeasure]: (classes: number) => number } = {
  objective: (classes) => Math.log(classes),
  top1err: (classes) => 1 - 1 / classes,
  top5err: (classes) => Math.max(0, 1 - 5 / classes),
};

/** In pixels; the right margin has room for the lines' names. */
export interface PanelFrame {
  readonly width: number;
  readonly height: number;
  readonly marginTop: number;
  readonly marginRight: number;
  readonly marginBottom: number;
  readonly marginLeft: number;
}

interface NamedEnd {
  readonly name: string;
  readonly colour: string;
  /** Where the line ends. */
  readonly value: number;
}

export interface PanelContent {
  readonly title: string;
  readonly lastEpoch: number;
  /** What has to fit. */
  readonly values: readonly number[];
  readonly guess?: number | undefined;
  readonly marks: readonly Plot.Markish[];
  readonly ends: readonly NamedEnd[];
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

/** Names the lines at their right ends, pushed apart where they would overlap. */
function endLabels(ends: readonly NamedEnd[], frame: PanelFrame, top: number): readonly Plot.Markish[] {
  const innerPx = frame.height - frame.marginTop - frame.marginBottom;
  const labels = ends.map(({ name, colour, value }) => ({
    name,
    colour,
    y: frame.marginTop + innerPx * (1 - Math.min(1, value / top)),
  }));
  return spread(labels, frame.height - frame.marginBottom - 2).map(({ name, colour, y }) =>
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
