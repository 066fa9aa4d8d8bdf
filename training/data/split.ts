/**
 * Splits images into training and validation. The unit is the photograph, not the patch, and identical files
 * count as one photograph: patches of one photograph on both sides would leak, and the validation error would
 * be too low.
 */

import { compareCodePoints, compareNames } from '../../model/code-point-order.ts';
import { TexturaError } from '../../model/error.ts';
import { groupBy } from '../../model/group-by.ts';
import { randomStream, shuffle } from '../../model/random.ts';
import { oneLine } from '../../model/words.ts';
import type { FolderSplit } from '../../node/folder-level.ts';
import type { DatasetImage } from './dataset-image.ts';
import type { CheckedImage } from './image-check.ts';

export interface SplitImages {
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
}

export interface SplitSettings {
  readonly labels: readonly string[];
  readonly seed: number;
  /** Share of the images of a class that is held out. */
  readonly validationShare: number;
}

/**
 * Splits each class separately, so that other classes do not change its split. The result depends only on the
 * bytes and labels of the images, not on their names or order. Each class has at least one image on each
 * side. Identical files stay together; files with two labels are never held out. Errors: `data-unusable` with
 * the classes that cannot be split.
 */
export function splitByImage(
  source: string,
  images: readonly DatasetImage[],
  settings: SplitSettings,
): SplitImages {
  const ambiguous = hashesWithTwoLabels(images);
  const heldOut: DatasetImage[] = [];
  const unsplittable: string[] = [];
  const byLabel = groupBy(inDatasetOrder(images), ({ label }) => label);
  settings.labels.forEach((label, index) => {
    const members = byLabel.get(index) ?? [];
    const distinct = [...groupByContent(members).values()];
    const candidates = distinct.filter(([first]) => first !== undefined && !ambiguous.has(first.contentHash));
    if (distinct.length < 2 || candidates.length === 0) unsplittable.push(label);
    const random = randomStream(settings.seed, 'split', label);
    const wanted = heldOutCount(members.length, settings.validationShare);
    for (const image of holdOut(shuffle(candidates, random), wanted)) heldOut.push(image);
  });
  if (unsplittable.length > 0) {
    throw new TexturaError(
      'data-unusable',
      `${source}: each class needs at least two different images, one for training and one for validation; ` +
        `too few in ${oneLine(unsplittable.join(', '))}`,
    );
  }
  return heldOutSplit(images, heldOut);
}

/** One of `folds` shares of the images, counted from 1. */
export interface Fold {
  readonly fold: number;
  readonly folds: number;
}

/**
 * Holds out one of several equal shares, which together hold out every image once. As `splitByImage`, each
 * class is dealt out separately, identical files stay together, and files with two labels are never held out.
 * Errors: `data-unusable` with the classes that have fewer different images than there are folds.
 */
export function splitByFold(
  source: string,
  images: readonly DatasetImage[],
  { labels, seed, fold, folds }: Omit<SplitSettings, 'validationShare'> & Fold,
): SplitImages {
  const ambiguous = hashesWithTwoLabels(images);
  const heldOut: DatasetImage[] = [];
  const tooSmall: string[] = [];
  const byLabel = groupBy(inDatasetOrder(images), ({ label }) => label);
  labels.forEach((label, index) => {
    const candidates = [...groupByContent(byLabel.get(index) ?? [])].filter(([hash]) => !ambiguous.has(hash));
    if (candidates.length < folds) tooSmall.push(label);
    const random = randomStream(seed, 'folds', label);
    const first = random.integer(0, folds - 1);
    shuffle(candidates, random).forEach(([, group], place) => {
      if ((first + place) % folds === fold - 1) for (const image of group) heldOut.push(image);
    });
  });
  if (tooSmall.length > 0) {
    throw new TexturaError(
      'data-unusable',
      `${source}: each class needs at least ${folds} different images for --folds ${folds}; too few in ${oneLine(tooSmall.join(', '))}`,
    );
  }
  return heldOutSplit(images, heldOut);
}

/** `heldOut` validates, the other images train. */
export function heldOutSplit(images: readonly DatasetImage[], heldOut: readonly DatasetImage[]): SplitImages {
  const validation = new Set(heldOut);
  return {
    train: inDatasetOrder(images.filter((image) => !validation.has(image))),
    validation: inDatasetOrder(heldOut),
  };
}

/**
 * The split of the folders train/ and val/. A training image with a duplicate in val/ is dropped.
 * Errors: `data-unusable` with the classes that are left without a training image.
 */
export function givenSplit(
  source: string,
  images: readonly CheckedImage[],
  labels: readonly string[],
): SplitImages & { readonly notes: readonly string[] } {
  const imagesOf = (split: FolderSplit) =>
    images.filter(({ file }) => file.split === split).map(({ image }) => image);
  const validation = inDatasetOrder(imagesOf('validation'));
  const heldOut = groupByContent(validation);
  const leaked = imagesOf('train').filter(({ contentHash }) => heldOut.has(contentHash));
  const train = inDatasetOrder(imagesOf('train').filter(({ contentHash }) => !heldOut.has(contentHash)));
  const untrained = labelsWithout(train, labels);
  if (untrained.length > 0) {
    throw new TexturaError(
      'data-unusable',
      `${source}: each class needs at least one training image; there is none of ${oneLine(untrained.join(', '))}`,
    );
  }
  const unvalidated = labelsWithout(validation, labels);
  return {
    train,
    validation,
    notes: [
      ...(unvalidated.length > 0
        ? [`the validation split has no images of ${unvalidated.join(', ')}, so their error is unknown`]
        : []),
      ...leaked.map(
        ({ name, contentHash }) =>
          `${name} is not used in training: it duplicates ${heldOut.get(contentHash)?.[0]?.name} of the validation split`,
      ),
    ],
  };
}

export function labelsWithout(images: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const present = new Set(images.map(({ label }) => label));
  return labels.filter((_, index) => !present.has(index));
}

/**
 * Two halves of the validation images: one chooses the epoch, on the other the results are measured, so that
 * no error is low because it was chosen. Each class is dealt out in turn, and identical files stay together.
 * Errors: `data-unusable` for a single photograph.
 */
export function validationHalves(
  source: string,
  images: readonly DatasetImage[],
  seed: number,
): { readonly choosing: readonly DatasetImage[]; readonly reporting: readonly DatasetImage[] } {
  const choosing = new Set<DatasetImage>();
  let dealt = 0;
  for (const [label, members] of groupBy(inDatasetOrder(images), (image) => image.label)) {
    const groups = [...groupByContent(members).values()];
    for (const group of shuffle(groups, randomStream(seed, 'validation halves', label))) {
      if (dealt++ % 2 === 1) for (const image of group) choosing.add(image);
    }
  }
  if (images.length > 0 && choosing.size === 0) {
    throw new TexturaError(
      'data-unusable',
      `${source}: --choose-on half needs at least two different validation photographs, got one; hold out more with --validation-share, or use --choose-on all`,
    );
  }
  return {
    choosing: images.filter((image) => choosing.has(image)),
    reporting: images.filter((image) => !choosing.has(image)),
  };
}

/** By class, then by content, so that renaming or moving files does not change the order. */
export function inDatasetOrder(images: readonly DatasetImage[]): readonly DatasetImage[] {
  return [...images].sort(
    (a, b) =>
      a.label - b.label || compareCodePoints(a.contentHash, b.contentHash) || compareNames(a.name, b.name),
  );
}

export function groupByContent(
  images: readonly DatasetImage[],
): ReadonlyMap<string, readonly DatasetImage[]> {
  return groupBy(images, ({ contentHash }) => contentHash);
}

/** Whether identical files are in different classes. */
export function hasTwoLabels(group: readonly DatasetImage[]): boolean {
  return group.some(({ label }) => label !== group[0]?.label);
}

export function hashesWithTwoLabels(images: readonly DatasetImage[]): ReadonlySet<string> {
  const groups = [...groupByContent(images)];
  return new Set(groups.filter(([, group]) => hasTwoLabels(group)).map(([hash]) => hash));
}

/** Of how many images a class holds out: the share rounded, but at least one image and not all. */
export function heldOutCount(members: number, share: number): number {
  return Math.min(Math.max(Math.round(members * share), 1), members - 1);
}

/** Takes whole groups while they fit into `wanted` images, or the smallest group if none fits. */
function holdOut(groups: readonly (readonly DatasetImage[])[], wanted: number): readonly DatasetImage[] {
  const taken: DatasetImage[] = [];
  for (const group of groups) {
    if (taken.length + group.length <= wanted) taken.push(...group);
  }
  if (taken.length > 0) return taken;
  return groups.reduce<readonly DatasetImage[]>(
    (smallest, group) => (smallest.length === 0 || group.length < smallest.length ? group : smallest),
    [],
  );
}
