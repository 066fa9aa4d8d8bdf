/**
 * Which classes a layer matters for: how the error of each class changes without it, and with which class it
 * is then confused.
 */
import * as Plot from '@observablehq/plot';
import { meanOf, sumOf } from '../../model/statistics/descriptive.ts';
import type { Confusion } from '../../report/confusion.ts';
import { type Drawing, matrixChart } from '../../report/drawing.ts';
import { shortened } from '../../report/markup.ts';
import type { Palette } from '../../report/palette.ts';
import type { ArmResults } from './results.ts';
import { signedPoints } from './sentences.ts';

export interface ClassChange {
  readonly label: string;
  /**
   * Share of the class's patches that are misclassified, minus that of the reference; mean over the seeds
   * that both have.
   */
  readonly change: number;
  /** The wrong class whose share grew most, and by how much; undefined if none grew. */
  readonly confusedWith: { readonly label: string; readonly change: number } | undefined;
}

/** In label order; empty if no seed has both models. */
export function classChanges(arm: ArmResults, reference: ArmResults): readonly ClassChange[] {
  const pairs = arm.runs.flatMap(({ seed, results }) => {
    const own = results?.confusion;
    const other = reference.runs.find((run) => run.seed === seed)?.results?.confusion;
    return own === undefined || other === undefined ? [] : [{ own, other }];
  });
  const labels = pairs[0]?.own.labels ?? [];
  return labels.map((label, t) => {
    const change = (n: number) =>
      meanOf(pairs.map(({ own, other }) => shareOf(own, t, n) - shareOf(other, t, n)));
    const others = labels
      .map((name, n) => ({ label: name, change: n === t ? 0 : change(n) }))
      .sort((a, b) => b.change - a.change);
    const [most] = others;
    return {
      label,
      change: -change(t),
      confusedWith: most !== undefined && most.change > 0 ? most : undefined,
    };
  });
}

/** Share of the patches of class `t` that are predicted as class `n`; 0 for a class without patches. */
function shareOf({ counts }: Confusion, t: number, n: number): number {
  const row = counts[t] ?? [];
  const patches = sumOf(row);
  return patches === 0 ? 0 : (row[n] ?? 0) / patches;
}

interface ClassColumn {
  readonly network: string;
  /** In label order, the same labels in each column. */
  readonly changes: readonly ClassChange[];
}

const longestLabel = 22;
/** Changes of this share and more have the full colour. */
const strongest = 0.4;

interface Cell {
  readonly row: number;
  readonly column: number;
  readonly change: number;
}

/**
 * The changes as a figure: a row for each class, the largest changes first, and a column for each network.
 * Red is more error, blue less.
 */
export function classFigure(columns: readonly ClassColumn[], palette: Palette): Drawing {
  const rows = (columns[0]?.changes ?? []).map(({ label }, at) => ({
    label,
    changes: columns.map(({ changes }) => changes[at]?.change ?? 0),
  }));
  const weight = (changes: readonly number[]) => sumOf(changes.map(Math.abs));
  rows.sort((a, b) => weight(b.changes) - weight(a.changes));
  const cells = rows.flatMap(({ changes }, row) =>
    changes.map((change, column): Cell => ({ row, column, change })),
  );
  const place = { x: 'column', y: 'row' } as const;
  return matrixChart(
    {
      rows: rows.map(({ label }) => shortened(label, longestLabel)),
      columns: columns.map(({ network }) => network),
      cellPx: { width: 46, height: 20 },
      padding: 0.05,
      fontPx: 12,
      marks: [
        Plot.cell(cells, {
          ...place,
          fill: ({ change }: Cell) => (change > 0 ? palette.wrong : palette.validation),
          fillOpacity: ({ change }: Cell) => Math.min(1, Math.abs(change) / strongest),
        }),
        Plot.text(cells, {
          ...place,
          text: ({ change }: Cell) => signedPoints(change),
          fill: ({ change }: Cell) => (Math.abs(change) > 0.6 * strongest ? palette.paper : palette.ink),
          fontSize: 11,
        }),
      ],
    },
    palette,
  );
}
