/**
 * metrics.csv has one row for each split of each epoch. Its columns are fixed, so the balanced error of the
 * validation rows, which came later, is in a separate file, balanced-error.csv.
 */
import { z } from 'zod';
import { TexturaError } from './error.ts';

const metricsColumns = [
  'epoch',
  'split',
  'objective',
  'top1err',
  'top5err',
  'images_per_second',
  'learning_rate',
  'seconds',
] as const;

/** Values of a diverged epoch can be NaN or infinite, which JSON stores as text. */
const measure: z.ZodType<number> = z.union([
  z.number(),
  z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number),
]);

export const metricsRowSchema = z.strictObject({
  epoch: z.int().min(1),
  split: z.enum(['train', 'val']),
  /** Mean cross-entropy of the patches, in nats. */
  objective: measure,
  /** Share of the patches, 0..1; `top5err` too. */
  top1err: measure,
  top5err: measure,
  /**
   * Mean over the classes of each class's top-1 error. Only validation rows have it, and not in files of
   * earlier versions.
   */
  balanced_top1err: measure.optional(),
  /** Of patches. */
  images_per_second: z.number().min(0),
  /** Of the epoch's last step. */
  learning_rate: z.number().min(0),
  seconds: z.number().min(0),
});

export type MetricsRow = z.infer<typeof metricsRowSchema>;

/** The epoch whose parameters are a run's model, with its validation. */
export const bestEpochSchema = z.strictObject({
  epoch: z.int().min(1),
  /** As in `MetricsRow`; `top5err` and `objective` too. */
  top1err: z.number(),
  top5err: z.number(),
  objective: z.number(),
  /** Mean over the classes of each class's top-1 error. Runs of earlier versions have none. */
  balancedTop1err: z.number().optional(),
  /** Top-1 error of whole photographs, each classified by the mean logits of its patches. */
  photographTop1err: z.number().optional(),
});

/** The text of metrics.csv: a header and one line per row. Numbers round-trip exactly. */
export function metricsToCsv(rows: readonly MetricsRow[]): string {
  const lines = rows.map((row) => metricsColumns.map((column) => String(row[column])).join(','));
  return `${[metricsColumns.join(','), ...lines].join('\n')}\n`;
}

/** Reads the file's text. Errors: `file-damaged`, naming `where` and the line. */
export function metricsFromCsv(text: string, where: string): readonly MetricsRow[] {
  return rowsFromCsv(text, where, metricsColumns, metricsRowSchema.omit({ balanced_top1err: true }));
}

const balancedColumns = ['epoch', 'balanced_top1err'] as const;

const balancedRowSchema = z.strictObject({ epoch: z.int().min(1), balanced_top1err: measure });

/** The text of balanced-error.csv: one line per validation row that has a balanced error. */
export function balancedErrorsToCsv(rows: readonly MetricsRow[]): string {
  const lines = rows.flatMap(({ epoch, balanced_top1err }) =>
    balanced_top1err === undefined ? [] : [`${epoch},${balanced_top1err}`],
  );
  return `${[balancedColumns.join(','), ...lines].join('\n')}\n`;
}

/**
 * `rows` with the balanced errors of balanced-error.csv. Errors: `file-damaged`, naming `where` and the line.
 */
export function withBalancedErrors(
  rows: readonly MetricsRow[],
  text: string,
  where: string,
): readonly MetricsRow[] {
  const errors = new Map(
    rowsFromCsv(text, where, balancedColumns, balancedRowSchema).map((row) => [
      row.epoch,
      row.balanced_top1err,
    ]),
  );
  return rows.map((row) => {
    const balanced = row.split === 'val' ? errors.get(row.epoch) : undefined;
    return balanced === undefined ? row : { ...row, balanced_top1err: balanced };
  });
}

function rowsFromCsv<T>(
  text: string,
  where: string,
  columns: readonly string[],
  schema: z.ZodType<T>,
): readonly T[] {
  const [header, ...lines] = text.trimEnd().split(/\r?\n/);
  if (header !== columns.join(',')) {
    throw new TexturaError(
      'file-damaged',
      `${where}:1: expected the header ${columns.join(',')}, got ${header}`,
    );
  }
  return lines.map((line, index) => {
    const cells = line.split(',');
    const raw = Object.fromEntries(
      columns.map((column, i) => [column, column === 'split' ? cells[i] : numberFrom(cells[i])]),
    );
    const row = schema.safeParse(raw);
    if (cells.length === columns.length && row.success) return row.data;
    throw new TexturaError('file-damaged', `${where}:${index + 2}: not a metrics row: ${line}`);
  });
}

function numberFrom(cell: string | undefined): number | string | undefined {
  const value = Number(cell);
  return cell === undefined || cell === '' || !Number.isFinite(value) ? cell : value;
}
