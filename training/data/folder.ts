/**
 * What a data folder means: which folders are classes, which split of the data, and which files belong to which. Nothing is
 * decoded here.
 */
import { stat } from 'node:fs/promises';
import { TexturaError } from '../../model/error.ts';
import { compareCodePoints } from './code-point-order.ts';
import type { SkippedFile } from './dataset-image.ts';
import { type FolderWalk, type WalkedFile, walkFolder } from './folder-walk.ts';

export type FolderSplit = 'train' | 'validation';

export interface ClassFile extends WalkedFile {
  /** Name of the class in NFC. */
  readonly label: string;
  /** Undefined where the folder leaves the split to us. */
  readonly split: FolderSplit | undefined;
}

export interface DataFolder {
  /** NFC, in code-point order. A class folder without any file has its label here too. */
  readonly labels: readonly string[];
  /** In order of names. */
  readonly files: readonly ClassFile[];
  readonly skipped: readonly SkippedFile[];
  readonly notes: readonly string[];
  /** Whether the folder holds a validation split of its own. */
  readonly hasValidation: boolean;
}

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

/**
 * Finds the classes of `root`: its folders, or those of its train/ and val/ folders (test/ is left alone). Files of folders
 * within a class belong to the class.
 * Errors: `data-unusable` where there is no such folder, fewer than two classes, or a mixture of classes and splits.
 */
export async function scanDataFolder(root: string): Promise<DataFolder> {
  await requireFolder(root);
  const walk = await walkFolder(root);
  const splits = splitFolders(root, topFolders(walk));
  const depth = splits.size > 0 ? 2 : 1;
  const { labels, mergedLabels } = classLabels(walk, splits);
  if (labels.length < 2) throw new TexturaError('data-unusable', tooFewClasses(root, labels, walk, depth));
  const files: ClassFile[] = [];
  const outside: SkippedFile[] = [];
  let testFiles = 0;
  for (const file of walk.files) {
    const parts = file.name.split('/');
    const split = splits.get(parts[0] ?? '');
    const label = parts[depth - 1]?.normalize('NFC');
    if (split === 'test') testFiles++;
    else if (parts.length <= depth || label === undefined)
      outside.push({ name: file.name, why: 'lies in no class folder' });
    else files.push({ ...file, label, split });
  }
  const notes = [
    ...ignoredNote(walk.ignored),
    ...walk.repeatedLinks.map(({ name, why }) => `${name}: a link that ${why}; it is not followed`),
    ...mergedLabels.map(
      (label) => `${label}: folders whose names differ in Unicode form alone are one class`,
    ),
    ...caseNotes(labels),
    ...(testFiles > 0 ? [`${testFiles} files of the test folder are not used in training`] : []),
  ];
  const hasValidation = [...splits.values()].includes('validation');
  return { labels, files, skipped: [...walk.skipped, ...outside], notes, hasValidation };
}

async function requireFolder(root: string): Promise<void> {
  const stats = await stat(root).catch(() => undefined);
  if (stats?.isDirectory()) return;
  const got = stats === undefined ? 'nothing there' : 'a file';
  throw new TexturaError(
    'data-unusable',
    `${root}: expected a folder with one sub-folder a class, got ${got}`,
  );
}

function topFolders({ folders }: FolderWalk): readonly string[] {
  return folders.filter((name) => !name.includes('/'));
}

/** The split of each top folder; empty where the top folders are classes. */
function splitFolders(root: string, top: readonly string[]): ReadonlyMap<string, FolderSplit | 'test'> {
  const splits = new Map<string, FolderSplit | 'test'>();
  for (const name of top) {
    const split = splitNames.get(name.normalize('NFC').toLowerCase());
    if (split !== undefined) splits.set(name, split);
  }
  if (splits.size === 0) return splits;
  const found = [...splits.values()];
  const classes = top.filter((name) => !splits.has(name));
  if (!found.includes('train') || new Set(found).size < found.length || classes.length > 0) {
    throw new TexturaError(
      'data-unusable',
      `${root}: expected class folders, or one folder for each split: train (or training), val (or valid, validation) ` +
        `and test (or testing), in any case; got ${top.join(', ')}. A class cannot have the name of a split`,
    );
  }
  return splits;
}

function classLabels(walk: FolderWalk, splits: ReadonlyMap<string, string>) {
  const folders = new Map<string, Set<string>>();
  for (const folder of walk.folders) {
    const parts = folder.split('/');
    const split = splits.get(parts[0] ?? '');
    const own = splits.size > 0 ? parts[1] : parts[0];
    if (own === undefined || split === 'test' || parts.length > (splits.size > 0 ? 2 : 1)) continue;
    const label = own.normalize('NFC');
    folders.set(label, (folders.get(label) ?? new Set()).add(own));
  }
  const labels = [...folders.keys()].sort(compareCodePoints);
  const mergedLabels = labels.filter((label) => (folders.get(label)?.size ?? 0) > 1);
  return { labels, mergedLabels };
}

function tooFewClasses(root: string, labels: readonly string[], walk: FolderWalk, depth: number): string {
  const [only] = labels;
  const expected = `${root}: expected two class folders or more`;
  if (only === undefined) {
    const loose = walk.files.filter(({ name }) => name.split('/').length === depth).length;
    return `${expected}, got none${loose > 0 ? ` (${loose} files lie beside each other in one folder)` : ''}`;
  }
  const inside = walk.folders.filter((name) => name.split('/')[depth - 1]?.normalize('NFC') === only);
  const nested = inside.filter((name) => name.split('/').length === depth + 1);
  const hint = nested.length > 1 ? `; if its ${nested.length} folders are the classes, give that folder` : '';
  return `${expected}, got only ${only}${hint}`;
}

function ignoredNote(ignored: readonly string[]): readonly string[] {
  if (ignored.length === 0) return [];
  const names = [...new Set(ignored.map((name) => name.slice(name.lastIndexOf('/') + 1)))];
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ', ...' : '');
  return [`ignored ${ignored.length} hidden or system files and folders (${shown})`];
}

function caseNotes(labels: readonly string[]): readonly string[] {
  const byFolded = new Map<string, string[]>();
  for (const label of labels) {
    const folded = label.toLowerCase();
    byFolded.set(folded, [...(byFolded.get(folded) ?? []), label]);
  }
  return [...byFolded.values()]
    .filter((alike) => alike.length > 1)
    .map((alike) => `${alike.join(' and ')} differ by case alone and are classes of their own`);
}
