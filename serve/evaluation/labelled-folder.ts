/**
 * The photographs of a labelled folder: one sub-folder for each class, or train/, val/ and test/ with class
 * folders inside; or those of a CSV file. Unlike training, an evaluation accepts any number of classes.
 */
import { basename, join, resolve } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { runFiles } from '../../model/run-file.ts';
import { counted, oneLine } from '../../model/words.ts';
import { isCsvPath } from '../../node/csv-file.ts';
import {
  dataFolderAbove,
  didYouMean,
  type FolderSplit,
  folderLevels,
  labelledData,
  splitOf,
} from '../../node/folder-level.ts';
import { requireFolder, type SkippedFile, type WalkedFile, walkFolder } from '../../node/folder-walk.ts';
import { readLabelFile } from '../../node/label-file.ts';
import { projectFilesIn } from '../../node/project-folder.ts';
import { readValidation } from '../../node/records.ts';

export const splitChoices = ['train', 'val', 'test', 'all'] as const;
type SplitChoice = (typeof splitChoices)[number];

export interface LabelledFile extends WalkedFile {
  /** Name of the class in NFC. */
  readonly label: string;
}

export interface LabelledFolder {
  /** In order of names. */
  readonly files: readonly LabelledFile[];
  readonly skipped: readonly SkippedFile[];
  /** What was chosen, if the folder has splits. */
  readonly split?: SplitChoice;
}

/**
 * Lists `root`, a folder or a CSV file. Without a choice, data with splits give test, or else val, or else
 * train. Errors: `data-unusable` if there are no class folders or not the chosen split; `usage` for a split of a
 * folder without splits.
 */
export async function labelledFolder(root: string, choice?: SplitChoice): Promise<LabelledFolder> {
  if (isCsvPath(root)) return filesOfCsv(root, choice);
  await requireFolder(root, labelledData);
  const walk = await walkFolder(root);
  const levels = folderLevels(walk);
  const top = levels.foldersIn('');
  const splits = new Map(top.map((name) => [name, choiceOf(splitOf(name))] as const));
  const found = [...new Set([...splits.values()].filter((split) => split !== undefined))];
  if (top.length === 0)
    throw new TexturaError('data-unusable', await noClasses(root, levels.holdsImages('')));
  const hasSplits = found.length === top.length;
  if (found.length > 0 && !hasSplits) {
    throw new TexturaError(
      'data-unusable',
      `${root}: expected class folders, or only folders named train, val and test, got ${oneLine(top.join(', '))}. A class cannot have the name of a split`,
    );
  }
  const split = hasSplits ? (choice ?? preferredSplit(found)) : undefined;
  if (!hasSplits && choice !== undefined && choice !== 'all')
    throw new TexturaError('usage', `--split ${choice}: ${root} has no train, val or test folders`);
  requireFound(root, split, found);
  const depth = hasSplits ? 2 : 1;
  const files: LabelledFile[] = [];
  const skipped: SkippedFile[] = [...walk.skipped, ...walk.unlisted];
  const own = projectFilesIn(root, walk.files);
  for (const file of walk.files.filter(({ name }) => !own.includes(name))) {
    const parts = file.name.split('/');
    if (split !== undefined && split !== 'all' && splits.get(parts[0] ?? '') !== split) continue;
    const label = parts[depth - 1]?.normalize('NFC');
    if (label === undefined || parts.length <= depth)
      skipped.push({ name: file.name, why: 'is not in a class folder' });
    else files.push({ ...file, label });
  }
  if (files.length === 0)
    throw new TexturaError('data-unusable', `${root}: there are no files in its class folders`);
  return { files, skipped, ...(split === undefined ? {} : { split }) };
}

/**
 * Everything below a folder of surfaces that are none of the model's classes. The label of a file is its
 * sub-folder, or the folder itself. Errors: `data-unusable` if there are no files.
 */
export async function unknownFolder(root: string): Promise<LabelledFolder> {
  await requireFolder(root, 'a folder of photographs');
  const { files, skipped, unlisted } = await walkFolder(root);
  if (files.length === 0) throw new TexturaError('data-unusable', `${root}: there are no files`);
  const folder = basename(resolve(root));
  const placed = <T extends { readonly name: string }>(file: T): T => ({
    ...file,
    name: `${folder}/${file.name}`,
  });
  return {
    files: files.map((file) => {
      const [first, ...rest] = file.name.split('/');
      const label = rest.length === 0 ? folder : first;
      return { ...placed(file), label: (label ?? '').normalize('NFC') };
    }),
    skipped: [...skipped, ...unlisted].map(placed),
  };
}

async function filesOfCsv(path: string, choice?: SplitChoice): Promise<LabelledFolder> {
  const rows = await readLabelFile(path);
  const found = [...new Set(rows.flatMap(({ split }) => choiceOf(split) ?? []))];
  if (found.length === 0 && choice !== undefined && choice !== 'all')
    throw new TexturaError('usage', `--split ${choice}: ${path} has no column split`);
  if (found.length === 0) return { files: rows, skipped: [] };
  const split = choice ?? preferredSplit(found);
  requireFound(path, split, found);
  const files = rows.filter((row) => split === 'all' || choiceOf(row.split) === split);
  return { files, skipped: [], split };
}

/** As `--split` names it. */
function choiceOf(split: FolderSplit | 'test' | undefined): Exclude<SplitChoice, 'all'> | undefined {
  return split === 'validation' ? 'val' : split;
}

/** Errors: `data-unusable`. */
function requireFound(root: string, split: SplitChoice | undefined, found: readonly SplitChoice[]): void {
  if (split === undefined || split === 'all' || found.includes(split)) return;
  throw new TexturaError('data-unusable', `--split ${split}: ${root} has only ${found.join(' and ')}`);
}

/**
 * The files that a run held out, as its validation.csv lists them. Errors: `file-unreadable` without one;
 * `data-unusable` if one is not among the files.
 */
export async function heldOutFiles(
  files: readonly LabelledFile[],
  run: string,
  root: string,
): Promise<readonly LabelledFile[]> {
  const names = (await readValidation(run)).map(({ image }) => image);
  if (names.length === 0)
    throw new TexturaError(
      'data-unusable',
      `${run} held out no photographs: evaluate it on others, with --data`,
    );
  const byName = new Map(files.map((file) => [file.name, file]));
  const missing = names.filter((name) => !byName.has(name));
  const [first] = missing;
  if (first !== undefined) {
    throw new TexturaError(
      'data-unusable',
      `${join(run, runFiles.validation)} lists ${counted(names.length, 'photograph')}, ${missing.length} of which are not in ${root}, such as ${oneLine(first)}: use the data folder that the run was trained on`,
    );
  }
  return names.flatMap((name) => byName.get(name) ?? []);
}

function preferredSplit(found: readonly SplitChoice[]): SplitChoice {
  return (['test', 'val', 'train'] as const).find((split) => found.includes(split)) ?? 'all';
}

async function noClasses(root: string, holdsImages: boolean): Promise<string> {
  const expected = `${root}: expected a folder with one sub-folder for each class`;
  if (!holdsImages) return `${expected}, got one without sub-folders`;
  const above = await dataFolderAbove(root);
  return `${expected}; it directly contains images${didYouMean(above === undefined ? [] : [above])}`;
}
