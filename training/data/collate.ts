/**
 * Cuts patches and collates them into batches, in the loader workers. A request describes a batch completely,
 * without any state from earlier batches, so that any worker can make any batch.
 */
import type { GreyImage } from '../../model/image.ts';
import type { Batch } from '../../model/patch.ts';
import { cutPatch, type Patch, patchBytes } from '../../model/patch.ts';
import { type RandomStream, randomStream } from '../../model/random.ts';
import type { Augmentation } from '../../model/training-config.ts';
import { augmentPatch } from './augment.ts';
import type { DatasetImage } from './dataset-image.ts';
import { type CachedPixels, pixelReader } from './pixels.ts';
import { type GridPatch, sampleEpoch, validationGrid } from './sampler.ts';

/** What a loader worker is started with: plain data and shared memory. */
export interface LoaderSettings {
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  readonly pixels: CachedPixels | undefined;
  /** Memory for images decoded on demand, of all workers together, if they are not all cached. */
  readonly cacheBytes: number;
  readonly maxImagePixels?: number | undefined;
  readonly patchesPerEpoch: number;
  readonly patchPx: number;
  readonly augment: Augmentation;
  readonly seed: number;
}

/**
 * The patches `start` to `start + count` of a training epoch, of the validation grid, or of every `stride`th
 * patch of the grid of the training images.
 */
export type BatchRequest = {
  readonly start: number;
  readonly count: number;
} & (
  | { readonly split: 'train'; readonly epoch: number }
  | { readonly split: 'val' }
  | { readonly split: 'trainGrid'; readonly stride: number }
);

type Collate = (request: BatchRequest) => Promise<Batch>;

/** The returned function makes any batch. Its errors: those of reading an image (`pixels.ts`). */
export function collator(settings: LoaderSettings): Collate {
  const { train, validation, pixels, cacheBytes, maxImagePixels, patchPx } = settings;
  const read = pixelReader({ images: [...train, ...validation], pixels, cacheBytes, maxImagePixels });
  let sample: { readonly epoch: number; readonly images: Int32Array } | undefined;
  const grids: { train?: readonly GridPatch[]; validation?: readonly GridPatch[] } = {};

  function sampleOf(epoch: number): Int32Array {
    if (sample?.epoch !== epoch) {
      sample = { epoch, images: sampleEpoch(train, settings.patchesPerEpoch, settings.seed, epoch) };
    }
    return sample.images;
  }

  async function trainingBatch(epoch: number, start: number, count: number): Promise<Batch> {
    const sampled = Array.from(sampleOf(epoch).subarray(start, start + count));
    const patches = sampled.map((index, at) => {
      const random = randomStream(settings.seed, 'epoch', epoch, 'patch', start + at);
      const position = randomPosition(train[index] as DatasetImage, patchPx, random);
      // The background of a jittered patch comes from other images of the batch, which are read anyway.
      const clutter = () => {
        const other = otherOf(sampled, at, random);
        const place = randomPosition(train[other] as DatasetImage, patchPx, random);
        return read(other, (image) => cutPatch(image, place, patchPx));
      };
      const request = { read: (cut: Cut) => read(index, cut), position, patchPx, clutter };
      return augmentPatch(settings.augment, request, random);
    });
    return assemble(
      sampled.map((index) => train[index]?.label ?? 0),
      await Promise.all(patches),
    );
  }

  async function gridBatch(
    cells: readonly GridPatch[],
    images: readonly DatasetImage[],
    firstImage: number,
  ): Promise<Batch> {
    const patches = cells.map(({ image, position }) =>
      read(firstImage + image, (grey) => cutPatch(grey, position, patchPx)),
    );
    return assemble(
      cells.map(({ image }) => images[image]?.label ?? 0),
      await Promise.all(patches),
    );
  }

  return (request) => {
    const { split, start, count } = request;
    switch (split) {
      case 'train':
        return trainingBatch(request.epoch, start, count);
      case 'val': {
        grids.validation ??= validationGrid(validation, patchPx);
        return gridBatch(grids.validation.slice(start, start + count), validation, train.length);
      }
      case 'trainGrid': {
        grids.train ??= validationGrid(train, patchPx);
        const cells = Array.from({ length: count }, (_, i) => grids.train?.[(start + i) * request.stride]);
        return gridBatch(
          cells.filter((cell) => cell !== undefined),
          train,
          0,
        );
      }
      default:
        throw split satisfies never;
    }
  };
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

/** A random image other than the one at `own`, if there is one. */
function otherOf(images: readonly number[], own: number, random: RandomStream): number {
  const step = images.length === 1 ? 0 : random.integer(1, images.length - 1);
  return images[(own + step) % images.length] as number;
}
