/** Finds the classes, splits and files of a data folder or a CSV file. Nothing is decoded here. */

import { basename, join } from 'node:path';
import { compareCodePoints } from '../../model/code-point-order.ts';
import { TexturaError } from '../../model/error.ts';
import { groupBy } from '../../model/group-by.ts';
import { counted, listed, oneLine } from '../../model/words.ts';
import { isCsvPath } from '../../node/csv-file.ts';
import {
  dataFolderAbove,
  didYouMean,
  type FolderLevels,
  type FolderSplit,
  folderLevels,
  labelledData,
  splitOf,
} from '../../node/folder-level.ts';
import {
  type FolderWalk,
  hasImageExtension,
  requireFolder,
  type SkippedFile,
  type WalkedFile,
  walkFolder,
} from '../../node/folder-walk.ts';
import { readLabelFile } from '../../node/label-file.ts';
import { projectFilesIn } from '../../node/project-folder.ts';

export interface ClassFile extends WalkedFile {
  /** Name of the class in NFC. */
  readonly label: string;
  /** Undefined if the folder has no split of its own. */
  readonly split: FolderSplit | undefined;
}

/** A skipped file or folder, with its class if it is in one. */
interface FolderSkip extends SkippedFile {
  readonly label: string | undefined;
}

export interface DataFolder {
  readonly root: string;
  /** NFC, in code-point order, including classes without files. */
  readonly labels: readonly string[];
  /** In order of names. */
  readonly files: readonly ClassFile[];
  readonly skipped: readonly FolderSkip[];
  readonly notes: readonly string[];
  /** Whether the folder has its own validation split. */
  readonly hasValidation: boolean;
  /** Paths of the class folders that look like data folders themselves. */
  readonly dataFolders: readonly string[];
  /** The group of each file, from a CSV file. */
  readonly groups: ReadonlyMap<string, string> | undefined;
}

/**
 * The classes, splits and groups of `path`: a folder, or a CSV file if its name ends in `.csv`.
 * Errors: as `scanDataFolder` and `readLabelFile`.
 */
export async function scanData(path: string): Promise<DataFolder> {
  return isCsvPath(path) ? scanLabelFile(path) : scanDataFolder(path);
}

async function scanLabelFile(path: string): Promise<DataFolder> {
  const files = await readLabelFile(path);
  const labels = [...new Set(files.map(({ label }) => label))].sort(compareCodePoints);
  const [only = ''] = labels;
  if (labels.length < 2)
    throw new TexturaError(
      'data-unusable',
      `${path}: expected at least two labels, got only ${oneLine(only)}`,
    );
  const splits = new Set(files.map(({ split }) => split));
  if (splits.has('validation') && !splits.has('train'))
    throw new TexturaError(
      'data-unusable',
      `${path}: every line has the split validation; add training photographs`,
    );
  const groups = files.flatMap(({ name, group }) => (group === undefined ? [] : [[name, group] as const]));
  return {
    root: path,
    labels,
    files,
    skipped: [],
    notes: caseNotes(labels),
    hasValidation: splits.has('validation'),
    dataFolders: [],
    groups: groups.length === 0 ? undefined : new Map(groups),
  };
}

/**
 * Finds the classes of `root`: its sub-folders, or those of its train/ and val/ folders (test/ is not read).
 * Files in sub-folders of a class belong to the class. Errors: `data-unusable` if there is no such folder,
 * there are fewer than two classes, classes and splits are mixed, a class folder cannot be listed, or the
 * folder contains several datasets.
 */
export async function scanDataFolder(root: string): Promise<DataFolder> {
  await requireFolder(root, labelledData);
  const walk = await walkFolder(root);
  requireListed(root, walk);
  const levels = folderLevels(walk);
  const splits = splitFolders(root, levels.foldersIn(''));
  const depth = splits.size > 0 ? 2 : 1;
  const labelIn = labelsBelow(splits, depth);
  const classFolders = walk.folders.filter((name) => name.split('/').length === depth);
  const spellings = spellingsOf(classFolders, labelIn);
  const labels = [...spellings.keys()].sort(compareCodePoints);
  if (labels.length < 2)
    throw new TexturaError('data-unusable', await tooFewClasses(root, labels, splits.keys(), levels));
  const dataFolders = classFolders.filter((name) => labelIn(name) !== undefined && levels.isDataFolder(name));
  const withImages = new Set(
    walk.files.filter(hasImageExtension).map(({ name }) => name.split('/').slice(0, depth).join('/')),
  );
  const hasFlatClass = classFolders.some(
    (name) => labelIn(name) !== undefined && withImages.has(name) && !dataFolders.includes(name),
  );
  requireOneDataset(root, { dataFolders, hasFlatClass, levels, labelOf: (name) => labelIn(name) ?? '' });
  const own = projectFilesIn(root, walk.files);
  const data = walk.files.filter(({ name }) => !own.includes(name));
  const { files, outside, testFiles } = placedFiles(data, { splits, depth, labelIn });
  const skipped = [...walk.skipped, ...walk.unlisted].map((entry) => ({
    ...entry,
    label: labelIn(entry.name),
  }));
  const notes = [
    ...nestedNote(root, dataFolders, levels),
    ...mergedNotes(labels, spellings),
    ...caseNotes(labels),
    ...(testFiles > 0 ? [`the test folder is not used in training (${counted(testFiles, 'file')})`] : []),
    ...ignoredNote(walk.ignored),
    ...walk.unfollowedLinks.map(({ name, why }) => `${name}: a link that ${why}; not followed`),
  ];
  return {
    root,
    labels,
    files,
    skipped: [...skipped, ...outside],
    notes,
    hasValidation: [...splits.values()].includes('validation'),
    dataFolders: dataFolders.map((name) => join(root, name)),
    groups: undefined,
  };
}

/** The split of each top folder that is one. */
type SplitFolders = ReadonlyMap<string, FolderSplit | 'test'>;

/** The label of a path's class folder, in NFC; undefined in the test folder and above class folders. */
type LabelIn = (name: string) => string | undefined;

/** `depth` is that of class folders below the data folder: 2 in the folders of splits. */
function labelsBelow(splits: SplitFolders, depth: number): LabelIn {
  return (name) => {
    const parts = name.split('/');
    return splits.get(parts[0] ?? '') === 'test' ? undefined : parts[depth - 1]?.normalize('NFC');
  };
}

/** The names of the folders of each label, which differ if they are normalized differently. */
function spellingsOf(classFolders: readonly string[], labelIn: LabelIn): Map<string, Set<string>> {
  const spellings = new Map<string, Set<string>>();
  for (const name of classFolders) {
    const label = labelIn(name);
    if (label !== undefined) spellings.set(label, (spellings.get(label) ?? new Set()).add(basename(name)));
  }
  return spellings;
}

interface Placing {
  readonly splits: SplitFolders;
  readonly depth: number;
  readonly labelIn: LabelIn;
}

/** The files of classes, those outside of class folders, and the number of those in the test folder. */
function placedFiles(found: readonly WalkedFile[], { splits, depth, labelIn }: Placing) {
  const files: ClassFile[] = [];
  const outside: FolderSkip[] = [];
  let testFiles = 0;
  for (const file of found) {
    const parts = file.name.split('/');
    const split = splits.get(parts[0] ?? '');
    const label = labelIn(file.name);
    if (split === 'test') testFiles++;
    else if (label === undefined || parts.length <= depth)
      outside.push({ name: file.name, why: 'is not in a class folder', label: undefined });
    else files.push({ ...file, label, split });
  }
  return { files, outside, testFiles };
}

/**
 * An unlisted class folder, or a broken link instead of one, would train a network without that class.
 * Errors: `data-unusable`, with each name and the reason.
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
    [`${root}: a class would be missing, because these folders cannot be read:`, ...lines].join('\n  '),
  );
}

/** The split of each top folder; empty if the top folders are classes. */
function splitFolders(root: string, top: readonly string[]): SplitFolders {
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
        `and test (or testing), in upper or lower case; got ${oneLine(top.join(', '))}. ` +
        'A class cannot have the name of a split',
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
  const got = only === undefined ? 'none' : `only ${oneLine(only)}`;
  const expected = `${root}: expected at least two class folders, got ${got}`;
  if (levels.holdsImages('')) {
    const above = await dataFolderAbove(root);
    return `${expected}; it directly contains images${didYouMean(above === undefined ? [] : [above])}`;
  }
  const loose = [...splits].filter(levels.holdsImages);
  if (loose.length > 0) return `${expected}; there are images directly in ${loose.join(' and ')}`;
  return `${expected}${didYouMean(levels.dataFolders().map((name) => join(root, name)))}`;
}

interface ClassFolders {
  /** The class folders that look like data folders. */
  readonly dataFolders: readonly string[];
  /** Whether another class folder has images. */
  readonly hasFlatClass: boolean;
  readonly levels: FolderLevels;
  labelOf(name: string): string;
}

/**
 * If several class folders have sub-folders of the same names, or all of them have images in sub-folders
 * only, the sub-folders are the classes of several datasets.
 * Errors: `data-unusable`, with the folders, the names they share and the paths that may be meant.
 */
function requireOneDataset(
  root: string,
  { dataFolders, hasFlatClass, levels: { foldersIn }, labelOf }: ClassFolders,
): void {
  const holders = new Map<string, Set<string>>();
  for (const folder of dataFolders) {
    for (const child of foldersIn(folder)) {
      const name = basename(child).normalize('NFC');
      holders.set(name, (holders.get(name) ?? new Set()).add(labelOf(folder)));
    }
  }
  const shared = [...holders].filter(([, labels]) => labels.size > 1);
  const isParent = !hasFlatClass && new Set(dataFolders.map(labelOf)).size > 1;
  if (shared.length === 0 && !isParent) return;
  const labels = new Set(shared.flatMap(([, holding]) => [...holding]));
  const sets = dataFolders.filter((folder) => shared.length === 0 || labels.has(labelOf(folder)));
  const names = shared.map(([name]) => name);
  const why =
    shared.length === 0
      ? 'have images in sub-folders only'
      : `have sub-folders of the same names (${listed(names)})`;
  throw new TexturaError(
    'data-unusable',
    `${root}: expected one dataset, got several: ${listed(sets)} ${why}` +
      `${didYouMean(sets.map((name) => join(root, name)))} If they are classes, move the images of each into ` +
      'the class folder itself, without sub-folders',
  );
}

function nestedNote(
  root: string,
  dataFolders: readonly string[],
  { foldersIn }: FolderLevels,
): readonly string[] {
  return dataFolders.map((folder) => {
    const inside = foldersIn(folder).map((name) => basename(name));
    return `${folder} has images in sub-folders only (${listed(inside)}), which count as one class${didYouMean([join(root, folder)])}`;
  });
}

/** `spellings` has the folder names of each label. */
function mergedNotes(
  labels: readonly string[],
  spellings: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] {
  return labels
    .filter((label) => (spellings.get(label)?.size ?? 0) > 1)
    .map((label) => `${label}: folders whose names differ only in Unicode normalization are one class`);
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
  return [...groupBy(labels, (label) => label.toLowerCase()).values()]
    .filter((alike) => alike.length > 1)
    .map((alike) => `${alike.join(' and ')} differ only in case and are separate classes`);
}
