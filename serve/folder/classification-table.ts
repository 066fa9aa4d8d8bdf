/**
 * The CSV file of a classified folder, which is also the state of the run: a file of the folder has a complete
 * row or none. A run that was killed leaves at most one incomplete row at the end, which the next run removes
 * before it appends the missing ones.
 */
import { createReadStream, fstatSync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { csvRows, csvText, textCell } from '../../model/csv.ts';
import { TexturaError } from '../../model/error.ts';
import { type PictureOutcome, pictureColumns, pictureFields } from '../../model/picture-table.ts';
import { counted, oneLine } from '../../model/words.ts';
import { writingTo } from '../../node/output.ts';
import { commandText } from '../../node/shell.ts';

const columns = [...pictureColumns, 'options'] as const;

const header = csvText([columns]);

/** The part of a row that decides where a copy goes. Labels are as in the table (`labelCell`). */
export interface ClassifiedRow {
  /** Path below the folder. */
  readonly file: string;
  readonly label: string;
  readonly probability: number;
  readonly isUnknown: boolean;
  readonly isSkipped: boolean;
}

/** What the rows were made with: rows of other settings must not be mixed. */
interface TableSettings {
  /** Name and hash of the model. */
  readonly model: string;
  /** Options that change results, as on a command line. */
  readonly options: string;
}

/** An open table. Close it. */
export class ClassificationTable {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #settings: TableSettings;
  #bytes: number;

  private constructor(path: string, file: FileHandle, settings: TableSettings, bytes: number) {
    this.#path = path;
    this.#file = file;
    this.#settings = settings;
    this.#bytes = bytes;
  }

  /**
   * Opens or creates the table, removes an incomplete last row, and gives the rows so far to `onRow`, in
   * order. Errors: `usage` if the file is something else or has rows of other settings; `file-damaged`;
   * `output-unwritable`.
   */
  static async open(
    path: string,
    settings: TableSettings,
    onRow: (row: ClassifiedRow) => void,
  ): Promise<ClassificationTable> {
    return writingTo(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, 'a+').then(async (created) => {
        await created.close();
        return open(path, 'r+');
      });
      try {
        let bytes = await readRows(path, settings, onRow);
        await file.truncate(bytes);
        if (bytes === 0) {
          await file.write(header, 0);
          bytes = Buffer.byteLength(header);
        }
        return new ClassificationTable(path, file, settings, bytes);
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  /** Appends a row. Errors: `output-unwritable`, also if something else has changed the file. */
  async append(file: string, outcome: PictureOutcome): Promise<ClassifiedRow> {
    const fields = rowFields(file, outcome, this.#settings);
    const text = Buffer.from(csvText([fields]));
    await writingTo(this.#path, async () => {
      // Blocking: two small calls, which would take ten times as long in the background.
      if (fstatSync(this.#file.fd).size !== this.#bytes) {
        const message = `something else writes to it; is another ${commandText('classify')} running?`;
        throw new TexturaError('output-unwritable', `${this.#path}: ${message}`);
      }
      for (let written = 0; written < text.length; ) {
        const added = writeSync(this.#file.fd, text, written, undefined, this.#bytes);
        written += added;
        this.#bytes += added;
      }
    });
    return rowOf(fields);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Gives each complete row to `onRow`; returns the length of header and complete rows in bytes. */
async function readRows(
  path: string,
  { model, options }: TableSettings,
  onRow: (row: ClassifiedRow) => void,
): Promise<number> {
  let end = 0;
  let number = 0;
  for await (const record of records(path)) {
    number++;
    if (record.text === undefined) {
      // An incomplete header is the whole file.
      if (number === 1 && !header.startsWith(record.rest)) throw notATable(path);
      break;
    }
    const [fields = []] = csvRows(record.text, `${path}: row ${number}`);
    if (number === 1) {
      if (fields.join() !== columns.join()) throw notATable(path);
    } else {
      if (fields.length !== columns.length) {
        throw new TexturaError(
          'file-damaged',
          `${path}: row ${number}: expected ${counted(columns.length, 'field')}, got ${fields.length}; delete the row`,
        );
      }
      const [madeBy = '', madeWith = ''] = fields.slice(-2);
      if (madeBy !== textCell(model) || madeWith !== options) throw otherSettings(path, madeBy, madeWith);
      onRow(rowOf(fields));
    }
    end = record.end;
  }
  return end;
}

type TableRecord =
  | { readonly text: string; readonly end: number }
  /** The incomplete last one. */
  | { readonly text: undefined; readonly rest: string };

const [quote, lineFeed] = [0x22, 0x0a];

/** The rows of a CSV file as text, each with the offset of its end in bytes. */
async function* records(path: string): AsyncGenerator<TableRecord> {
  let rest = Buffer.alloc(0);
  let start = 0;
  let isQuoted = false;
  for await (const chunk of createReadStream(path)) {
    let from = rest.length;
    rest = Buffer.concat([rest, chunk as Buffer]);
    let begin = 0;
    for (; from < rest.length; from++) {
      if (rest[from] === quote) isQuoted = !isQuoted;
      if (rest[from] !== lineFeed || isQuoted) continue;
      yield { text: rest.toString('utf8', begin, from + 1), end: start + from + 1 };
      begin = from + 1;
    }
    rest = rest.subarray(begin);
    start += begin;
  }
  if (rest.length > 0) yield { text: undefined, rest: rest.toString() };
}

function notATable(path: string): TexturaError {
  return new TexturaError(
    'usage',
    `${path}: is not a table of ${commandText('classify')}; choose another file for --csv`,
  );
}

function otherSettings(path: string, model: string, options: string): TexturaError {
  return new TexturaError(
    'usage',
    `${path}: its rows were made with ${oneLine(model)} and ${oneLine(options)}: use the same model and options to resume, or another file for --csv`,
  );
}

function rowFields(file: string, outcome: PictureOutcome, settings: TableSettings): readonly string[] {
  return [...pictureFields(file, outcome, settings.model), settings.options];
}

function rowOf(fields: readonly string[]): ClassifiedRow {
  const [file = '', label = '', probability = '', known = '', , , , , skipped = ''] = fields;
  return {
    file: file.startsWith('./') ? file.slice(2) : file,
    label,
    probability: Number(probability),
    isUnknown: known === 'false',
    isSkipped: skipped !== '',
  };
}
