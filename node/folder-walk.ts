/**
 * Walks a data folder, with its links, loops, system files and unreadable entries. A folder that several
 * paths lead to is read once, under its real name if that is inside the data folder, so that no file counts
 * twice.
 */
import { isUtf8 } from 'node:buffer';
import type { Dirent, Stats } from 'node:fs';
import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { extname, isAbsolute, join, relative, sep } from 'node:path';
import { compareNames } from '../model/code-point-order.ts';
import { TexturaError } from '../model/error.ts';

export interface WalkedFile {
  /** Path below the walked folder, as on the disk, with `/` between its parts. */
  readonly name: string;
  readonly path: string;
  /** Set if the file cannot be opened because of its name. */
  readonly unreadable?: string;
}

export interface SkippedFile {
  readonly name: string;
  readonly why: string;
}

export interface FolderWalk {
  /** Names of all folders, in order of names. */
  readonly folders: readonly string[];
  readonly files: readonly WalkedFile[];
  /** Hidden files and folders, and those that operating systems create. */
  readonly ignored: readonly string[];
  /** Devices, pipes and sockets. */
  readonly skipped: readonly SkippedFile[];
  /** Folders that cannot be listed, and broken links, which may have led to folders. */
  readonly unlisted: readonly SkippedFile[];
  /** Links to folders that were not followed, because the folder is read anyway or is hidden. */
  readonly unfollowedLinks: readonly SkippedFile[];
}

interface Entry {
  readonly entry: Dirent<Buffer>;
  /** Its printable name without its parents. */
  readonly own: string;
  readonly isUtf8: boolean;
}

/** Errors: `data-unusable`, with `expected` and what `root` is, unless it is a folder. */
export async function requireFolder(root: string, expected: string): Promise<void> {
  let got = 'a file';
  try {
    if ((await stat(root)).isDirectory()) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    got =
      code === 'ENOENT' || code === 'ENOTDIR' ? 'a path that does not exist' : `an unreadable path (${code})`;
  }
  throw new TexturaError('data-unusable', `${root}: expected ${expected}, got ${got}`);
}

/**
 * Walks `root`, which must be a folder. The result does not depend on the listing order of the file system.
 */
export async function walkFolder(root: string): Promise<FolderWalk> {
  const start = await realpath(root);
  const folders: string[] = [];
  const files: WalkedFile[] = [];
  const ignored: string[] = [];
  const skipped: SkippedFile[] = [];
  const unlisted: SkippedFile[] = [];
  const unfollowedLinks: SkippedFile[] = [];
  const links: WalkedFile[] = [];
  const nameOfVisited = new Map<string, string>();

  async function visit(name: string, path: string): Promise<void> {
    const known = nameOfVisited.get(path);
    if (known !== undefined) {
      unfollowedLinks.push({ name, why: `leads to ${known || 'the data folder'}, which is read already` });
      return;
    }
    nameOfVisited.set(path, name);
    if (name !== '') folders.push(name);
    for (const entry of await list(name, path)) await place(entry, name, path);
  }

  async function list(name: string, path: string): Promise<readonly Entry[]> {
    try {
      const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
      return entries
        .map((entry) => ({ entry, own: shownName(entry.name), isUtf8: isUtf8(entry.name) }))
        .sort((a, b) => compareNames(a.own, b.own));
    } catch (error) {
      unlisted.push({ name: name || '.', why: whyNotListed(error) });
      return [];
    }
  }

  async function place({ entry, own, isUtf8 }: Entry, folder: string, folderPath: string): Promise<void> {
    const name = folder === '' ? own : `${folder}/${own}`;
    const path = join(folderPath, own);
    if (isSystemName(own)) ignored.push(name);
    else if (entry.isFile()) files.push(isUtf8 ? { name, path } : { name, path, unreadable: notUtf8 });
    else if (!isUtf8) unlisted.push({ name, why: notUtf8 });
    else if (entry.isDirectory()) await visit(name, path);
    else if (entry.isSymbolicLink()) links.push({ name, path });
    else skipped.push({ name, why: 'a device, pipe or socket' });
  }

  async function follow({ name, path }: WalkedFile): Promise<void> {
    let target: Buffer;
    let stats: Stats;
    try {
      target = await realpath(path, { encoding: 'buffer' });
      stats = await stat(target);
    } catch (error) {
      unlisted.push({ name, why: await whyBroken(path, error) });
      return;
    }
    const real = target.toString();
    if (!isUtf8(target)) unlisted.push({ name, why: `a link to ${shownName(target)}: ${notUtf8}` });
    else if (stats.isFile()) files.push({ name, path: real });
    else if (!stats.isDirectory()) skipped.push({ name, why: 'a link to a device, pipe or socket' });
    else if (isInside(start, real)) unfollowedLinks.push({ name, why: 'leads to a parent folder' });
    else if (isHiddenIn(real, start)) {
      const hidden = relative(start, real).replaceAll(sep, '/');
      unfollowedLinks.push({ name, why: `leads to the hidden folder ${hidden}` });
    } else await visit(name, real);
  }

  await visit('', start);
  // After all real folders, so that a folder has its real name, not a link's. `links` grows during the loop.
  for (const link of links) await follow(link);
  return {
    folders: folders.sort(compareNames),
    files: files.sort((a, b) => compareNames(a.name, b.name)),
    ignored: ignored.sort(compareNames),
    skipped: skipped.sort((a, b) => compareNames(a.name, b.name)),
    unlisted: unlisted.sort((a, b) => compareNames(a.name, b.name)),
    unfollowedLinks: unfollowedLinks.sort((a, b) => compareNames(a.name, b.name)),
  };
}

const notUtf8 = 'its name is not UTF-8; rename it';

/** A printable name: bytes that are not UTF-8 are escaped, as in `Stra\\xDFe`. */
function shownName(name: Buffer): string {
  if (isUtf8(name)) return name.toString();
  return Array.from(name, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase()}`,
  ).join('');
}

function whyNotListed(error: unknown): string {
  const code = codeOf(error);
  return code === 'EACCES' || code === 'EPERM'
    ? `the folder cannot be listed: this user may not read it (${code})`
    : `the folder cannot be listed (${code})`;
}

async function whyBroken(path: string, error: unknown): Promise<string> {
  const code = codeOf(error);
  if (code === 'ELOOP') return 'a link to itself';
  const target = shownName(await readlink(path, { encoding: 'buffer' }).catch(() => Buffer.from('?')));
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? `a broken link: ${target} does not exist`
    : `a link to ${target}, which cannot be read (${code})`;
}

/** Files of operating systems and archives, in lower case. Names with a leading dot are hidden anyway. */
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

/** Whether a file or folder of this name (without its parents) is hidden or a system file. */
export function isSystemName(name: string): boolean {
  return name.startsWith('.') || systemNames.has(name.toLowerCase());
}

/** Whether a path is in the folder `outer` and not read there, because a part of its name is hidden. */
export function isHiddenIn(inner: string, outer: string): boolean {
  return isInside(inner, outer) && relative(outer, inner).split(sep).some(isSystemName);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

const imageExtensions = new Set(
  (
    '.jpg .jpeg .jpe .jfif .jif .png .apng .webp .gif .tif .tiff .avif .heic .heif .hif .bmp .dib .pbm .pgm ' +
    '.ppm .pnm .pam .pfm .psd .jxl .jp2 .j2k .exr .hdr .tga .dds .pcx .dng .nef .nrw .arw .srf .sr2 .cr2 .cr3 ' +
    '.crw .rw2 .rwl .orf .raf .pef .srw .3fr .fff .iiq .mef .mos .mrw .x3f .dcr .kdc .erf'
  ).split(' '),
);

/**
 * Whether a file has the extension of an image. File types are detected from content; the extension only
 * shows whether an unreadable file was meant to be an image.
 */
export function hasImageExtension({ name }: { readonly name: string }): boolean {
  return imageExtensions.has(extname(name).toLowerCase());
}

/** Whether `inner` is `outer` or below it; both absolute. */
export function isInside(inner: string, outer: string): boolean {
  const way = relative(outer, inner);
  // Between two drives of Windows it is absolute.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
