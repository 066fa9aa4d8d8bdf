/**
 * Detects a --data path that is a level too high or too low. Its folders are then not the classes: given the
 * parent of two datasets, the network would learn to distinguish the datasets.
 */
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type FolderWalk, hasImageExtension, isSystemName } from './folder-walk.ts';
import { quoted } from './shell.ts';

/** What training and evaluation read as `--data`. */
export const labelledData = 'a folder with one sub-folder for each class, or a CSV file (.csv)';

export type FolderSplit = 'train' | 'validation';

/** Names of split folders, in any case. */
const splitNames: ReadonlyMap<string, FolderSplit | 'test'> = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
]);

/** The split that a folder of this name (without its parents) contains, if any. */
export function splitOf(name: string): FolderSplit | 'test' | undefined {
  return splitNames.get(name.normalize('NFC').toLowerCase());
}

/** The folders of a walk, and which of them look like data folders. */
export interface FolderLevels {
  /** Names of the direct sub-folders of a folder; '' is the walked one. */
  foldersIn(name: string): readonly string[];
  /** Whether the folder directly contains images, by their extensions. */
  holdsImages(name: string): boolean;
  /** Whether it, or its train folder, has at least two sub-folders with images, and no image of its own. */
  isDataFolder(name: string): boolean;
  /** The highest data folders below the walked one. */
  dataFolders(): readonly string[];
}

export function folderLevels({ folders, files }: FolderWalk): FolderLevels {
  const parentOf = (name: string) => name.slice(0, Math.max(0, name.lastIndexOf('/')));
  const children = new Map<string, string[]>([['', []]]);
  for (const name of folders) children.set(name, []);
  for (const name of folders) children.get(parentOf(name))?.push(name);
  const withImages = new Set(files.filter(hasImageExtension).map(({ name }) => parentOf(name)));

  const foldersIn = (name: string) => children.get(name) ?? [];
  const holdsImages = (name: string) => withImages.has(name);
  const isDataFolder = (name: string): boolean =>
    !holdsImages(name) &&
    (foldersIn(name).filter(holdsImages).length > 1 ||
      foldersIn(name).some((child) => splitOf(basename(child)) === 'train' && isDataFolder(child)));
  const highest = (name: string): readonly string[] =>
    foldersIn(name).flatMap((child) => (isDataFolder(child) ? [child] : highest(child)));
  return { foldersIn, holdsImages, isDataFolder, dataFolders: () => highest('') };
}

/**
 * The data folder that `root` is a class of: its parent (or the parent's parent, if the parent is a split) if
 * all folders there have images, otherwise undefined.
 */
export async function dataFolderAbove(root: string): Promise<string | undefined> {
  const parent = join(root, '..');
  const siblings = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const folders = siblings.filter((entry) => entry.isDirectory() && !isSystemName(entry.name));
  if (folders.length < 2) return undefined;
  for (const { name } of folders) {
    const files = await readdir(join(parent, name)).catch(() => []);
    if (!files.some((file) => hasImageExtension({ name: file }))) return undefined;
  }
  return splitOf(basename(resolve(parent))) === undefined ? parent : join(parent, '..');
}

/** Paths that a hint lists. */
const hintedPaths = 3;

/** `. Did you mean --data PATH?`, or nothing if there is no path. */
export function didYouMean(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  const options = paths.slice(0, hintedPaths).map((path) => `--data ${quoted(path)}`);
  return `. Did you mean ${options.join(' or ')}?`;
}
