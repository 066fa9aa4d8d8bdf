/** metrics.csv: one row for each split of each epoch. The header is part of the product's contract. */
import { z } from 'zod';
import { TexturaError } from './error.ts';

export const metricsColumns = [
  'epoch',
  'split',
  'objective',
  'top1err',
  'top5err',
  'images_per_second',
  'learning_rate',
  'seconds',
] as const;

/** Values of a diverged epoch are not finite; JSON has no word for that, so they travel as text there. */
const measure = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);

export const metricsRowSchema = z.strictObject({
  epoch: z.int().min(1),
  split: z.enum(['train', 'val']),
  objective: measure,
  top1err: measure,
  top5err: measure,
  images_per_second: z.number().min(0),
  learning_rate: z.number().min(0),
  seconds: z.number().min(0),
});

export type MetricsRow = z.infer<typeof metricsRowSchema>;

/** The file's text: the header and a line a row, each ended by a line feed; numbers read back to the same value. */
export function metricsToCsv(rows: readonly MetricsRow[]): string {
  const lines = rows.map((row) => metricsColumns.map((column) => String(row[column])).join(','));
  return `${[metricsColumns.join(','), ...lines].join('\n')}\n`;
}

/** Reads the file's text. Errors: `file-damaged`, naming `where` and the line. */
export function metricsFromCsv(text: string, where: string): readonly MetricsRow[] {
  const [header, ...lines] = text.trimEnd().split(/\r?\n/);
  if (header !== metricsColumns.join(',')) {
    throw new TexturaError(
      'file-damaged',
      `${where}:1: expected the header ${metricsColumns.join(',')}, got ${header}`,
    );
  }
  return lines.map((line, index) => {
    const cells = line.split(',');
    const raw = Object.fromEntries(
      metricsColumns.map((column, i) => [column, column === 'split' ? cells[i] : numberFrom(cells[i])]),
    );
    const row = metricsRowSchema.safeParse(raw);
    if (cells.length === metricsColumns.length && row.success) return row.data;
    throw new TexturaError('file-damaged', `${where}:${index + 2}: not a row of metrics: ${line}`);
  });
}

function numberFrom(cell: string | undefined): number | string | undefined {
  const value = Number(cell);
  return cell === undefined || cell === '' || !Number.isFinite(value) ? cell : value;
}
