/**
 * The confusion matrix as a figure: rows are true classes, columns predicted ones, each row in shares of its
 * patches. Right predictions are blue, wrong ones red; stronger colours are larger shares.
 */
import * as Plot from '@observablehq/plot';
import { sumOf } from '../model/statistics/descriptive.ts';
import { counted } from '../model/words.ts';
import type { Confusion } from './confusion.ts';
import { type Drawing, matrixChart, svgFile } from './drawing.ts';
import { shortened } from './markup.ts';
import { lightPalette, type Palette } from './palette.ts';

const mostClassesWithNumbers = 30;
const longestLabel = 24;
/**
 * Only the largest shares are drawn, which limits the page's size for a network of many classes with many
 * errors.
 */
const mostCells = 3000;

/** What the matrix counts, in singular and plural. */
interface ConfusionUnit {
  readonly one: string;
  readonly many: string;
}

const patchUnit: ConfusionUnit = { one: 'patch', many: 'patches' };
export const photographUnit: ConfusionUnit = { one: 'photograph', many: 'photographs' };

interface Cell {
  readonly trueClass: number;
  readonly predicted: number;
  readonly count: number;
  /** Of the patches of the true class, in (0, 1]. */
  readonly share: number;
}

/** confusion.svg. */
export function confusionFile(confusion: Confusion, heading: string): string {
  return svgFile(confusionFigure(confusion, lightPalette), heading);
}

export function confusionFigure(
  { labels, counts }: Confusion,
  palette: Palette,
  unit: ConfusionUnit = patchUnit,
): Drawing {
  const withNumbers = labels.length <= mostClassesWithNumbers;
  const cellPx = withNumbers ? 27 : 8.5;
  const names = labels.map((label) => shortened(label, longestLabel));
  return matrixChart(
    {
      rows: names,
      columns: names,
      titles: { rows: 'true class ↓', columns: 'predicted →' },
      cellPx: { width: cellPx, height: cellPx },
      padding: 0,
      fontPx: withNumbers ? 11 : 8,
      marks: [
        ...cellMarks(largestCells(counts), labels, withNumbers ? unit : undefined, palette),
        Plot.frame({ stroke: palette.rule }),
      ],
    },
    palette,
  );
}

function cellMarks(
  cells: readonly Cell[],
  labels: readonly string[],
  /** Undefined in a large matrix. */
  unit: ConfusionUnit | undefined,
  palette: Palette,
): readonly Plot.Markish[] {
  const place = { x: 'predicted', y: 'trueClass' } as const;
  const right = cells.filter(({ trueClass, predicted }) => trueClass === predicted);
  const wrong = cells.filter(({ trueClass, predicted }) => trueClass !== predicted);
  // Tooltips only in a small matrix: in a large one their text would outweigh the figure.
  const title = unit && ((cell: Cell) => cellText(cell, labels, unit));
  const channels = { ...place, fillOpacity: strength, inset: unit ? 0.5 : 0, ...(title && { title }) };
  return [
    Plot.cell(right, { ...channels, fill: palette.validation, className: 'right' }),
    Plot.cell(wrong, { ...channels, fill: palette.wrong, className: 'wrong' }),
    ...(unit ? [numbers(cells, palette)] : []),
  ];
}

function numbers(cells: readonly Cell[], { ink, paper }: Palette): Plot.Markish {
  return Plot.text(cells, {
    x: 'predicted',
    y: 'trueClass',
    text: ({ share }: Cell) => String(Math.round(share * 100)),
    fill: (cell: Cell) => (strength(cell) > 0.55 ? paper : ink),
    fontSize: 10,
    className: 'percent',
    pointerEvents: 'none',
  });
}

/** Opacity of a cell. The square root makes small shares visible, which are the mistakes. */
function strength({ share }: Cell): number {
  return Number(Math.sqrt(share).toFixed(3));
}

function cellText(
  { trueClass, predicted, count, share }: Cell,
  labels: readonly string[],
  { one, many }: ConfusionUnit,
): string {
  const amount = `${counted(count, one, many)}, ${Math.round(share * 100)} %`;
  const name = shortened(labels[trueClass] ?? '', 60);
  if (trueClass === predicted) return `${name}, right: ${amount}`;
  return `${name} predicted as ${shortened(labels[predicted] ?? '', 60)}: ${amount}`;
}

function largestCells(counts: Confusion['counts']): readonly Cell[] {
  const cells = counts.flatMap((row, trueClass) => {
    const patches = sumOf(row);
    return row.flatMap((count, predicted): readonly Cell[] =>
      count === 0 ? [] : [{ trueClass, predicted, count, share: count / patches }],
    );
  });
  return cells.toSorted((a, b) => b.share - a.share).slice(0, mostCells);
}
