/**
 * Images' grey levels on demand: from the shared cache where it holds them, else decoded or drawn again, with
 * the ones used last kept. What is decoded and what is kept share one budget of memory. Works in any thread.
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
import { type CachedPixels, cachedImage } from './pixel-cache.ts';

/**
 * Calls `use` with the image at an index and gives what it returns. The image may be gone from memory
 * afterwards: a batch that asks for hundreds at once gets them one after another, and all who ask for the
 * same one share a read.
 */
export type PixelReader = <T>(index: number, use: (image: GreyImage) => T) => Promise<T>;

export interface PixelSource {
  readonly images: readonly DatasetImage[];
  /** The cache of the images, in the same order. */
  readonly pixels: CachedPixels | undefined;
  /**
   * Memory for images that are not cached, decoded ones and those being decoded together. One image is always
   * decoded.
   */
  readonly cacheBytes: number;
  readonly maxImagePixels?: number;
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
  if (pixels !== undefined) return async (index, use) => use(cachedImage(pixels, index, imageAt(index)));
  return keepLastUsed(
    (index) => readPixels(imageAt(index), { maxPixels }),
    (index) => imageAt(index).width * imageAt(index).height,
    cacheBytes,
  );
}

/**
 * Decodes or draws one image.
 * Errors: as `readImageFile` and `decodeImage`; `image-damaged` where the size is no longer the one that was checked.
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
    `${name}: expected ${width}x${height} as when it was checked, got ${image.width}x${image.height}`,
  );
}

/** As many as libuv has threads; each holds a file open. */
const mostReads = 4;

interface Waiter {
  take(image: GreyImage): void;
  fail(error: unknown): void;
}

/** Least recently used first out, and whatever a read needs the room of. A read that failed is forgotten. */
function keepLastUsed(
  read: (index: number) => Promise<GreyImage>,
  pixelsAt: (index: number) => number,
  budgetBytes: number,
): PixelReader {
  const room = new ByteRoom(budgetBytes, mostReads);
  const kept = new Map<number, GreyImage>();
  const waiting = new Map<number, Waiter[]>();
  let keptBytes = 0;

  function makeRoom(): void {
    for (const [oldest, { data }] of kept) {
      if (keptBytes + room.takenBytes <= budgetBytes) return;
      kept.delete(oldest);
      keptBytes -= data.length;
    }
  }

  /** In place of the room that decoding it has taken, which is more. */
  function keep(index: number, image: GreyImage, decodingBytes: number): void {
    const { length } = image.data;
    if (keptBytes + room.takenBytes - decodingBytes + length > budgetBytes) return;
    kept.set(index, image);
    keptBytes += length;
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
        makeRoom();
        const image = await read(index);
        keep(index, image, bytes);
        for (const { take } of waitersFor(index)) take(image);
      });
    } catch (error) {
      for (const { fail } of waitersFor(index)) fail(error);
    }
  }

  return async (index, use) => {
    const known = kept.get(index);
    if (known !== undefined) {
      kept.delete(index);
      kept.set(index, known);
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
