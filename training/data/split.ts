/**
 * Which images are trained on and which are held out. The unit is the image, never the patch, and images of equal bytes are one
 * image: two patches of one photograph on both sides would make the held-out error look better than it is.
 */
import { TexturaError } from '../../model/error.ts';
import { randomStream, shuffle } from '../../model/random.ts';
import { oneLine } from '../../model/words.ts';
import { compareCodePoints, compareNames } from './code-point-order.ts';
import type { DatasetImage } from './dataset-image.ts';
import type { FolderSplit } from './folder-level.ts';
import type { ReadImage } from './intake.ts';

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
 * Splits each class by itself, so that a class has the same images held out whatever other classes there are. Depends on the
 * images' bytes and labels alone: neither their names nor the order given matters. Each class has an image on each side; images
 * of equal bytes stay together. Bytes that bear two labels are never held out.
 * Errors: `data-unusable` naming the classes that cannot be split.
 */
export function splitByImage(
  source: string,
  images: readonly DatasetImage[],
  settings: SplitSettings,
): SplitImages {
  const contradicted = hashesWithTwoLabels(images);
  const heldOut = new Set<DatasetImage>();
  const unsplittable: string[] = [];
  const byLabel = settings.labels.map((): DatasetImage[] => []);
  for (const image of inDatasetOrder(images)) byLabel[image.label]?.push(image);
  settings.labels.forEach((label, index) => {
    const members = byLabel[index] ?? [];
    const copies = [...groupByContent(members).values()];
    const candidates = copies.filter(
      ([first]) => first !== undefined && !contradicted.has(first.contentHash),
    );
    if (copies.length < 2 || candidates.length === 0) unsplittable.push(label);
    const random = randomStream(settings.seed, 'split', label);
    const wanted = heldOutCount(members.length, settings.validationShare);
    for (const image of holdOut(shuffle(candidates, random), wanted)) heldOut.add(image);
  });
  if (unsplittable.length > 0) {
    throw new TexturaError(
      'data-unusable',
      `${source}: expected two different images or more in each class, one to train on and one to validate on; got too few in ${oneLine(unsplittable.join(', '))}`,
    );
  }
  return {
    train: inDatasetOrder(images.filter((image) => !heldOut.has(image))),
    validation: inDatasetOrder(images.filter((image) => heldOut.has(image))),
  };
}

/**
 * The split that the folders train/ and val/ give. A training image whose bytes are in val/ too is left out of training.
 * Errors: `data-unusable` naming the classes that are left without a training image.
 */
export function givenSplit(
  source: string,
  images: readonly ReadImage[],
  labels: readonly string[],
): SplitImages & { readonly notes: readonly string[] } {
  const imagesOf = (split: FolderSplit) =>
    images.filter(({ file }) => file.split === split).map(({ image }) => image);
  const validation = inDatasetOrder(imagesOf('validation'));
  const heldOut = groupByContent(validation);
  const straddling = imagesOf('train').filter(({ contentHash }) => heldOut.has(contentHash));
  const train = inDatasetOrder(imagesOf('train').filter(({ contentHash }) => !heldOut.has(contentHash)));
  const untrained = labelsWithout(train, labels);
  if (untrained.length > 0) {
    throw new TexturaError(
      'data-unusable',
      `${source}: expected a training image or more of each class, got none of ${oneLine(untrained.join(', '))}`,
    );
  }
  const unvalidated = labelsWithout(validation, labels);
  return {
    train,
    validation,
    notes: [
      ...(unvalidated.length > 0
        ? [`the validation split has no image of ${unvalidated.join(', ')}, whose error stays unknown`]
        : []),
      ...straddling.map(
        ({ name, contentHash }) =>
          `${name} equals ${heldOut.get(contentHash)?.[0]?.name} of the validation split and is not trained on`,
      ),
    ],
  };
}

function labelsWithout(images: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const present = new Set(images.map(({ label }) => label));
  return labels.filter((_, index) => !present.has(index));
}

/** By class, then by content: an order that renaming or moving files leaves as it is. */
export function inDatasetOrder(images: readonly DatasetImage[]): readonly DatasetImage[] {
  return [...images].sort(
    (a, b) =>
      a.label - b.label || compareCodePoints(a.contentHash, b.contentHash) || compareNames(a.name, b.name),
  );
}

export function groupByContent(
  images: readonly DatasetImage[],
): ReadonlyMap<string, readonly DatasetImage[]> {
  const groups = new Map<string, DatasetImage[]>();
  for (const image of images) {
    const group = groups.get(image.contentHash);
    if (group === undefined) groups.set(image.contentHash, [image]);
    else group.push(image);
  }
  return groups;
}

function hashesWithTwoLabels(images: readonly DatasetImage[]): ReadonlySet<string> {
  const groups = [...groupByContent(images)];
  return new Set(
    groups.filter(([, group]) => group.some(({ label }) => label !== group[0]?.label)).map(([hash]) => hash),
  );
}

/** The share rounded, but at least one image and not all. */
function heldOutCount(members: number, share: number): number {
  return Math.min(Math.max(Math.round(members * share), 1), members - 1);
}

/** Takes whole groups while they fit into `wanted` images; where none fits, the smallest. */
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
