/**
 * Checks output folders, and turns errors of the file system and of the standard output into messages that name
 * the path and the reason.
 */
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { realpath, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { isCsvPath } from './csv-file.ts';
import { isHiddenIn, isInside } from './folder-walk.ts';
import { terminalOn } from './terminal.ts';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user has no permission to write there',
  EPERM: 'this user has no permission to write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'it is a file, not a folder',
  EISDIR: 'it is a folder, not a file',
  ENOENT: 'a part of the path does not exist',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the disk quota of this user is used up',
  ENAMETOOLONG: 'the name is too long',
  EIO: 'the disk reports an error',
};

/** Runs `work`, which writes to `path`. Errors: `output-unwritable`, with the path and the reason. */
export async function writingTo<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: Error): TexturaError {
  const { code = '' } = error as NodeJS.ErrnoException;
  const reason = reasons[code];
  const why = reason === undefined ? error.message : `${reason} (${code})`;
  return new TexturaError('output-unwritable', `${path}: cannot be written: ${why}`, { cause: error });
}

/**
 * Ends the process with a message if its output cannot be written, as on a full disk. A closed pipe (`| head`)
 * or terminal is ignored: it must not end a training run or a server.
 */
export function handleOutputErrors(): void {
  for (const stream of [process.stdout, process.stderr])
    if (!stream.listeners('error').includes(onOutputError)) stream.on('error', onOutputError);
}

function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || error.code === 'EIO') return;
  const { message, exitStatus } = unwritable('standard output', error);
  terminalOn(process.stderr).line(`textura: ${message}`);
  process.exit(exitStatus);
}

/**
 * Creates the folder if it is missing, tries to write in it, and returns the topmost folder created. Errors:
 * `output-unwritable`.
 */
export async function requireWritable(folder: string): Promise<string | undefined> {
  return writingTo(folder, async () => {
    // In one turn of the event loop, so that a stop signal comes before or after and leaves no folder behind.
    const firstMade = makeFolder(resolve(folder));
    rmdirSync(mkdtempSync(join(folder, '.writable-')));
    return firstMade;
  });
}

/**
 * Runs `work`, which writes to the folder. If it fails before it has written anything, folders that were created
 * for it are removed. Errors: those of `requireWritable` and of `work`.
 */
export async function withWritableFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const firstMade = await requireWritable(folder);
  try {
    return await work();
  } catch (error) {
    if (firstMade !== undefined) removeEmptyFolders(folder, firstMade);
    throw error;
  }
}

/**
 * Errors: `usage` if the folder of results is the data folder or inside it, where it would be read as a class,
 * or if one of its `files` is the data. Hidden folders are not read, and a CSV file of labels names its
 * photographs, so both may be in one folder with results.
 */
export async function requireOutside(results: string, data: string, files: readonly string[]): Promise<void> {
  if (isCsvPath(data)) return requireOthers(results, data, files);
  const inner = await realPathOf(resolve(results));
  const outer = await realPathOf(resolve(data));
  if (!isInside(inner, outer) || isHiddenIn(inner, outer)) return;
  throw new TexturaError(
    'usage',
    `${results}: is inside the data folder ${data} and would be read as a class; choose a folder outside with --out`,
  );
}

async function requireOthers(results: string, data: string, files: readonly string[]): Promise<void> {
  const own = await realPathOf(resolve(data));
  for (const path of files.map((file) => join(results, file)))
    if ((await realPathOf(resolve(path))) === own)
      throw new TexturaError('usage', `${path}: would replace the data; choose another folder with --out`);
}

/** The absolute path without links, also of what does not exist yet. */
export async function realPathOf(path: string): Promise<string> {
  const found = await realpath(path).catch(() => undefined);
  if (found !== undefined) return found;
  const parent = dirname(path);
  return parent === path ? path : join(await realPathOf(parent), basename(path));
}

/** Removes the folder and its parents up to `last`, as far as they are empty. */
export function removeEmptyFolders(folder: string, last: string): void {
  try {
    for (let path = resolve(folder); path.length >= resolve(last).length; path = dirname(path))
      rmdirSync(path);
  } catch {
    // Not empty: something was written there.
  }
}

/**
 * Creates the folder if it is missing. Errors: `output-unwritable` if its disk has less than `neededBytes`
 * free.
 */
export async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize, blocks } = await writingTo(folder, async () => {
    makeFolder(resolve(folder));
    return statfs(folder);
  });
  const freeBytes = bavail * bsize;
  // Some network disks report no size.
  if (blocks === 0 || freeBytes >= neededBytes) return;
  throw new TexturaError(
    'output-unwritable',
    `${folder}: too little space on the disk: about ${Math.ceil(neededBytes / 2 ** 20)} MiB are needed, ` +
      `${Math.floor(freeBytes / 2 ** 20)} MiB are free`,
  );
}

/**
 * Creates a folder and its missing parents and returns the topmost one created. Node's recursive mkdir never
 * returns on file systems such as /proc that report ENOENT for a folder in an existing one.
 */
function makeFolder(folder: string): string | undefined {
  const hadParent = existsSync(dirname(folder));
  try {
    mkdirSync(folder);
    return folder;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return undefined;
    if (code !== 'ENOENT' || hadParent) throw error;
  }
  // Another process may make the same folders at the same time.
  const parent = makeFolder(dirname(folder));
  const own = makeFolder(folder);
  return parent ?? own;
}
