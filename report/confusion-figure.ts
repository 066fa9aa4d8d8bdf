/**
 * The confusion counts as a picture: a row a true class, a column a name that was given, each row in shares of its patches. Right
 * answers are blue, wrong ones red; the stronger, the more.
 */
import * as Plot from '@observablehq/plot';
import type { Confusion } from './confusion-file.ts';
import { chart, type Drawing, svgFile } from './drawing.ts';
import { shortened } from './markup.ts';
import { lightPalette, type Palette } from './palette.ts';

const mostClassesWithNumbers = 30;
const longestLabel = 24;
/** Keeps the page light when a network of very many classes errs all over: the strongest are drawn. */
const mostCells = 3000;

interface Cell {
  readonly trueClass: number;
  readonly namedAs: number;
  readonly count: number;
  /** Of the patches of the true class, in (0, 1]. */
  readonly share: number;
}

/** confusion.svg. */
export function confusionFile(confusion: Confusion, heading: string): string {
  return svgFile(confusionFigure(confusion, lightPalette), heading);
}

export function confusionFigure({ labels, counts }: Confusion, palette: Palette): Drawing {
  const classes = labels.length;
  const cells = strongestCells(counts);
  const withNumbers = classes <= mostClassesWithNumbers;
  const cellPx = withNumbers ? 27 : 8.5;
  const fontPx = withNumbers ? 11 : 8;
  const names = labels.map((label) => shortened(label, longestLabel));
  const namePx = 12 + Math.max(...names.map((name) => Array.from(name).length)) * fontPx * 0.56;
  const margin = { marginTop: namePx + 18, marginLeft: namePx + 18, marginRight: 14, marginBottom: 8 };
  const domain = labels.map((_, c) => c);
  const nameOf = (c: number) => names[c] ?? '';
  const axis = { tickFormat: nameOf, tickSize: 0, tickPadding: 4, fontSize: fontPx, label: null } as const;
  return chart({
    ...margin,
    width: Math.ceil(margin.marginLeft + classes * cellPx + margin.marginRight),
    height: Math.ceil(margin.marginTop + classes * cellPx + margin.marginBottom),
    style: { background: 'none' },
    x: { type: 'band', domain, padding: 0, label: null },
    y: { type: 'band', domain, padding: 0, label: null },
    opacity: { type: 'identity' },
    marks: [
      Plot.axisX({ ...axis, anchor: 'top', tickRotate: -90, fill: palette.ink }),
      Plot.axisY({ ...axis, fill: palette.ink }),
      ...axisTitles(margin, palette),
      ...cellMarks(cells, labels, withNumbers, palette),
      Plot.frame({ stroke: palette.rule }),
    ],
  });
}

function axisTitles(
  { marginTop, marginLeft }: { readonly marginTop: number; readonly marginLeft: number },
  { muted }: Palette,
): readonly Plot.Markish[] {
  const style = { fill: muted, fontStyle: 'italic', frameAnchor: 'top-left' } as const;
  return [
    Plot.text(['named as →'], { ...style, dx: 0, dy: 2 - marginTop, textAnchor: 'start' }),
    Plot.text(['true class ↓'], { ...style, dx: 2 - marginLeft, dy: -18, textAnchor: 'start' }),
  ];
}

function cellMarks(
  cells: readonly Cell[],
  labels: readonly string[],
  withNumbers: boolean,
  palette: Palette,
): readonly Plot.Markish[] {
  const place = { x: 'namedAs', y: 'trueClass' } as const;
  const right = cells.filter(({ trueClass, namedAs }) => trueClass === namedAs);
  const wrong = cells.filter(({ trueClass, namedAs }) => trueClass !== namedAs);
  // In a small matrix each cell says what it is when it is pointed at; in a large one the texts would outweigh the picture.
  const title = withNumbers ? (cell: Cell) => cellText(cell, labels) : undefined;
  const channels = { ...place, fillOpacity: strength, inset: withNumbers ? 0.5 : 0, ...(title && { title }) };
  return [
    Plot.cell(right, { ...channels, fill: palette.validation, className: 'right' }),
    Plot.cell(wrong, { ...channels, fill: palette.wrong, className: 'wrong' }),
    ...(withNumbers ? [numbers(cells, palette)] : []),
  ];
}

function numbers(cells: readonly Cell[], { ink, paper }: Palette): Plot.Markish {
  return Plot.text(cells, {
    x: 'namedAs',
    y: 'trueClass',
    text: ({ share }: Cell) => String(Math.round(share * 100)),
    fill: (cell: Cell) => (strength(cell) > 0.55 ? paper : ink),
    fontSize: 10,
    className: 'percent',
    pointerEvents: 'none',
  });
}

/** Opacity of a cell. The root spreads the small shares, which are the mistakes one looks for. */
function strength({ share }: Cell): number {
  return Number(Math.sqrt(share).toFixed(3));
}

function cellText({ trueClass, namedAs, count, share }: Cell, labels: readonly string[]): string {
  const what = `${count} ${count === 1 ? 'patch' : 'patches'}, ${Math.round(share * 100)} %`;
  const name = shortened(labels[trueClass] ?? '', 60);
  if (trueClass === namedAs) return `${name}, named right: ${what}`;
  return `${name} named as ${shortened(labels[namedAs] ?? '', 60)}: ${what}`;
}

function strongestCells(counts: Confusion['counts']): readonly Cell[] {
  const cells = counts.flatMap((row, trueClass) => {
    const patches = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, namedAs): readonly Cell[] =>
      count === 0 ? [] : [{ trueClass, namedAs, count, share: count / patches }],
    );
  });
  return cells.toSorted((a, b) => b.share - a.share).slice(0, mostCells);
}
