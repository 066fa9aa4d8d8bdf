/**
 * What a data folder means: which folders are classes, which split of the data, and which files belong to which. Nothing is
 * decoded here.
 */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { counted, oneLine } from '../../model/words.ts';
import { compareCodePoints } from './code-point-order.ts';
import type { SkippedFile } from './dataset-image.ts';
import {
  dataFolderAbove,
  didYouMean,
  type FolderLevels,
  type FolderSplit,
  folderLevels,
  splitOf,
} from './folder-level.ts';
import { type FolderWalk, type WalkedFile, walkFolder } from './folder-walk.ts';

export interface ClassFile extends WalkedFile {
  /** Name of the class in NFC. */
  readonly label: string;
  /** Undefined where the folder leaves the split to us. */
  readonly split: FolderSplit | undefined;
}

/** What was not read of a folder, with its class where it lies in one. */
export interface FolderSkip extends SkippedFile {
  readonly label: string | undefined;
}

export interface DataFolder {
  readonly root: string;
  /** NFC, in code-point order. A class folder without any file has its label here too. */
  readonly labels: readonly string[];
  /** In order of names. */
  readonly files: readonly ClassFile[];
  readonly skipped: readonly FolderSkip[];
  readonly notes: readonly string[];
  /** Whether the folder holds a validation split of its own. */
  readonly hasValidation: boolean;
  /** Paths of the class folders that look like data folders themselves. */
  readonly dataFolders: readonly string[];
}

/**
 * Finds the classes of `root`: its folders, or those of its train/ and val/ folders (test/ is not read).
 * Files of folders within a class belong to the class.
 * Errors: `data-unusable` where there is no such folder, fewer than two classes, a mixture of classes and
 * splits, a class folder that cannot be listed, or several data sets side by side.
 */
export async function scanDataFolder(root: string): Promise<DataFolder> {
  await requireFolder(root);
  const walk = await walkFolder(root);
  requireListed(root, walk);
  const levels = folderLevels(walk);
  const splits = splitFolders(root, levels.foldersIn(''));
  const depth = splits.size > 0 ? 2 : 1;
  const labelIn = (name: string) => {
    const parts = name.split('/');
    return splits.get(parts[0] ?? '') === 'test' ? undefined : parts[depth - 1]?.normalize('NFC');
  };
  const classFolders = walk.folders.filter((name) => name.split('/').length === depth);
  const spellings = new Map<string, Set<string>>();
  for (const name of classFolders) {
    const label = labelIn(name);
    if (label !== undefined) spellings.set(label, (spellings.get(label) ?? new Set()).add(basename(name)));
  }
  const labels = [...spellings.keys()].sort(compareCodePoints);
  if (labels.length < 2)
    throw new TexturaError('data-unusable', await tooFewClasses(root, labels, splits.keys(), levels));
  const dataFolders = classFolders.filter((name) => labelIn(name) !== undefined && levels.isDataFolder(name));
  requireOneDataset(root, dataFolders, levels, (name) => labelIn(name) ?? '');

  const files: ClassFile[] = [];
  const outside: FolderSkip[] = [];
  let testFiles = 0;
  for (const file of walk.files) {
    const split = splits.get(file.name.split('/')[0] ?? '');
    const label = labelIn(file.name);
    if (split === 'test') testFiles++;
    else if (label === undefined || file.name.split('/').length <= depth)
      outside.push({ name: file.name, why: 'lies in no class folder', label: undefined });
    else files.push({ ...file, label, split });
  }
  const skipped = [...walk.skipped, ...walk.unlisted].map((entry) => ({
    ...entry,
    label: labelIn(entry.name),
  }));
  const notes = [
    ...nestedNote(root, dataFolders, levels),
    ...mergedNotes(labels, spellings),
    ...caseNotes(labels),
    ...(testFiles > 0
      ? [
          `${counted(testFiles, 'file')} of the test folder ${testFiles === 1 ? 'is' : 'are'} not used in training`,
        ]
      : []),
    ...ignoredNote(walk.ignored),
    ...walk.repeatedLinks.map(({ name, why }) => `${name}: a link that ${why}; it is not followed`),
  ];
  return {
    root,
    labels,
    files,
    skipped: [...skipped, ...outside],
    notes,
    hasValidation: [...splits.values()].includes('validation'),
    dataFolders: dataFolders.map((name) => join(root, name)),
  };
}

async function requireFolder(root: string): Promise<void> {
  let got = 'a file';
  try {
    if ((await stat(root)).isDirectory()) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    got = code === 'ENOENT' || code === 'ENOTDIR' ? 'nothing there' : `a path that cannot be read (${code})`;
  }
  throw new TexturaError(
    'data-unusable',
    `${root}: expected a folder with one sub-folder a class, got ${got}`,
  );
}

/**
 * A class folder that cannot be listed, or a broken link in its place, would leave a network without that
 * class.
 * Errors: `data-unusable`, naming each with why.
 */
function requireListed(root: string, { unlisted }: FolderWalk): void {
  const missing = unlisted.filter(({ name }) => {
    const [top = '', ...below] = name.split('/');
    const split = splitOf(top);
    return split !== 'test' && below.length <= (split === undefined ? 0 : 1);
  });
  if (missing.length === 0) return;
  const lines = missing.map(({ name, why }) => oneLine(name === '.' ? why : `${name}: ${why}`));
  throw new TexturaError(
    'data-unusable',
    [`${root}: expected folders that can be read, or a class would be missing:`, ...lines].join('\n  '),
  );
}

/** The split of each top folder; empty where the top folders are classes. */
function splitFolders(root: string, top: readonly string[]): ReadonlyMap<string, FolderSplit | 'test'> {
  const splits = new Map<string, FolderSplit | 'test'>();
  for (const name of top) {
    const split = splitOf(name);
    if (split !== undefined) splits.set(name, split);
  }
  if (splits.size === 0) return splits;
  const found = [...splits.values()];
  const classes = top.filter((name) => !splits.has(name));
  if (!found.includes('train') || new Set(found).size < found.length || classes.length > 0) {
    throw new TexturaError(
      'data-unusable',
      `${root}: expected class folders, or one folder for each split: train (or training), val (or valid, validation) ` +
        `and test (or testing), in any case; got ${oneLine(top.join(', '))}. A class cannot have the name of a split`,
    );
  }
  return splits;
}

async function tooFewClasses(
  root: string,
  [only]: readonly string[],
  splits: Iterable<string>,
  levels: FolderLevels,
): Promise<string> {
  const expected = `${root}: expected two class folders or more, got ${only === undefined ? 'none' : `only ${oneLine(only)}`}`;
  if (levels.holdsImages('')) {
    const above = await dataFolderAbove(root);
    return `${expected}; images lie directly in it${didYouMean(above === undefined ? [] : [above])}`;
  }
  const loose = [...splits].filter(levels.holdsImages);
  if (loose.length > 0) return `${expected}; images lie directly in ${loose.join(' and ')}`;
  return `${expected}${didYouMean(levels.dataFolders().map((name) => join(root, name)))}`;
}

/**
 * Folders of the same names in several class folders are the classes of several data sets.
 * Errors: `data-unusable`, naming the folders, what they share and the paths that may be meant.
 */
function requireOneDataset(
  root: string,
  dataFolders: readonly string[],
  { foldersIn }: FolderLevels,
  labelOf: (name: string) => string,
): void {
  const holders = new Map<string, Set<string>>();
  for (const folder of dataFolders) {
    for (const child of foldersIn(folder)) {
      const name = basename(child).normalize('NFC');
      holders.set(name, (holders.get(name) ?? new Set()).add(labelOf(folder)));
    }
  }
  const shared = [...holders].filter(([, labels]) => labels.size > 1);
  if (shared.length === 0) return;
  const names = shared.map(([name]) => name);
  const labels = new Set(shared.flatMap(([, holding]) => [...holding]));
  const sets = dataFolders.filter((folder) => labels.has(labelOf(folder)));
  throw new TexturaError(
    'data-unusable',
    `${root}: expected one data set, got several: ${listed(sets)} have sub-folders of the same names (${listed(names)})` +
      `${didYouMean(sets.map((name) => join(root, name)))} If they are the classes, put the images of each into ` +
      'the folder itself, without sub-folders',
  );
}

/** Names for a message, which only counts what is beyond the first few. */
function listed(names: readonly string[]): string {
  const shown = oneLine(names.slice(0, shownNames).join(', '));
  return names.length > shownNames ? `${shown} and ${names.length - shownNames} more` : shown;
}

const shownNames = 5;

function nestedNote(
  root: string,
  dataFolders: readonly string[],
  { foldersIn }: FolderLevels,
): readonly string[] {
  return dataFolders.map((folder) => {
    const inside = foldersIn(folder).map((name) => basename(name));
    return `${folder} holds images in sub-folders only (${listed(inside)}), which count as one class${didYouMean([join(root, folder)])}`;
  });
}

/** `spellings` has the names of the folders of each label. */
function mergedNotes(
  labels: readonly string[],
  spellings: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] {
  return labels
    .filter((label) => (spellings.get(label)?.size ?? 0) > 1)
    .map((label) => `${label}: folders whose names differ only in Unicode form are one class`);
}

function ignoredNote(ignored: readonly string[]): readonly string[] {
  if (ignored.length === 0) return [];
  const names = [...new Set(ignored.map((name) => basename(name)))];
  const what = counted(
    ignored.length,
    'hidden or system file or folder',
    'hidden or system files and folders',
  );
  return [`ignored ${what} (${names.join(', ')})`];
}

function caseNotes(labels: readonly string[]): readonly string[] {
  const byFolded = new Map<string, string[]>();
  for (const label of labels) {
    const folded = label.toLowerCase();
    byFolded.set(folded, [...(byFolded.get(folded) ?? []), label]);
  }
  return [...byFolded.values()]
    .filter((alike) => alike.length > 1)
    .map((alike) => `${alike.join(' and ')} differ only by case and are separate classes`);
}
