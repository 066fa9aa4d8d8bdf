/**
 * Copies of a folder's pictures, sorted into a folder for each class. A destination follows from the rows of
 * the table before it, so a resumed run continues with the same names. Nothing is overwritten.
 */

import { constants, type Stats } from 'node:fs';
import {
  copyFile,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  utimes,
} from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { textCell } from '../../model/csv.ts';
import { TexturaError } from '../../model/error.ts';
import { isInside } from '../../node/folder-walk.ts';
import { realPathOf, requireWritable, writingTo } from '../../node/output.ts';
import { isAlive } from '../../node/process-life.ts';
import type { ClassifiedRow } from './classification-table.ts';

/** Folders of what is in no class. */
const unknownFolder = '_unknown';
const doubtfulFolder = '_doubtful';

interface SortingSettings {
  /** The folder of the copies. */
  readonly to: string;
  /** The folder that is read. */
  readonly from: string;
  readonly labels: readonly string[];
  /** Pictures whose class has a lower probability are doubtful. */
  readonly doubtfulBelow: number;
}

export class SortedCopies {
  /** Pictures in each folder. */
  readonly counts = new Map<string, number>();
  readonly #settings: SortingSettings;
  readonly #folderOfLabel: ReadonlyMap<string, string>;
  readonly #ready = new Set<string>();
  readonly #taken = new Set<string>();

  private constructor(settings: SortingSettings) {
    this.#settings = settings;
    this.#folderOfLabel = classFolders(settings.labels);
  }

  /**
   * Creates the folder. Errors: `usage` if it contains the folder that is read, or is inside it;
   * `output-unwritable`.
   */
  static async open(settings: SortingSettings): Promise<SortedCopies> {
    const { to, from } = settings;
    // Before anything is created.
    const target = await realPathOf(resolve(to));
    const source = await realpath(from);
    if (isInside(target, source) || isInside(source, target)) {
      throw new TexturaError('usage', `--copy-to ${to}: choose a folder outside ${from}, and not around it`);
    }
    await requireWritable(to);
    return new SortedCopies(settings);
  }

  /**
   * Copies the picture of a row, unless the copy is already there; false if the picture is gone. Call it once
   * for each row, in the order of the table.
   */
  async add(row: ClassifiedRow, path: string): Promise<boolean> {
    if (row.isSkipped) return true;
    const folder = this.#folderOf(row);
    const name = this.#freeName(folder, basename(row.file));
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return false;
    await this.#prepare(folder);
    await this.#copy(path, found, folder, name);
    this.counts.set(folder, (this.counts.get(folder) ?? 0) + 1);
    return true;
  }

  #folderOf({ label, probability, isUnknown }: ClassifiedRow): string {
    if (isUnknown) return unknownFolder;
    if (probability < this.#settings.doubtfulBelow) return doubtfulFolder;
    return this.#folderOfLabel.get(label) ?? doubtfulFolder;
  }

  /** The name, or the first of `name (2)`, `name (3)` that no earlier row has. */
  #freeName(folder: string, name: string): string {
    for (let number = 1; ; number++) {
      const candidate = numbered(name, number);
      // Some file systems do not distinguish case and normal forms.
      const key = `${folder}/${candidate.normalize('NFC').toLowerCase()}`;
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      return candidate;
    }
  }

  /** Creates a class folder. Errors: `output-unwritable` if a link leads from it into the source. */
  async #prepare(folder: string): Promise<void> {
    if (this.#ready.has(folder)) return;
    const path = join(this.#settings.to, folder);
    await writingTo(path, () => mkdir(path, { recursive: true }));
    if (isInside(await realpath(path), await realpath(this.#settings.from))) {
      const message = `${path}: leads into ${this.#settings.from}, where nothing is written`;
      throw new TexturaError('output-unwritable', message);
    }
    await removeAbandoned(path);
    this.#ready.add(folder);
  }

  async #copy(from: string, found: Stats, folder: string, name: string): Promise<void> {
    for (let number = 1; ; number++) {
      // A file of somebody else keeps its name; the copy gets another one.
      const to = join(this.#settings.to, folder, numbered(name, number));
      const there = await lstat(to).catch(() => undefined);
      if (there !== undefined && (await isCopy(to, from, found))) return;
      if (there === undefined && (await copyExclusively(from, found, to))) return;
    }
  }
}

/** Times of copies are rounded on some file systems. */
const timeToleranceMs = 2000;

/** Of a file's start and end, which are compared; reading all of every copy would make resuming slow. */
const comparedBytes = 64 * 1024;

/** A copy has the size and the time of its original, and its first and last bytes. */
async function isCopy(copy: string, original: string, of: Stats): Promise<boolean> {
  const found = await lstat(copy);
  if (!found.isFile() || found.size !== of.size) return false;
  if (Math.abs(found.mtimeMs - of.mtimeMs) > timeToleranceMs) return false;
  const [ends, others] = await Promise.all([endsOf(copy, of.size), endsOf(original, of.size)]);
  return ends.equals(others);
}

async function endsOf(path: string, size: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const length = Math.min(size, comparedBytes);
    const ends = Buffer.alloc(2 * length);
    await file.read(ends, 0, length, 0);
    await file.read(ends, length, length, size - length);
    return ends;
  } finally {
    await file.close();
  }
}

/** Of the process that copies. */
const temporaryName = (pid: number) => `.textura-copy-${pid}.tmp`;
const temporaryPattern = /^\.textura-copy-(\d+)\.tmp$/;

/** Deletes temporary files of killed runs. Such a file may be a second name of a complete copy. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(temporaryPattern.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || (pid !== process.pid && isAlive(pid))) continue;
    await writingTo(join(folder, name), () => rm(join(folder, name), { force: true }));
  }
}

/** Copies under a temporary name first, so that a copy is complete or absent; false if `to` exists by now. */
async function copyExclusively(from: string, { atime, mtime }: Stats, to: string): Promise<boolean> {
  const temporary = join(dirname(to), temporaryName(process.pid));
  try {
    return await writingTo(to, async () => {
      await copyFile(from, temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      await utimes(temporary, atime, mtime);
      try {
        await link(temporary, to);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST') return false;
        // The file system has no hard links.
        if ((await lstat(to).catch(() => undefined)) !== undefined) return false;
        await rename(temporary, to);
      }
      return true;
    });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** Of a file's name, on all usual file systems. */
const longestNameBytes = 255;

/** `a.jpg`, `a (2).jpg`, `a (3).jpg`. A name that would be too long loses letters before the number. */
function numbered(name: string, number: number): string {
  if (number === 1) return name;
  const extension = extname(name);
  const letters = Array.from(name.slice(0, name.length - extension.length));
  const ending = ` (${number})${extension}`;
  while (letters.length > 0 && Buffer.byteLength(letters.join('') + ending) > longestNameBytes) letters.pop();
  return letters.join('') + ending;
}

/** A folder for each label (as in the table), whatever the label contains. */
function classFolders(labels: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set([unknownFolder, doubtfulFolder]);
  return new Map(
    labels.map((label) => {
      const name = folderName(label);
      let number = 1;
      while (taken.has(numberedFolder(name, number).normalize('NFC').toLowerCase())) number++;
      const folder = numberedFolder(name, number);
      taken.add(folder.normalize('NFC').toLowerCase());
      return [textCell(label), folder];
    }),
  );
}

function numberedFolder(name: string, number: number): string {
  return number === 1 ? name : `${name} (${number})`;
}

/** Characters that a file system forbids or that lead to another folder become `_`. */
function folderName(label: string): string {
  const safe = label
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches control characters
    .replace(/[\u0000-\u001f\u007f/\\:*?"<>|]/g, '_')
    .replace(/^\.|[. ]$/g, '_');
  return Array.from(safe).slice(0, 60).join('') || '_';
}
