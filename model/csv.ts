/**
 * Reads and writes CSV (RFC 4180). Fields can contain any character, because classes and photographs are
 * named after folders and files.
 */
import { TexturaError } from './error.ts';

/** CSV text of the rows, each ending in a line feed. Fields are quoted only if necessary. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(quoted).join(',')}\n`).join('');
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * The fields of each row. A field is either quoted, with `""` for a quote, or contains no quotes, commas or
 * line ends.
 * Errors: `file-damaged`, naming `where`, row and character.
 */
export function csvRows(text: string, where: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (field.lastIndex < text.length) {
    const at = field.lastIndex;
    const match = field.exec(text);
    if (match === null) {
      throw new TexturaError(
        'file-damaged',
        `${where}: row ${rows.length + 1}: stray quote after character ${at}`,
      );
    }
    const [, inQuotes, plain = '', end] = match;
    row.push(inQuotes?.replaceAll('""', '"') ?? plain);
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  // Text that ends in a comma has an empty last field.
  return row.length === 0 ? rows : [...rows, [...row, '']];
}
