/**
 * The grey levels of a dataset's images: from memory that all threads share if they fit into it, otherwise
 * decoded (or drawn) on demand, with the most recently used ones kept.
 */
import { TexturaError } from '../../model/error.ts';
import type { GreyImage } from '../../model/image.ts';
import { defaultMaxImagePixels } from '../../model/image-kind.ts';
import { oneLine } from '../../model/words.ts';
import { ByteRoom } from '../../node/byte-room.ts';
import { type DecodeLimits, decodeImage, decodingBytesPerPixel } from '../../node/image-decoder.ts';
import { readImageFile } from '../../node/image-file.ts';
import type { DatasetImage } from './dataset-image.ts';
import { drawGeneratedImage } from './generated.ts';

/** All images' grey bytes in shared memory. Sent to a thread, the memory stays shared. */
export interface CachedPixels {
  /** Each stores many images one after another, so that no buffer has the size of a large dataset. */
  readonly slabs: readonly SharedArrayBuffer[];
  /** By name of the image, so that images can be listed in any order. */
  readonly places: ReadonlyMap<string, CachePlace>;
}

interface CachePlace {
  readonly slab: number;
  readonly offset: number;
}

export interface PixelCache {
  /** Copies the image. Once the budget is exceeded, the cache drops everything and stores nothing more. */
  add(image: DatasetImage, grey: GreyImage): void;
  /** The cached images, or undefined if they did not all fit. */
  pixelsOf(images: readonly DatasetImage[]): CachedPixels | undefined;
}

/** The operating system allocates a slab as it is filled, so its empty part costs nothing. */
const slabBytes = 32 * 1024 * 1024;

export function startPixelCache(budgetBytes: number): PixelCache {
  const placeOf = new Map<string, CachePlace>();
  let slabs: SharedArrayBuffer[] = [];
  let filled = 0;
  let total = 0;

  function allocate(bytes: number): CachePlace {
    const last = slabs.at(-1);
    if (last === undefined || filled + bytes > last.byteLength) {
      slabs.push(new SharedArrayBuffer(Math.max(slabBytes, bytes)));
      filled = 0;
    }
    const place = { slab: slabs.length - 1, offset: filled };
    filled += bytes;
    return place;
  }

  function add({ name }: DatasetImage, { data }: GreyImage): void {
    total += data.length;
    if (total > budgetBytes) {
      slabs = [];
      placeOf.clear();
      return;
    }
    const place = allocate(data.length);
    new Uint8Array(slabs[place.slab] as SharedArrayBuffer, place.offset, data.length).set(data);
    placeOf.set(name, place);
  }

  function pixelsOf(images: readonly DatasetImage[]): CachedPixels | undefined {
    const places = new Map<string, CachePlace>();
    for (const { name } of images) {
      const place = placeOf.get(name);
      if (place === undefined) return undefined;
      places.set(name, place);
    }
    return { slabs, places };
  }

  return { add, pixelsOf };
}

/** A view of one cached image, `[height, width]`. */
export function cachedImage(
  { slabs, places }: CachedPixels,
  { name, width, height }: DatasetImage,
): GreyImage {
  const place = places.get(name);
  const slab = place && slabs[place.slab];
  if (slab === undefined) throw new RangeError(`${name}: the image is not cached`);
  return { data: new Uint8Array(slab, place?.offset, width * height), width, height };
}

/**
 * Calls `use` with the image at an index and resolves to its result. The image may be evicted right after
 * `use` returns: a batch that requests hundreds of images gets them one after another, and concurrent
 * requests for the same image share one read.
 */
type PixelReader = <T>(index: number, use: (image: GreyImage) => T) => Promise<T>;

interface PixelSource {
  readonly images: readonly DatasetImage[];
  /** The cache of the images. */
  readonly pixels: CachedPixels | undefined;
  /**
   * Memory for images that are not in the shared cache: decoded ones and those being decoded. One image is
   * always allowed.
   */
  readonly cacheBytes: number;
  readonly maxImagePixels?: number | undefined;
}

export function pixelReader({
  images,
  pixels,
  cacheBytes,
  maxImagePixels: maxPixels = defaultMaxImagePixels,
}: PixelSource): PixelReader {
  const imageAt = (index: number): DatasetImage => {
    const image = images[index];
    if (image === undefined)
      throw new RangeError(`expected an image index below ${images.length}, got ${index}`);
    return image;
  };
  if (pixels !== undefined) return async (index, use) => use(cachedImage(pixels, imageAt(index)));
  return leastRecentlyUsed(
    (index) => readPixels(imageAt(index), { maxPixels }),
    (index) => imageAt(index).width * imageAt(index).height,
    cacheBytes,
  );
}

/**
 * Decodes or draws one image.
 * Errors: as `readImageFile` and `decodeImage`; `image-damaged` if its size has changed since it was checked.
 */
async function readPixels(
  { name: path, source, width, height }: DatasetImage,
  limits: DecodeLimits,
): Promise<GreyImage> {
  const name = oneLine(path);
  if (source.kind === 'generated') return drawGeneratedImage(source.texture, source.index);
  const image = await decodeImage(await readImageFile(source.path, name), name, limits);
  if (image.width === width && image.height === height) return image;
  throw new TexturaError(
    'image-damaged',
    `${name}: the file has changed since it was checked: it was ${width}x${height}, now ${image.width}x${image.height}`,
  );
}

/** As many as libuv has threads. Each read holds a file open. */
const concurrentReads = 4;

interface Waiter {
  take(image: GreyImage): void;
  fail(error: unknown): void;
}

/** An LRU cache that also evicts images to make room for decoding. Failed reads are not cached. */
function leastRecentlyUsed(
  read: (index: number) => Promise<GreyImage>,
  pixelsAt: (index: number) => number,
  budgetBytes: number,
): PixelReader {
  const room = new ByteRoom(budgetBytes, concurrentReads);
  const cached = new Map<number, GreyImage>();
  const waiting = new Map<number, Waiter[]>();
  let cachedBytes = 0;

  function evict(): void {
    for (const [oldest, { data }] of cached) {
      if (cachedBytes + room.takenBytes <= budgetBytes) return;
      cached.delete(oldest);
      cachedBytes -= data.length;
    }
  }

  /** The image replaces the memory that decoding it has reserved, which is more. */
  function store(index: number, image: GreyImage, decodingBytes: number): void {
    const { length } = image.data;
    if (cachedBytes + room.takenBytes - decodingBytes + length > budgetBytes) return;
    cached.set(index, image);
    cachedBytes += length;
  }

  function waitersFor(index: number): readonly Waiter[] {
    const waiters = waiting.get(index) ?? [];
    waiting.delete(index);
    return waiters;
  }

  async function serve(index: number): Promise<void> {
    const bytes = decodingBytesPerPixel * pixelsAt(index);
    try {
      await room.while(bytes, async () => {
        evict();
        const image = await read(index);
        store(index, image, bytes);
        for (const { take } of waitersFor(index)) take(image);
      });
    } catch (error) {
      for (const { fail } of waitersFor(index)) fail(error);
    }
  }

  return async (index, use) => {
    const known = cached.get(index);
    if (known !== undefined) {
      cached.delete(index);
      cached.set(index, known);
      return use(known);
    }
    return new Promise((resolve, fail) => {
      const take = (image: GreyImage) => {
        try {
          resolve(use(image));
        } catch (error) {
          fail(error);
        }
      };
      const others = waiting.get(index);
      if (others !== undefined) {
        others.push({ take, fail });
        return;
      }
      waiting.set(index, [{ take, fail }]);
      void serve(index);
    });
  };
}
