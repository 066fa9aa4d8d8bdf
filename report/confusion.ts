/**
 * The confusion matrix of a run's validation patches: its file confusion.csv, whose first row has the
 * predicted classes and whose first column the true ones, and the errors of each class.
 */
import { join } from 'node:path';
import { csvRows, csvText } from '../model/csv.ts';
import { TexturaError } from '../model/error.ts';
import { sumOf } from '../model/statistics/descriptive.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { readTextIfThere } from '../node/optional-file.ts';

export interface Confusion {
  /** In output order of the network. */
  readonly labels: readonly string[];
  /** `counts[true class][predicted class]`, square. */
  readonly counts: readonly (readonly number[])[];
}

export const confusionCsvFile = 'confusion.csv';
const corner = 'true class';

/**
 * Writes confusion.csv of a run directory. Errors: `internal` if the counts are not one row and one column
 * for each label.
 */
export async function writeConfusion(
  directory: string,
  labels: readonly string[],
  counts: readonly (readonly number[])[],
): Promise<void> {
  await writeFileAtomically(join(directory, confusionCsvFile), confusionToCsv({ labels, counts }));
}

/**
 * Reads confusion.csv of a run directory; undefined if there is none. Errors: `file-unreadable`,
 * `file-damaged`.
 */
export async function readConfusion(directory: string): Promise<Confusion | undefined> {
  const path = join(directory, confusionCsvFile);
  const text = await readTextIfThere(path);
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

interface Mistake {
  readonly trueLabel: string;
  readonly predicted: string;
  readonly count: number;
  /** Patches of the true class. */
  readonly of: number;
}

export interface ClassScore {
  readonly label: string;
  readonly patches: number;
  readonly wrong: number;
  /** Patches of other classes that were named as this one. */
  readonly falsePositives: number;
  /** The most frequent mistake; undefined if there is none. */
  readonly worstMistake: Mistake | undefined;
}

/** The highest share of wrong patches first, then in label order; classes without patches last. */
export function classScores(confusion: Confusion): readonly ClassScore[] {
  const { labels, counts } = confusion;
  const all = mistakes(confusion);
  const scores = labels.map((label, c): ClassScore => {
    const patches = sumOf(counts[c] ?? []);
    const own = counts[c]?.[c] ?? 0;
    return {
      label,
      patches,
      wrong: patches - own,
      falsePositives: sumOf(counts.map((row) => row[c] ?? 0)) - own,
      worstMistake: all.find(({ trueLabel }) => trueLabel === label),
    };
  });
  return scores.sort((a, b) => errorShare(b) - errorShare(a));
}

/** Share of a class's patches that were named wrong, in 0..1; -1 for a class without patches. */
export function errorShare({ patches, wrong }: ClassScore): number {
  return patches === 0 ? -1 : wrong / patches;
}

/** Every confused pair of classes, the most patches first, then by share of the true class. */
export function mistakes({ labels, counts }: Confusion): readonly Mistake[] {
  const found = labels.flatMap((trueLabel, t) => {
    const row = counts[t] ?? [];
    const of = sumOf(row);
    return labels.flatMap((predicted, n): readonly Mistake[] => {
      const count = row[n] ?? 0;
      return t === n || count === 0 ? [] : [{ trueLabel, predicted, count, of }];
    });
  });
  return found.sort((a, b) => b.count - a.count || a.of - b.of);
}

/** Over all classes. */
export function totalScore({ counts }: Confusion): { readonly patches: number; readonly wrong: number } {
  const patches = sumOf(counts.map(sumOf));
  return { patches, wrong: patches - sumOf(counts.map((row, c) => row[c] ?? 0)) };
}
