/**
 * Whether a data folder is given at the right level. A level too high or too low there are folders too, but
 * they are not the classes: a parent of two data sets would train one against the other.
 */
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { quoted } from '../../node/shell.ts';
import { type FolderWalk, isMeantAsImage, isSystemName } from './folder-walk.ts';

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

/** The split that a folder of this name (without its parents) stands for. */
export function splitOf(name: string): FolderSplit | 'test' | undefined {
  return splitNames.get(name.normalize('NFC').toLowerCase());
}

/** The folders of a walk, and which of them look like data folders. */
export interface FolderLevels {
  /** Names of the folders directly in a folder; '' is the walked one. */
  foldersIn(name: string): readonly string[];
  /** Whether images lie directly in the folder, judged by the names of the files. */
  holdsImages(name: string): boolean;
  /** Whether it has two or more folders of images, or a train folder that has, and no image itself. */
  isDataFolder(name: string): boolean;
  /** The highest data folders below the walked one. */
  dataFolders(): readonly string[];
}

export function folderLevels({ folders, files }: FolderWalk): FolderLevels {
  const parentOf = (name: string) => name.slice(0, Math.max(0, name.lastIndexOf('/')));
  const children = new Map<string, string[]>([['', []]]);
  for (const name of folders) children.set(name, []);
  for (const name of folders) children.get(parentOf(name))?.push(name);
  const withImages = new Set(files.filter(isMeantAsImage).map(({ name }) => parentOf(name)));

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
 * The path of the data folder that `root` is a class of: its parent (or, where that is a split, the parent's
 * parent) if all folders there hold images; undefined where they do not.
 */
export async function dataFolderAbove(root: string): Promise<string | undefined> {
  const parent = join(root, '..');
  const siblings = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const folders = siblings.filter((entry) => entry.isDirectory() && !isSystemName(entry.name));
  if (folders.length < 2) return undefined;
  for (const { name } of folders) {
    const files = await readdir(join(parent, name)).catch(() => []);
    if (!files.some((file) => isMeantAsImage({ name: file }))) return undefined;
  }
  return splitOf(basename(resolve(parent))) === undefined ? parent : join(parent, '..');
}

/** Paths that a hint names at most. */
const hintedPaths = 3;

/** ` Did you mean --data PATH?`, or nothing where there is no path. */
export function didYouMean(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  const options = paths.slice(0, hintedPaths).map((path) => `--data ${quoted(path)}`);
  return `. Did you mean ${options.join(' or ')}?`;
}
