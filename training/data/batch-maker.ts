/**
 * Makes batches of patches: the work of the batch threads. A batch is named by what it holds, not by what came before it, so
 * any thread can make any batch.
 */
import type { GreyImage } from '../../model/image.ts';
import { cutPatch, patchBytes } from '../../model/patch.ts';
import { type RandomStream, randomStream } from '../../model/random.ts';
import type { Augmentation } from '../../model/training-config.ts';
import type { Batch } from '../engine.ts';
import { augmentPatch } from './augment.ts';
import type { CachedPixels, DatasetImage } from './dataset.ts';
import { pixelReader } from './pixel-source.ts';
import { type GridPatch, planEpoch, planGrid } from './plan.ts';

/** What a batch thread is started with. Plain data and shared memory. */
export interface BatchSetting {
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  readonly pixels: CachedPixels | undefined;
  /** Memory for images decoded on demand, for each thread, where they are not all cached. */
  readonly cacheBytes: number;
  readonly patchesPerEpoch: number;
  readonly patchPx: number;
  readonly augment: Augmentation;
  readonly seed: number;
}

/** A run of patches, `start` to `start + count`, of a training epoch or of the fixed grid of all validation images. */
export type BatchRequest = {
  readonly start: number;
  readonly count: number;
} & ({ readonly split: 'train'; readonly epoch: number } | { readonly split: 'val' });

export type BatchMaker = (request: BatchRequest) => Promise<Batch>;

export function batchMaker(setting: BatchSetting): BatchMaker {
  const { train, validation, patchPx } = setting;
  const read = pixelReader([...train, ...validation], setting.pixels, setting.cacheBytes);
  let epochPlan: { readonly epoch: number; readonly images: Int32Array } | undefined;
  let grid: readonly GridPatch[] | undefined;

  function planFor(epoch: number): Int32Array {
    if (epochPlan?.epoch !== epoch) {
      epochPlan = { epoch, images: planEpoch(train, setting.patchesPerEpoch, setting.seed, epoch) };
    }
    return epochPlan.images;
  }

  async function trainingBatch(epoch: number, start: number, count: number): Promise<Batch> {
    const planned = Array.from(planFor(epoch).subarray(start, start + count));
    const images = await Promise.all(planned.map(read));
    return assemble(
      planned.map((index) => train[index]?.label ?? 0),
      (at) => {
        const image = images[at] as GreyImage;
        const random = randomStream(setting.seed, 'epoch', epoch, 'patch', start + at);
        // What surrounds a jittered patch is cut from the other images of the batch, which are at hand.
        const clutter = () => randomPatch(otherImage(images, at, random), patchPx, random);
        const position = randomPosition(image, patchPx, random);
        return augmentPatch(setting.augment, { image, position, patchPx, clutter }, random);
      },
    );
  }

  async function gridBatch(start: number, count: number): Promise<Batch> {
    grid ??= planGrid(validation, patchPx);
    const planned = grid.slice(start, start + count);
    const images = await Promise.all(planned.map(({ image }) => read(train.length + image)));
    return assemble(
      planned.map(({ image }) => validation[image]?.label ?? 0),
      (at) => cutPatch(images[at] as GreyImage, (planned[at] as GridPatch).position, patchPx),
    );
  }

  return (request) =>
    request.split === 'train'
      ? trainingBatch(request.epoch, request.start, request.count)
      : gridBatch(request.start, request.count);
}

function assemble(labels: readonly number[], patchAt: (index: number) => Uint8Array): Batch {
  const patches = new Uint8Array(labels.length * patchBytes);
  labels.forEach((_, index) => {
    patches.set(patchAt(index), index * patchBytes);
  });
  return { patches, labels: Int32Array.from(labels) };
}

function randomPosition({ width, height }: GreyImage, patchPx: number, random: RandomStream) {
  return { x: random.integer(0, width - patchPx), y: random.integer(0, height - patchPx) };
}

/** Any of the images but the one at `own`, unless it is alone. */
function otherImage(images: readonly GreyImage[], own: number, random: RandomStream): GreyImage {
  const step = images.length === 1 ? 0 : random.integer(1, images.length - 1);
  return images[(own + step) % images.length] as GreyImage;
}

function randomPatch(image: GreyImage, patchPx: number, random: RandomStream): Uint8Array {
  return cutPatch(image, randomPosition(image, patchPx, random), patchPx);
}
