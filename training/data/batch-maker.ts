/**
 * Makes batches of patches: the work of the batch threads. A batch is named by what it holds, not by what came before it, so
 * any thread can make any batch.
 */
import type { GreyImage } from '../../model/image.ts';
import { cutPatch, type Patch, patchBytes } from '../../model/patch.ts';
import { type RandomStream, randomStream } from '../../model/random.ts';
import type { Augmentation } from '../../model/training-config.ts';
import type { Batch } from '../engine/engine.ts';
import { augmentPatch } from './augment.ts';
import type { CachedPixels, DatasetImage } from './dataset.ts';
import { pixelReader } from './pixel-source.ts';
import { type GridPatch, planEpoch, planGrid } from './plan.ts';

/** What a batch thread is started with. Plain data and shared memory. */
export interface BatchSetting {
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  readonly pixels: CachedPixels | undefined;
  /** Memory for images decoded on demand, of all threads together, where they are not all cached. */
  readonly cacheBytes: number;
  readonly maxImagePixels?: number;
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
  const read = pixelReader({ ...setting, images: [...train, ...validation] });
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
    const patches = planned.map((index, at) => {
      const random = randomStream(setting.seed, 'epoch', epoch, 'patch', start + at);
      const position = randomPosition(train[index] as DatasetImage, patchPx, random);
      // What surrounds a jittered patch is cut from the other images of the batch, which are read anyway.
      const clutter = () => {
        const other = otherOf(planned, at, random);
        const place = randomPosition(train[other] as DatasetImage, patchPx, random);
        return read(other, (image) => cutPatch(image, place, patchPx));
      };
      const request = { read: (cut: Cut) => read(index, cut), position, patchPx, clutter };
      return augmentPatch(setting.augment, request, random);
    });
    return assemble(
      planned.map((index) => train[index]?.label ?? 0),
      await Promise.all(patches),
    );
  }

  async function gridBatch(start: number, count: number): Promise<Batch> {
    grid ??= planGrid(validation, patchPx);
    const planned = grid.slice(start, start + count);
    const patches = planned.map(({ image, position }) =>
      read(train.length + image, (pixels) => cutPatch(pixels, position, patchPx)),
    );
    return assemble(
      planned.map(({ image }) => validation[image]?.label ?? 0),
      await Promise.all(patches),
    );
  }

  return (request) =>
    request.split === 'train'
      ? trainingBatch(request.epoch, request.start, request.count)
      : gridBatch(request.start, request.count);
}

type Cut = (image: GreyImage) => Patch;

function assemble(labels: readonly number[], patches: readonly Patch[]): Batch {
  const bytes = new Uint8Array(labels.length * patchBytes);
  patches.forEach((patch, index) => {
    bytes.set(patch, index * patchBytes);
  });
  return { patches: bytes, labels: Int32Array.from(labels) };
}

function randomPosition(
  { width, height }: Pick<DatasetImage, 'width' | 'height'>,
  patchPx: number,
  random: RandomStream,
) {
  return { x: random.integer(0, width - patchPx), y: random.integer(0, height - patchPx) };
}

/** Any of the images but the one at `own`, unless it is alone. */
function otherOf(images: readonly number[], own: number, random: RandomStream): number {
  const step = images.length === 1 ? 0 : random.integer(1, images.length - 1);
  return images[(own + step) % images.length] as number;
}
