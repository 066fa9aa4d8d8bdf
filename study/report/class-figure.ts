/** Changes of each class's error as a picture: a row a class, a column a network; red is more patches wrong, blue fewer. */
import * as Plot from '@observablehq/plot';
import { chart, type Drawing } from '../../report/drawing.ts';
import { shortened } from '../../report/markup.ts';
import type { Palette } from '../../report/palette.ts';
import type { ClassChange } from './class-changes.ts';
import { signedPoints } from './study-words.ts';

export interface ClassColumn {
  readonly network: string;
  /** In label order, the same labels in each column. */
  readonly changes: readonly ClassChange[];
}

const cellPx = { width: 46, height: 20 } as const;
const longestLabel = 22;
const letterPx = 6.4;
/** Changes of this share and more have the full colour. */
const strongest = 0.4;

interface Cell {
  readonly network: string;
  readonly row: number;
  readonly change: number;
}

/** Rows with the largest changes come first. */
export function classFigure(columns: readonly ClassColumn[], palette: Palette): Drawing {
  const labels = columns[0]?.changes.map(({ label }) => label) ?? [];
  const cells = columns.flatMap(({ network, changes }) =>
    changes.map(({ change }, row): Cell => ({ network, row, change })),
  );
  const weight = (row: number) =>
    cells.reduce((sum, cell) => sum + (cell.row === row ? Math.abs(cell.change) : 0), 0);
  const order = labels.map((_, row) => row).sort((a, b) => weight(b) - weight(a));
  const names = labels.map((label) => shortened(label, longestLabel));
  const longest = (texts: readonly string[]) => Math.max(...texts.map((text) => Array.from(text).length));
  const marginLeft = 14 + longest(names) * letterPx;
  const marginTop = 16 + longest(columns.map(({ network }) => network)) * letterPx;
  const axis = { tickSize: 0, tickPadding: 4, fontSize: 12, label: null, fill: palette.ink } as const;
  return chart({
    width: Math.ceil(marginLeft + columns.length * cellPx.width + 10),
    height: Math.ceil(marginTop + labels.length * cellPx.height + 8),
    marginTop,
    marginLeft,
    marginRight: 10,
    marginBottom: 8,
    style: { background: 'none' },
    x: { type: 'band', domain: columns.map(({ network }) => network), padding: 0.04, label: null },
    y: { type: 'band', domain: order, padding: 0.06, label: null },
    opacity: { type: 'identity' },
    marks: [
      Plot.axisX({ ...axis, anchor: 'top', tickRotate: -90 }),
      Plot.axisY({ ...axis, tickFormat: (row: number) => names[row] ?? '' }),
      Plot.cell(cells, {
        x: 'network',
        y: 'row',
        fill: ({ change }: Cell) => (change > 0 ? palette.wrong : palette.validation),
        fillOpacity: ({ change }: Cell) => Math.min(1, Math.abs(change) / strongest),
      }),
      Plot.text(cells, {
        x: 'network',
        y: 'row',
        text: ({ change }: Cell) => signedPoints(change),
        fill: ({ change }: Cell) => (Math.abs(change) > 0.6 * strongest ? palette.paper : palette.ink),
        fontSize: 11,
      }),
    ],
  });
}
