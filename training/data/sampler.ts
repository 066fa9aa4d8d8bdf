/**
 * Decides which patches are read, in which order: a pure function of dataset, seed and epoch, so that every
 * thread, both engines and a resumed run sample the same patches.
 */
import { groupBy } from '../../model/group-by.ts';
import { type PatchPosition, patchGrid } from '../../model/patch.ts';
import { randomStream, shuffle } from '../../model/random.ts';
import type { DatasetImage } from './dataset-image.ts';

/**
 * The training images of one epoch, as indices into `images`, one for each patch. Classes get equal shares,
 * whatever their sizes (the remainder goes to random classes). Within a class, no image is used more than
 * once more often than another.
 */
export function sampleEpoch(
  images: readonly DatasetImage[],
  patches: number,
  seed: number,
  epoch: number,
): Int32Array {
  const random = randomStream(seed, 'epoch', epoch, 'plan');
  const byClass = imagesByClass(images);
  const order = shuffle(
    byClass.map((_, index) => index),
    random,
  );
  const sample = new Int32Array(patches);
  let at = 0;
  order.forEach((classIndex, place) => {
    const members = shuffle([...(byClass[classIndex] ?? [])], random);
    const share = Math.floor(patches / order.length) + (place < patches % order.length ? 1 : 0);
    for (let i = 0; i < share; i++) sample[at++] = members[i % members.length] as number;
  });
  return shuffle(sample, random);
}

function imagesByClass(images: readonly DatasetImage[]): readonly (readonly number[])[] {
  const groups = groupBy(images.keys(), (index) => images[index]?.label ?? 0);
  return [...groups].sort(([a], [b]) => a - b).map(([, members]) => members);
}

export interface GridPatch {
  /** Index into the images. */
  readonly image: number;
  readonly position: PatchPosition;
}

/** The patches of validation: the fixed grid of every image, image after image. */
export function validationGrid(images: readonly DatasetImage[], patchPx: number): readonly GridPatch[] {
  return images.flatMap(({ width, height }, image) =>
    patchGrid(width, height, patchPx).map((position) => ({ image, position })),
  );
}
