/** Decoded images in memory that threads share, as long as they fit into a budget. */
import type { GreyImage } from '../../model/image.ts';
import type { DatasetImage } from './dataset-image.ts';

/** All images' grey bytes in memory that threads share. Plain data: sent to a thread, the memory stays shared. */
export interface CachedPixels {
  /** Each holds many images behind each other: no single buffer may be as large as a large dataset. */
  readonly slabs: readonly SharedArrayBuffer[];
  /** Of each image, in the order of the dataset's train and then validation images. */
  readonly places: readonly CachePlace[];
}

interface CachePlace {
  readonly slab: number;
  readonly offset: number;
}

/** A view of one cached image, `[height, width]`. */
export function cachedImage(
  { slabs, places }: CachedPixels,
  index: number,
  { name, width, height }: DatasetImage,
): GreyImage {
  const place = places[index];
  const slab = place && slabs[place.slab];
  if (slab === undefined) throw new RangeError(`${name}: expected a cached image at ${index}`);
  return { data: new Uint8Array(slab, place?.offset, width * height), width, height };
}

export interface PixelCache {
  /** Copies the image, unless the budget is used up: then nothing is kept from here on, and what was kept is dropped. */
  add(image: DatasetImage, grey: GreyImage): void;
  /** The cached images in the order asked for; undefined where they did not all fit. */
  pixelsOf(images: readonly DatasetImage[]): CachedPixels | undefined;
}

/** The operating system gives memory to a slab as it is filled, so a part that stays empty costs nothing. */
const slabBytes = 32 * 1024 * 1024;

export function startPixelCache(budgetBytes: number): PixelCache {
  const placeOf = new Map<DatasetImage, CachePlace>();
  let slabs: SharedArrayBuffer[] = [];
  let filled = 0;
  let total = 0;

  function room(bytes: number): CachePlace {
    const last = slabs.at(-1);
    if (last === undefined || filled + bytes > last.byteLength) {
      slabs.push(new SharedArrayBuffer(Math.max(slabBytes, bytes)));
      filled = 0;
    }
    const place = { slab: slabs.length - 1, offset: filled };
    filled += bytes;
    return place;
  }

  function add(image: DatasetImage, { data }: GreyImage): void {
    total += data.length;
    if (total > budgetBytes) {
      slabs = [];
      placeOf.clear();
      return;
    }
    const place = room(data.length);
    new Uint8Array(slabs[place.slab] as SharedArrayBuffer, place.offset, data.length).set(data);
    placeOf.set(image, place);
  }

  function pixelsOf(images: readonly DatasetImage[]): CachedPixels | undefined {
    const places: CachePlace[] = [];
    for (const image of images) {
      const place = placeOf.get(image);
      if (place === undefined) return undefined;
      places.push(place);
    }
    return { slabs, places };
  }

  return { add, pixelsOf };
}
