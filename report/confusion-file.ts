/**
 * confusion.csv: how many validation patches of each class were named as which. The first row has the names that were given,
 * the first column the true class.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { csvRows, csvText } from '../model/csv.ts';
import { TexturaError } from '../model/error.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { reportFiles } from './report-files.ts';

export interface Confusion {
  /** In output order of the network. */
  readonly labels: readonly string[];
  /** `counts[true class][class it was named as]`, square. */
  readonly counts: readonly (readonly number[])[];
}

const corner = 'true class';

/** Writes confusion.csv of a run directory. Errors: `internal` where counts are not a square of the labels' number. */
export async function writeConfusion(
  directory: string,
  labels: readonly string[],
  counts: readonly (readonly number[])[],
): Promise<void> {
  await writeFileAtomically(join(directory, reportFiles.confusionCounts), confusionToCsv({ labels, counts }));
}

/** Reads confusion.csv of a run directory; undefined where there is none. Errors: `file-damaged`. */
export async function readConfusion(directory: string): Promise<Confusion | undefined> {
  const path = join(directory, reportFiles.confusionCounts);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new TexturaError('file-unreadable', `${path}: ${error.message}`, { cause: error });
  });
  return text === undefined ? undefined : confusionFromCsv(text, path);
}

export function confusionToCsv({ labels, counts }: Confusion): string {
  if (counts.length !== labels.length || counts.some((row) => row.length !== labels.length)) {
    const got = counts.map((row) => row.length).join(', ');
    throw new TexturaError(
      'internal',
      `confusion counts: expected ${labels.length} rows of ${labels.length}, got rows of ${got}`,
    );
  }
  const rows = labels.map((label, i) => [label, ...(counts[i] ?? []).map(String)]);
  return csvText([[corner, ...labels], ...rows]);
}

/** Errors: `file-damaged`, naming `where` and the row. */
export function confusionFromCsv(text: string, where: string): Confusion {
  const [header = [], ...rows] = csvRows(text, where);
  const labels = header.slice(1);
  const damaged = (what: string) => new TexturaError('file-damaged', `${where}: ${what}`);
  if (header[0] !== corner || rows.length !== labels.length) {
    throw damaged(
      `expected a header that begins with "${corner}" and a row for each of its ${labels.length} classes, got ${rows.length} rows`,
    );
  }
  const counts = rows.map(([label, ...cells], i) => {
    const row = cells.map((cell) => (/^\d+$/.test(cell) ? Number(cell) : Number.NaN));
    if (label !== labels[i] || row.length !== labels.length || !row.every(Number.isSafeInteger)) {
      throw damaged(`row ${i + 2}: expected "${labels[i]}" and ${labels.length} counts`);
    }
    return row;
  });
  return { labels, counts };
}
