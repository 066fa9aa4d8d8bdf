/**
 * Every folder and file below a folder, as people keep them: with links, loops, system files and things that cannot be opened.
 * A folder that several paths lead to is read once, under its own name where it lies inside, so that nothing counts twice.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { compareNames } from './code-point-order.ts';
import type { SkippedFile } from './dataset-image.ts';

export interface WalkedFile {
  /** Path below the walked folder, as on the disk, with `/` between its parts. */
  readonly name: string;
  readonly path: string;
}

export interface FolderWalk {
  /** Names of all folders, in order of names. */
  readonly folders: readonly string[];
  readonly files: readonly WalkedFile[];
  /** Hidden files and folders, and those that operating systems leave behind. */
  readonly ignored: readonly string[];
  readonly skipped: readonly SkippedFile[];
  /** Links that were not followed because what they lead to is read anyway. */
  readonly repeatedLinks: readonly SkippedFile[];
}

/** Walks `root`, which must be a folder. The outcome does not depend on the order in which the file system lists. */
export async function walkFolder(root: string): Promise<FolderWalk> {
  const start = await realpath(root);
  const folders: string[] = [];
  const files: WalkedFile[] = [];
  const ignored: string[] = [];
  const skipped: SkippedFile[] = [];
  const repeatedLinks: SkippedFile[] = [];
  const links: WalkedFile[] = [];
  const nameOfVisited = new Map<string, string>();

  async function visit(name: string, path: string): Promise<void> {
    const known = nameOfVisited.get(path);
    if (known !== undefined) {
      repeatedLinks.push({ name, why: `leads to ${known || 'the data folder'}, which is read already` });
      return;
    }
    nameOfVisited.set(path, name);
    if (name !== '') folders.push(name);
    for (const entry of await list(name, path)) {
      await place(entry, name === '' ? entry.name : `${name}/${entry.name}`, join(path, entry.name));
    }
  }

  async function list(name: string, path: string): Promise<readonly Dirent[]> {
    try {
      const entries = await readdir(path, { withFileTypes: true });
      return entries.sort((a, b) => compareNames(a.name, b.name));
    } catch (error) {
      skipped.push({ name: name || '.', why: `the folder cannot be read (${codeOf(error)})` });
      return [];
    }
  }

  async function place(entry: Dirent, name: string, path: string): Promise<void> {
    if (isSystemName(entry.name)) ignored.push(name);
    else if (entry.isDirectory()) await visit(name, path);
    else if (entry.isFile()) files.push({ name, path });
    else if (entry.isSymbolicLink()) links.push({ name, path });
    else skipped.push({ name, why: 'a device, pipe or socket' });
  }

  async function follow({ name, path }: WalkedFile): Promise<void> {
    let target: string;
    try {
      target = await realpath(path);
    } catch (error) {
      const why = codeOf(error) === 'ELOOP' ? 'a link that leads to itself' : 'a link to what is not there';
      skipped.push({ name, why });
      return;
    }
    const stats = await stat(target);
    if (stats.isFile()) files.push({ name, path: target });
    else if (!stats.isDirectory()) skipped.push({ name, why: 'a link to a device, pipe or socket' });
    else if (contains(target, start)) repeatedLinks.push({ name, why: 'leads out to a folder around it' });
    else await visit(name, target);
  }

  await visit('', start);
  // After all real folders, so that a folder inside is known by its own name and not by a link's. Grows while it is followed.
  for (const link of links) await follow(link);
  return {
    folders: folders.sort(compareNames),
    files: files.sort((a, b) => compareNames(a.name, b.name)),
    ignored: ignored.sort(compareNames),
    skipped: skipped.sort((a, b) => compareNames(a.name, b.name)),
    repeatedLinks: repeatedLinks.sort((a, b) => compareNames(a.name, b.name)),
  };
}

function contains(outer: string, inner: string): boolean {
  const way = relative(outer, inner);
  return way !== '..' && !way.startsWith(`..${sep}`);
}

/** What operating systems, archives and notebooks leave beside photographs, in lower case. Names with a leading dot are hidden anyway. */
const systemNames = new Set([
  'thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  'icon\r',
  '__macosx',
  '@eadir',
  '#recycle',
  '$recycle.bin',
  'system volume information',
  'lost+found',
]);

function isSystemName(name: string): boolean {
  return name.startsWith('.') || systemNames.has(name.toLowerCase());
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
