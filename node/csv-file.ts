/**
 * Reads the CSV files that people write: labels, splits and groups of photographs. A header names the columns,
 * which can have any order, and every message names the line.
 */
import { readFile } from 'node:fs/promises';
import { type CsvRecord, csvRecords } from '../model/csv.ts';
import { TexturaError } from '../model/error.ts';
import { oneLine } from '../model/words.ts';

/** Whether a path is meant as a CSV file, by its extension. */
export function isCsvPath(path: string): boolean {
  return /\.csv$/i.test(path);
}

/** A row by the names of its columns; without the columns that the file lacks. */
export interface CsvFileRow<Required extends string, Optional extends string> {
  readonly line: number;
  readonly cells: Readonly<Record<Required, string>> & Readonly<Partial<Record<Optional, string>>>;
}

interface Columns<Required extends string, Optional extends string> {
  readonly required: readonly Required[];
  readonly optional: readonly Optional[];
}

/**
 * Reads a CSV file (RFC 4180, UTF-8, a byte order mark is allowed) whose first row names the columns. No cell
 * can be empty. Blank lines are ignored. Errors: `file-unreadable`; `data-unusable` with the line, what is
 * wrong and how to fix it.
 */
export async function readCsvFile<Required extends string, Optional extends string = never>(
  path: string,
  columns: Columns<Required, Optional>,
): Promise<readonly CsvFileRow<Required, Optional>[]> {
  const [header, ...records] = recordsOf(await textOf(path), path);
  const expected = `expected the header ${expectedHeader(columns)}`;
  if (header === undefined) throw lineError(path, 1, `${expected}, got an empty file`);
  const known: readonly string[] = [...columns.required, ...columns.optional];
  const names = header.fields.map((name) => name.trim());
  const missing = columns.required.filter((name) => !names.includes(name));
  const unknown = names.filter((name) => !known.includes(name));
  const got = oneLine(header.fields.join(','));
  if (missing.length > 0) {
    const hint = /[;\t]/.test(got) ? '. The columns must be separated by commas' : '';
    throw lineError(path, header.line, `${expected}, got ${got}${hint}`);
  }
  if (unknown.length > 0) {
    const what = unknown.map((name) => (name === '' ? 'one without a name' : oneLine(name))).join(', ');
    throw lineError(path, header.line, `${expected}; remove or rename the other columns: ${what}`);
  }
  const repeated = names.find((name, at) => names.indexOf(name) !== at);
  if (repeated !== undefined)
    throw lineError(path, header.line, `there are two columns ${repeated}; remove one`);
  return records.map(({ fields, line }) => {
    if (fields.length !== names.length) {
      const hint = fields.length > names.length ? '; put values that contain a comma in double quotes' : '';
      throw lineError(path, line, `expected ${names.length} values, got ${fields.length}${hint}`);
    }
    const empty = names.find((_, at) => fields[at]?.trim() === '');
    if (empty !== undefined)
      throw lineError(
        path,
        line,
        `${empty} is empty; fill it in, or remove the ${emptyRemedy(empty, columns)}`,
      );
    const cells = Object.fromEntries(names.map((name, at) => [name, fields[at]]));
    return { line, cells: cells as CsvFileRow<Required, Optional>['cells'] };
  });
}

/** An error about a line of a CSV file. */
export function lineError(path: string, line: number, what: string): TexturaError {
  return new TexturaError('data-unusable', `${path}: line ${line}: ${what}`);
}

/** Refuses a file that is already on an earlier line, in any Unicode normalization. Errors: `data-unusable`. */
export function repeatCheck(path: string): (file: string, line: number) => void {
  const lines = new Map<string, number>();
  return (file, line) => {
    const key = file.normalize('NFC');
    const earlier = lines.get(key);
    if (earlier !== undefined)
      throw lineError(path, line, `${oneLine(file)} is already on line ${earlier}; remove one of the lines`);
    lines.set(key, line);
  };
}

function emptyRemedy(column: string, { optional }: Columns<string, string>): string {
  return optional.includes(column) ? 'whole column' : 'line';
}

function expectedHeader({ required, optional }: Columns<string, string>): string {
  return `${required.join(',')}${optional.map((name) => `[,${name}]`).join('')}`;
}

async function textOf(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : `cannot be read (${cause.code})`;
    throw new TexturaError('file-unreadable', `${path}: ${why}`, { cause });
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TexturaError('data-unusable', `${path}: the file is not UTF-8; save it as CSV in UTF-8`);
  }
}

function recordsOf(text: string, path: string): readonly CsvRecord[] {
  try {
    return csvRecords(text, path).filter(({ fields }) => fields.some((field) => field.trim() !== ''));
  } catch (error) {
    if (!(error instanceof TexturaError)) throw error;
    const hint =
      'put values that contain quotes, commas or line breaks in double quotes, and double their quotes';
    throw new TexturaError('data-unusable', `${error.message}; ${hint}`, { cause: error });
  }
}
