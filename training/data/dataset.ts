/**
 * Loads the training data: labelled images, split by photograph, each decoded and checked once before
 * training.
 */
import { TexturaError } from '../../model/error.ts';
import { groupBy } from '../../model/group-by.ts';
import { meanGrey } from '../../model/image.ts';
import { defaultMaxImagePixels } from '../../model/image-kind.ts';
import { stretchText } from '../../model/sample-depth.ts';
import { counted, listed } from '../../model/words.ts';
import { isCsvPath } from '../../node/csv-file.ts';
import type { SkippedFile } from '../../node/folder-walk.ts';
import { sha256 } from '../../node/sha256.ts';
import { textureNames } from '../../textures/textures.ts';
import type { DatasetImage } from './dataset-image.ts';
import { scanData } from './folder.ts';
import { drawGeneratedDataset, generatedSource } from './generated.ts';
import { requireWholeGroups, splitGroupsByFold, splitGroupsByShare } from './group-split.ts';
import { type GroupedPhotographs, type Groups, groupsOf } from './groups.ts';
import { type CheckedImage, checkImages, requireUsableClasses, skippedOf } from './image-check.ts';
import { type CachedPixels, type PixelCache, startPixelCache } from './pixels.ts';
import {
  type Fold,
  givenSplit,
  groupByContent,
  hasTwoLabels,
  inDatasetOrder,
  type SplitImages,
  splitByFold,
  splitByImage,
} from './split.ts';

export interface Dataset {
  /** The data folder or CSV file as given, or `generated`. */
  readonly source: string;
  /** In code-point order (NFC), which is the output order of the network. */
  readonly labels: readonly string[];
  /** In order of label, then content. */
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  /**
   * SHA-256 over labels, splits and content hashes; equal data have equal fingerprints, whatever their path.
   */
  readonly fingerprint: string;
  /** As `fingerprint`, but the same for every seed: it covers the split only if the folder has its own. */
  readonly contentFingerprint: string;
  readonly skipped: readonly SkippedFile[];
  /** Sentences for the user: imbalanced classes, duplicates, ignored folders. */
  readonly notes: readonly string[];
  /** Number of groups that the split keeps together; undefined without groups. */
  readonly groups: number | undefined;
  /** Decoded pixels of all images, if they fit into the memory budget. */
  readonly pixels: CachedPixels | undefined;
}

export interface DatasetOptions {
  /** A folder, a CSV file, or `generated`. */
  readonly data: string;
  readonly patchPx: number;
  readonly seed: number;
  /** Share of each class that is held out, unless the folder has its own validation split. */
  readonly validationShare: number;
  /** Holds out this fold instead of a share. */
  readonly heldOutFold?: Fold;
  /** Memory for decoded pixels. If they do not fit, none are kept. */
  readonly cacheBytes: number;
  readonly maxImagePixels?: number | undefined;
  /** `--group`: a regular expression or a CSV file; groups are never divided. */
  readonly group?: string | undefined;
  /** Called after each image, of `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Reads, checks and splits a dataset. Unusable files are listed in `skipped`, unless they are more than a
 * tenth of a class. Errors: `data-unusable`, with the folder, the classes and the first files concerned.
 */
export async function loadDataset(options: DatasetOptions): Promise<Dataset> {
  const cache = startPixelCache(options.cacheBytes);
  const { labels, split, splitIsGiven, groups, groupCount, skipped, notes } = await (options.data ===
  generatedSource
    ? generatedContent(options, cache)
    : folderContent(options, cache));
  const { train, validation } = split;
  const whole = { train: inDatasetOrder([...train, ...validation]), validation: [] };
  return {
    source: options.data,
    labels,
    train,
    validation,
    fingerprint: fingerprintOf(labels, split, groups),
    contentFingerprint: fingerprintOf(labels, splitIsGiven ? split : whole, groups),
    skipped,
    notes,
    groups: groupCount,
    pixels: cache.pixelsOf([...train, ...validation]),
  };
}

interface Content {
  readonly labels: readonly string[];
  readonly split: SplitImages;
  readonly groups: Groups | undefined;
  readonly groupCount: number | undefined;
  readonly splitIsGiven: boolean;
  readonly skipped: readonly SkippedFile[];
  readonly notes: readonly string[];
}

/** With less memory, images would be decoded one at a time, however many cores there are. */
const leastDecodingBytes = 64 * 2 ** 20;

async function folderContent(options: DatasetOptions, cache: PixelCache): Promise<Content> {
  const { data, patchPx, cacheBytes, onProgress } = options;
  const folder = await scanData(data);
  const { labels } = folder;
  if (folder.hasValidation && options.heldOutFold !== undefined) {
    const remedy = isCsvPath(data) ? 'remove the column split' : 'remove its validation folder';
    throw new TexturaError(
      'usage',
      `${data} has its own validation split, so --folds cannot split it; ${remedy}, or leave out --folds`,
    );
  }
  const check = await checkImages(folder.files, {
    labels,
    patchPx,
    maxImagePixels: options.maxImagePixels ?? defaultMaxImagePixels,
    decodingBytes: Math.max(cacheBytes, leastDecodingBytes),
    onPixels: cache.add,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  requireUsableClasses(folder, check);
  const images = check.images.map(({ image }) => image);
  const { notes: splitNotes, ...divided } = folder.hasValidation
    ? await checkedSplit(options, givenSplit(data, check.images, labels), folder.groups)
    : await ownSplit(images, labels, options, folder.groups);
  const { split } = divided;
  return {
    labels,
    ...divided,
    splitIsGiven: folder.hasValidation,
    skipped: [
      ...folder.skipped.map(({ name, why }) => ({ name, why })),
      ...[...check.notImages, ...check.unusable].map(skippedOf),
    ],
    // Notes on the whole dataset come first, because a terminal shows only the first notes.
    notes: [
      ...imbalanceNote(split.train, labels),
      ...bitDepthNotes(check.images),
      ...folder.notes,
      ...splitNotes,
      ...duplicateNotes([...split.train, ...split.validation], labels),
    ],
  };
}

async function generatedContent(options: DatasetOptions, cache: PixelCache): Promise<Content> {
  const { onProgress } = options;
  const images: DatasetImage[] = [];
  await drawGeneratedDataset(({ texture, index, grey }, total) => {
    const image: DatasetImage = {
      name: `${texture}/${String(index).padStart(2, '0')}`,
      source: { kind: 'generated', texture, index },
      label: textureNames.indexOf(texture),
      width: grey.width,
      height: grey.height,
      meanGrey: meanGrey(grey),
      contentHash: sha256(grey.data),
    };
    images.push(image);
    cache.add(image, grey);
    onProgress?.(images.length, total);
  });
  const divided = await ownSplit(images, textureNames, options);
  return { labels: textureNames, ...divided, splitIsGiven: false, skipped: [] };
}

type Divided = Pick<Content, 'split' | 'groups' | 'groupCount' | 'notes'>;

async function ownSplit(
  images: readonly DatasetImage[],
  labels: readonly string[],
  { data, seed, validationShare, heldOutFold, group }: DatasetOptions,
  given?: Groups,
): Promise<Divided> {
  const grouped = await groupsOfImages(images, group, given);
  if (grouped === undefined) {
    const split =
      heldOutFold === undefined
        ? splitByImage(data, images, { labels, seed, validationShare })
        : splitByFold(data, images, { labels, seed, ...heldOutFold });
    return { split, groups: undefined, groupCount: undefined, notes: [] };
  }
  const { groups, notes } = grouped;
  const split =
    heldOutFold === undefined
      ? splitGroupsByShare(data, images, groups, { labels, seed, validationShare })
      : splitGroupsByFold(data, images, groups, { labels, seed, ...heldOutFold });
  return { split, groups, groupCount: split.groups, notes: [...split.notes, ...notes] };
}

/** Those of `--group`, or else those that the data give. */
async function groupsOfImages(
  images: readonly DatasetImage[],
  group: string | undefined,
  given: Groups | undefined,
): Promise<GroupedPhotographs | undefined> {
  if (group === undefined) return given && { groups: given, notes: [] };
  return groupsOf(
    images.map(({ name }) => name),
    group,
  );
}

/** Errors: `data-unusable` if the split of the data divides a group. */
async function checkedSplit(
  { data, group }: DatasetOptions,
  { notes, ...split }: ReturnType<typeof givenSplit>,
  given: Groups | undefined,
): Promise<Divided> {
  const grouped = await groupsOfImages([...split.train, ...split.validation], group, given);
  if (grouped === undefined) return { split, groups: undefined, groupCount: undefined, notes };
  const groupCount = requireWholeGroups(data, split, grouped.groups);
  return { split, groups: grouped.groups, groupCount, notes: [...notes, ...grouped.notes] };
}

/** With groups, also over which images share one, whatever the names of the groups. */
function fingerprintOf(
  labels: readonly string[],
  { train, validation }: SplitImages,
  groups: Groups | undefined,
): string {
  const contents = (images: readonly DatasetImage[]) =>
    images.map(({ label, contentHash }) => [label, contentHash]);
  const numbers = new Map<string, number>();
  const numberOf = ({ name }: DatasetImage) => {
    const group = groups?.get(name) ?? '';
    const number = numbers.get(group) ?? numbers.size;
    numbers.set(group, number);
    return number;
  };
  const partition = groups === undefined ? [] : [[...train, ...validation].map(numberOf)];
  return sha256(JSON.stringify([labels, contents(train), contents(validation), ...partition]));
}

/** A note for each group of identical files: first those with two labels, then duplicates within a class. */
function duplicateNotes(images: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const groups = [...groupByContent(images).values()].filter((group) => group.length > 1);
  const classesOf = (group: readonly DatasetImage[]) =>
    [...new Set(group.map(({ label }) => labels[label]))].join(' and ');
  return [
    ...groups
      .filter(hasTwoLabels)
      .map((group) => `identical files are labelled ${classesOf(group)}: ${namesOf(group)}`),
    ...groups
      .filter((group) => !hasTwoLabels(group))
      .map((group) => `duplicates, kept on the same side of the split: ${namesOf(group)}`),
  ];
}

/** From this ratio between the largest class and another on, there is a note. */
const imbalanceRatio = 5;

function imbalanceNote(train: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const perLabel = new Int32Array(labels.length);
  for (const { label } of train) perLabel[label] = (perLabel[label] ?? 0) + 1;
  const counts = labels.map((label, index) => ({ label, count: perLabel[index] ?? 0 }));
  const largest = counts.reduce((a, b) => (b.count > a.count ? b : a));
  const small = counts.filter(({ count }) => imbalanceRatio * count <= largest.count);
  if (small.length === 0) return [];
  return [
    `classes are imbalanced: ${largest.label} has ${counted(largest.count, 'training image')}, ` +
      `${small.map(({ label, count }) => `${label} ${count}`).join(', ')}; ` +
      'every class contributes the same number of patches, ' +
      'and the best epoch is chosen by balanced error, the mean over the classes',
  ];
}

/** A note for each number of bits, with the 16-bit files that use no more. */
function bitDepthNotes(images: readonly CheckedImage[]): readonly string[] {
  return [...groupBy(images, ({ stretchedFromBits }) => stretchedFromBits)].flatMap(([bits, checked]) => {
    if (bits === undefined) return [];
    return `${stretchText(bits)}: ${listed(checked.map(({ image }) => image.name))}`;
  });
}

function namesOf(group: readonly DatasetImage[]): string {
  return group.map(({ name }) => name).join(', ');
}
