/**
 * Reads a CSV file of labelled photographs: `file,label[,split][,group]`, instead of a folder with one
 * sub-folder for each class. Training and evaluation read the same files.
 */
import { stat } from 'node:fs/promises';
import { dirname, join, posix, win32 } from 'node:path';
import { compareNames } from '../model/code-point-order.ts';
import { counted, oneLine } from '../model/words.ts';
import { type CsvFileRow, lineError, readCsvFile, repeatCheck } from './csv-file.ts';
import type { FolderSplit } from './folder-level.ts';
import type { WalkedFile } from './folder-walk.ts';

interface LabelledRow extends WalkedFile {
  /** In NFC, as `group`. */
  readonly label: string;
  /** Undefined if the file has no column of this name, as `group`. */
  readonly split: FolderSplit | undefined;
  readonly group: string | undefined;
}

const columns = { required: ['file', 'label'], optional: ['split', 'group'] } as const;
type Row = CsvFileRow<'file' | 'label', 'split' | 'group'>;

/**
 * The photographs that `path` lists, in order of names. Names are relative to the folder of the CSV file and
 * cannot leave it, except through links; nothing is decoded here.
 * Errors: `file-unreadable`; `data-unusable` with the line, what is wrong and how to fix it.
 */
export async function readLabelFile(path: string): Promise<readonly LabelledRow[]> {
  const rows = await readCsvFile(path, columns);
  if (rows.length === 0)
    throw lineError(path, 2, 'expected a line for each photograph, got only the header; add the photographs');
  const requireNew = repeatCheck(path);
  const named = rows.map((row) => {
    const name = nameOf(path, row);
    requireNew(name, row.line);
    const { label, group } = row.cells;
    return {
      line: row.line,
      name,
      label: label.trim().normalize('NFC'),
      split: splitIn(path, row),
      group: group?.trim().normalize('NFC'),
    };
  });
  const root = dirname(path);
  const found = await inBatches(named, async ({ line, ...row }) => ({
    line,
    row,
    file: await fileOf(root, row.name),
  }));
  const missing = found.filter(({ file }) => 'why' in file);
  const [first] = missing;
  if (first !== undefined && 'why' in first.file) {
    const many =
      missing.length === 1 ? '' : ` (and ${counted(missing.length - 1, 'more line', 'more lines')} like it)`;
    const hint = first.row.name.includes('\\') ? 'write / between folders' : `paths start at ${root}/`;
    throw lineError(path, first.line, `${oneLine(first.row.name)} ${first.file.why}${many}; ${hint}`);
  }
  return found
    .flatMap(({ row, file }) => ('why' in file ? [] : [{ ...row, ...file }]))
    .sort((a, b) => compareNames(a.name, b.name));
}

/** The path of a row below the CSV file's folder. Errors: `data-unusable`. */
function nameOf(path: string, { line, cells }: Row): string {
  const { file } = cells;
  const problem = (what: string) => lineError(path, line, `${oneLine(file)} ${what}`);
  if (file.includes('\0')) throw problem('contains a null character; remove it');
  if (posix.isAbsolute(file) || win32.isAbsolute(file))
    throw problem('is an absolute path; write it relative to the folder of the CSV file');
  const name = posix.normalize(file);
  if (name === '..' || name.startsWith('../')) {
    throw problem(
      'is outside the folder of the CSV file; move the CSV file to a folder above the photographs',
    );
  }
  return name;
}

/** Errors: `data-unusable`. */
function splitIn(path: string, { line, cells }: Row): FolderSplit | undefined {
  const split = cells.split?.trim();
  if (split === undefined || split === 'train' || split === 'validation') return split;
  const remedy = /^test/i.test(split)
    ? 'list test photographs in a CSV file of their own, for evaluate'
    : /^val/i.test(split)
      ? 'write validation'
      : 'correct it, or remove the whole column';
  throw lineError(path, line, `expected the split train or validation, got ${oneLine(split)}; ${remedy}`);
}

type FoundFile = Pick<WalkedFile, 'name' | 'path'> | { readonly why: string };

/** The file as it is named, or in the other Unicode normalizations, which programs that write CSV change. */
async function fileOf(root: string, name: string): Promise<FoundFile> {
  let why = '';
  for (const spelling of new Set([name, name.normalize('NFC'), name.normalize('NFD')])) {
    const path = join(root, spelling);
    try {
      const stats = await stat(path);
      if (stats.isFile()) return { name: spelling, path };
      why = stats.isDirectory() ? 'is a folder' : 'is a device, pipe or socket';
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const { code } = error as NodeJS.ErrnoException;
      why ||= code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be read (${code})`;
    }
  }
  return { why };
}

const filesAtOnce = 64;

async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += filesAtOnce)
    results.push(...(await Promise.all(items.slice(at, at + filesAtOnce).map(work))));
  return results;
}
