/**
 * Reads every file of a data folder once before training starts, so that a corrupt photograph or an unusable
 * class is reported at the start and by name, not after hours of training.
 */
import { TexturaError } from '../../model/error.ts';
import { type GreyImage, meanGrey, type StretchedBits } from '../../model/image.ts';
import { ImageKindError } from '../../model/image-kind.ts';
import { holdsPatch, leastPatchPx, smallerPatchAdvice } from '../../model/patch.ts';
import { counted, oneLine } from '../../model/words.ts';
import { ByteRoom } from '../../node/byte-room.ts';
import { isCsvPath } from '../../node/csv-file.ts';
import { didYouMean, type FolderSplit, splitOf } from '../../node/folder-level.ts';
import { hasImageExtension, type SkippedFile } from '../../node/folder-walk.ts';
import { type DecodeLimits, decodeImage } from '../../node/image-decoder.ts';
import { isFileFault, readImageFile, reasonWithoutName } from '../../node/image-file.ts';
import { sha256 } from '../../node/sha256.ts';
import type { DatasetImage } from './dataset-image.ts';
import type { ClassFile, DataFolder } from './folder.ts';

export interface CheckedImage {
  readonly file: ClassFile;
  readonly image: DatasetImage;
  /** Set if the 16-bit samples used fewer bits and were rescaled. */
  readonly stretchedFromBits: StretchedBits | undefined;
}

interface RejectedFile {
  readonly file: ClassFile;
  readonly why: string;
  /** Set if the image is intact but smaller than a patch: its shorter side. */
  readonly sidePx?: number;
}

/** Each list in the order of the files. */
interface ImageCheck {
  readonly images: readonly CheckedImage[];
  /** Images that cannot be used: corrupt, too small or of an unsupported type. */
  readonly unusable: readonly RejectedFile[];
  /** Text files, documents and the like. */
  readonly notImages: readonly RejectedFile[];
}

interface ImageCheckSettings {
  readonly labels: readonly string[];
  readonly patchPx: number;
  readonly maxImagePixels: number;
  /** Memory for images while they are decoded. */
  readonly decodingBytes: number;
  /** Receives each image's pixels, which are not stored here. */
  onPixels(image: DatasetImage, grey: GreyImage): void;
  onProgress?(done: number, total: number): void;
}

type FileCheck =
  | ({ readonly kind: 'image' } & Omit<CheckedImage, 'file'>)
  | ({ readonly kind: 'unusable' } & Omit<RejectedFile, 'file'>)
  | { readonly kind: 'not-image'; readonly why: string };

/**
 * Twice libuv's default of four threads, so that a thread that becomes free finds the next file in memory.
 * Measured on two cores: 4, 8 and 16 take the same time within noise, 2 takes a quarter longer.
 */
const concurrentFiles = 8;

/** Decodes all files, several at a time. Errors: those that are not a file's fault; then no other file is read. */
export async function checkImages(
  files: readonly ClassFile[],
  settings: ImageCheckSettings,
): Promise<ImageCheck> {
  const checks: FileCheck[] = new Array(files.length);
  const limits = { maxPixels: settings.maxImagePixels, room: new ByteRoom(settings.decodingBytes) };
  let next = 0;
  let done = 0;
  async function work(): Promise<void> {
    while (next < files.length) {
      const at = next++;
      checks[at] = await checkFile(files[at] as ClassFile, settings, limits);
      settings.onProgress?.(++done, files.length);
    }
  }
  const stopReading = (error: unknown): never => {
    next = files.length;
    throw error;
  };
  await Promise.all(Array.from({ length: concurrentFiles }, () => work().catch(stopReading)));

  const images: CheckedImage[] = [];
  const unusable: RejectedFile[] = [];
  const notImages: RejectedFile[] = [];
  files.forEach((file, at) => {
    const check = checks[at] as FileCheck;
    if (check.kind === 'image') images.push({ file, ...check });
    else if (check.kind === 'unusable') unusable.push({ file, ...check });
    else notImages.push({ file, ...check });
  });
  return { images, unusable, notImages };
}

async function checkFile(
  file: ClassFile,
  { labels, patchPx, onPixels }: ImageCheckSettings,
  limits: DecodeLimits,
): Promise<FileCheck> {
  if (file.unreadable !== undefined) {
    return { kind: hasImageExtension(file) ? 'unusable' : 'not-image', why: file.unreadable };
  }
  let bytes: Uint8Array;
  let grey: GreyImage;
  try {
    bytes = await readImageFile(file.path, file.name);
    grey = await decodeImage(bytes, file.name, limits);
  } catch (error) {
    if (!isFileFault(error)) throw error;
    const why = reasonWithoutName(error, file.name);
    return { kind: isImage(file, error) ? 'unusable' : 'not-image', why };
  }
  const { width, height, stretchedFromBits } = grey;
  if (!holdsPatch(grey, patchPx)) {
    const size = `${width}x${height} pixels, smaller than a patch of ${patchPx}x${patchPx}`;
    const why = `${size}; ${smallerPatchAdvice(grey)}`;
    return { kind: 'unusable', why, sidePx: Math.min(width, height) };
  }
  const image: DatasetImage = {
    name: file.name,
    source: { kind: 'file', path: file.path },
    label: labels.indexOf(file.label),
    width,
    height,
    meanGrey: meanGrey(grey),
    contentHash: sha256(bytes),
  };
  onPixels(image, grey);
  return { kind: 'image', image, stretchedFromBits };
}

/**
 * Whether an unusable file is an image: by its content, or by its extension where the content is inconclusive
 * (an HTML error page saved as .jpg, an empty file).
 */
function isImage(file: ClassFile, why: TexturaError): boolean {
  const isInconclusive =
    why instanceof ImageKindError
      ? why.kind === undefined || why.kind.family === 'document'
      : why.code === 'file-unreadable';
  return !isInconclusive || hasImageExtension(file);
}

/** A larger share of unusable images in a class points to a problem with the data, not with single files. */
const acceptedUnusableShare = 0.1;

/** Files that a message lists by name. */
const listedFiles = 5;

interface ClassFiles {
  images: number;
  /** Of them, the training images of a folder with its own split. */
  trainImages: number;
  readonly unusable: SkippedFile[];
  /** All other files that were not read. */
  readonly skipped: SkippedFile[];
}

/**
 * Errors: `data-unusable`, with a line for each class that has too few images or too many unusable ones (the
 * first ones by name, with the reason), and for a split folder without images.
 */
export function requireUsableClasses(folder: DataFolder, check: ImageCheck): void {
  const { root, labels, hasValidation, dataFolders } = folder;
  const classes = filesOfClasses(folder, check);
  const problems = [
    ...(hasValidation ? emptySplits(folder, check) : []),
    ...labels.flatMap((label) => classProblem(label, classes.get(label) ?? noFiles(), hasValidation)),
  ];
  if (problems.length === 0) return;
  const text = [`${root}:`, ...problems, ...sizeAdvice(check.unusable)].join('\n  ');
  throw new TexturaError('data-unusable', `${text}${didYouMean(dataFolders)}`);
}

/** The largest `--patch-px` that fits into all of the images that are too small. */
function sizeAdvice(unusable: readonly RejectedFile[]): readonly string[] {
  const small = unusable.flatMap(({ sidePx = 0 }) => (sidePx < leastPatchPx ? [] : [sidePx]));
  if (small.length === 0) return [];
  const fitting = small.reduce((a, b) => Math.min(a, b));
  const what = counted(small.length, 'image is', 'images are');
  return [
    `${what} smaller than a patch: --patch-px ${fitting} fits into ${small.length === 1 ? 'it' : 'all of them'}`,
  ];
}

function emptySplitText(split: FolderSplit, isCsv: boolean): string {
  const [part, remedy] = isCsv ? ['split', 'the column split'] : ['folder', 'the folder'];
  return split === 'train'
    ? `the training ${part} has no images`
    : `the validation ${part} has no images: add images of each class, or remove ${remedy} to hold out ` +
        '--validation-share of each class';
}

function emptySplits(
  { root, skipped }: DataFolder,
  { images, unusable, notImages }: ImageCheck,
): readonly string[] {
  // Of skipped files only the path is known; a CSV file skips none.
  const unused = [
    ...skipped.map((entry) => ({ ...entry, split: splitOf(entry.name.split('/')[0] ?? '') })),
    ...[...unusable, ...notImages].map((rejected) => ({
      ...skippedOf(rejected),
      split: rejected.file.split,
    })),
  ];
  return (['train', 'validation'] as const)
    .filter((split) => !images.some(({ file }) => file.split === split))
    .flatMap((split) => [
      emptySplitText(split, isCsvPath(root)),
      ...reasons(unused.filter((entry) => entry.split === split)),
    ]);
}

function classProblem(label: string, files: ClassFiles, hasSplits: boolean): readonly string[] {
  const { images, trainImages, unusable, skipped } = files;
  const name = oneLine(label);
  if (unusable.length > acceptedUnusableShare * (images + unusable.length)) {
    const share = `${unusable.length} of ${counted(images + unusable.length, 'image')}`;
    return [`class ${name}: ${share} cannot be used (at most a tenth may fail):`, ...reasons(unusable)];
  }
  const [expected, got] = hasSplits
    ? (['one training image', trainImages] as const)
    : (['two images', images] as const);
  if (got >= (hasSplits ? 1 : 2)) return [];
  const where = hasSplits && images > 0 ? ' (it has validation images only)' : '';
  return [
    `class ${name}: expected at least ${expected}, got ${got === 1 ? 'one' : 'none'}${where}`,
    ...reasons(skipped),
  ];
}

function reasons(files: readonly SkippedFile[]): readonly string[] {
  const lines = files.slice(0, listedFiles).map(({ name, why }) => `  ${oneLine(`${name}: ${why}`)}`);
  return files.length > listedFiles ? [...lines, `  and ${files.length - listedFiles} more`] : lines;
}

function noFiles(): ClassFiles {
  return { images: 0, trainImages: 0, unusable: [], skipped: [] };
}

function filesOfClasses(
  { labels, skipped }: DataFolder,
  { images, unusable, notImages }: ImageCheck,
): ReadonlyMap<string, ClassFiles> {
  const classes = new Map(labels.map((label) => [label, noFiles()]));
  for (const { file } of images) {
    const files = classes.get(file.label);
    if (files === undefined) continue;
    files.images++;
    if (file.split === 'train') files.trainImages++;
  }
  for (const rejected of unusable) classes.get(rejected.file.label)?.unusable.push(skippedOf(rejected));
  for (const rejected of notImages) classes.get(rejected.file.label)?.skipped.push(skippedOf(rejected));
  for (const { label, name, why } of skipped) classes.get(label ?? '')?.skipped.push({ name, why });
  return classes;
}

export function skippedOf({ file, why }: RejectedFile): SkippedFile {
  return { name: file.name, why };
}
