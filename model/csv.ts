/**
 * Reads and writes CSV (RFC 4180). Fields can contain any character, because classes and photographs are
 * named after folders and files.
 */
import { TexturaError } from './error.ts';

/** CSV text of the rows, each ending in a line feed. Fields are quoted only if necessary. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(quotedField).join(',')}\n`).join('');
}

function quotedField(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** A row and the line on which it starts; quoted fields can have several lines. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** Counted from 1. */
  readonly line: number;
}

/**
 * The fields of each row. A field is either quoted, with `""` for a quote, or contains no quotes, commas or
 * line ends.
 * Errors: `file-damaged`, naming `where`, line and character.
 */
export function csvRows(text: string, where: string): string[][] {
  return csvRecords(text, where).map(({ fields }) => [...fields]);
}

/** As `csvRows`, with the line of each row. */
export function csvRecords(text: string, where: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let fields: string[] = [];
  let line = 1;
  let startLine = 1;
  // `[^"]*` instead of one character at a time, which would overflow the stack in a field of 10 MB.
  const field = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (field.lastIndex < text.length) {
    const at = field.lastIndex;
    const match = field.exec(text);
    if (match === null) {
      throw new TexturaError(
        'file-damaged',
        `${where}: line ${line}: stray quote or carriage return after character ${at}`,
      );
    }
    const [whole, inQuotes, plain = '', end] = match;
    if (fields.length === 0) startLine = line;
    fields.push(inQuotes?.replaceAll('""', '"') ?? plain);
    for (const character of whole) if (character === '\n') line++;
    if (end === ',') continue;
    records.push({ fields, line: startLine });
    fields = [];
  }
  // Text that ends in a comma has an empty last field.
  return fields.length === 0 ? records : [...records, { fields: [...fields, ''], line: startLine }];
}

/** What a spreadsheet takes for the start of a formula. */
const formulaStart = /^[=+\-@\t\r]/;

/** A path that starts like a formula gets `./` in front, so that it still is the path of the file. */
export function fileCell(file: string): string {
  return formulaStart.test(file) ? `./${file}` : file;
}

/** A text that starts like a formula gets an apostrophe in front, which spreadsheets take for text. */
export function textCell(text: string): string {
  return formulaStart.test(text) ? `'${text}` : text;
}
