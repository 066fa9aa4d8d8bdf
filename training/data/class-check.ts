/** Whether the classes of a data folder can be trained on, once each file has been read. */
import { TexturaError } from '../../model/error.ts';
import { leastPatchPx } from '../../model/patch.ts';
import { counted, oneLine } from '../../model/words.ts';
import type { SkippedFile } from './dataset-image.ts';
import type { DataFolder } from './folder.ts';
import { didYouMean, type FolderSplit, splitOf } from './folder-level.ts';
import type { Intake, UnusedFile } from './intake.ts';

/** More bad files than this share of a class mean that something is wrong with the data, not with a file. */
const acceptedBadShare = 0.1;

/** Files that a message names before it only counts. */
const namedFiles = 5;

/** What was found of one class. */
interface ClassFiles {
  images: number;
  /** Of them, those that the folder's own split gives to training. */
  trainImages: number;
  readonly bad: SkippedFile[];
  /** Everything else that was not read. */
  readonly skipped: SkippedFile[];
}

/**
 * Errors: `data-unusable` with a line for each class that has too few images or too many bad files (the first
 * ones named, with why), and for a split of the folder's own that has no image.
 */
export function requireUsableClasses(folder: DataFolder, intake: Intake): void {
  const { root, labels, hasValidation, dataFolders } = folder;
  const classes = filesOfClasses(folder, intake);
  const problems = [
    ...(hasValidation ? emptySplits(folder, intake) : []),
    ...labels.flatMap((label) => classProblem(label, classes.get(label) ?? noFiles(), hasValidation)),
  ];
  if (problems.length === 0) return;
  const text = [`${root}:`, ...problems, ...sizeAdvice(intake.bad)].join('\n  ');
  throw new TexturaError('data-unusable', `${text}${didYouMean(dataFolders)}`);
}

/** The largest patch that fits into every image that is smaller than one. */
function sizeAdvice(bad: readonly UnusedFile[]): readonly string[] {
  const small = bad.flatMap(({ sidePx = 0 }) => (sidePx < leastPatchPx ? [] : [sidePx]));
  if (small.length === 0) return [];
  const fitting = small.reduce((a, b) => Math.min(a, b));
  return [`${small.length} images are smaller than a patch: --patch-px ${fitting} fits into all of them`];
}

const emptySplitTexts: { readonly [S in FolderSplit]: string } = {
  train: 'the training folder has no image',
  validation:
    'the validation folder has no image: put images of each class into it, or remove it, and --validation-share of each ' +
    'class is held out',
};

function emptySplits({ skipped }: DataFolder, { images, bad, passedOver }: Intake): readonly string[] {
  const unused = [...skipped, ...[...bad, ...passedOver].map(({ file, why }) => ({ name: file.name, why }))];
  return (['train', 'validation'] as const)
    .filter((split) => !images.some(({ file }) => file.split === split))
    .flatMap((split) => [
      emptySplitTexts[split],
      ...reasons(unused.filter(({ name }) => splitOf(name.split('/')[0] ?? '') === split)),
    ]);
}

function classProblem(label: string, files: ClassFiles, hasSplits: boolean): readonly string[] {
  const { images, trainImages, bad, skipped } = files;
  const name = oneLine(label);
  if (bad.length > acceptedBadShare * (images + bad.length)) {
    const share = `${bad.length} of ${counted(images + bad.length, 'image')}`;
    return [`class ${name}: ${share} cannot be used (expected a tenth at most):`, ...reasons(bad)];
  }
  const [expected, got] = hasSplits
    ? (['a training image', trainImages] as const)
    : (['two images', images] as const);
  if (got >= (hasSplits ? 1 : 2)) return [];
  const where = hasSplits && images > 0 ? ' (it has images to validate on only)' : '';
  return [
    `class ${name}: expected ${expected} or more, got ${got === 1 ? 'one' : 'none'}${where}`,
    ...reasons(skipped),
  ];
}

function reasons(files: readonly SkippedFile[]): readonly string[] {
  const lines = files.slice(0, namedFiles).map(({ name, why }) => `  ${oneLine(`${name}: ${why}`)}`);
  return files.length > namedFiles ? [...lines, `  and ${files.length - namedFiles} more`] : lines;
}

function noFiles(): ClassFiles {
  return { images: 0, trainImages: 0, bad: [], skipped: [] };
}

function filesOfClasses(
  { labels, skipped }: DataFolder,
  { images, bad, passedOver }: Intake,
): ReadonlyMap<string, ClassFiles> {
  const classes = new Map(labels.map((label) => [label, noFiles()]));
  for (const { file } of images) {
    const files = classes.get(file.label);
    if (files === undefined) continue;
    files.images++;
    if (file.split === 'train') files.trainImages++;
  }
  for (const { file, why } of bad) classes.get(file.label)?.bad.push({ name: file.name, why });
  for (const { file, why } of passedOver) classes.get(file.label)?.skipped.push({ name: file.name, why });
  for (const { label, name, why } of skipped) classes.get(label ?? '')?.skipped.push({ name, why });
  return classes;
}
