/**
 * Images' grey levels on demand: from the shared cache where it holds them, else decoded or drawn again, with the ones used
 * last kept within a budget. Works in any thread.
 */
import { TexturaError } from '../../model/error.ts';
import type { GreyImage } from '../../model/image.ts';
import { oneLine } from '../../model/words.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { readImageFile } from '../../node/image-file.ts';
import type { DatasetImage } from './dataset-image.ts';
import { drawGeneratedImage } from './generated.ts';
import { type CachedPixels, cachedImage } from './pixel-cache.ts';

/** The grey levels of the image at an index. */
export type PixelReader = (index: number) => Promise<GreyImage>;

/** Reads `images`, of which `pixels` is the cache in the same order; without one, `budgetBytes` bounds what is kept. */
export function pixelReader(
  images: readonly DatasetImage[],
  pixels: CachedPixels | undefined,
  budgetBytes: number,
): PixelReader {
  const imageAt = (index: number): DatasetImage => {
    const image = images[index];
    if (image === undefined)
      throw new RangeError(`expected an image index below ${images.length}, got ${index}`);
    return image;
  };
  if (pixels !== undefined) return async (index) => cachedImage(pixels, index, imageAt(index));
  return keepLastUsed(
    (index) => readPixels(imageAt(index)),
    (index) => bytesOf(imageAt(index)),
    budgetBytes,
  );
}

/**
 * Decodes or draws one image.
 * Errors: as `readImageFile` and `decodeImage`; `image-damaged` where the size is no longer the one that was checked.
 */
export async function readPixels({ name: path, source, width, height }: DatasetImage): Promise<GreyImage> {
  const name = oneLine(path);
  if (source.kind === 'generated') return drawGeneratedImage(source.texture, source.index);
  const image = await decodeImage(await readImageFile(source.path, name), name);
  if (image.width === width && image.height === height) return image;
  throw new TexturaError(
    'image-damaged',
    `${name}: expected ${width}x${height} as when it was checked, got ${image.width}x${image.height}`,
  );
}

function bytesOf({ width, height }: DatasetImage): number {
  return width * height;
}

/** Least recently used first out. A read under way is shared by all who ask; one that failed is forgotten. */
function keepLastUsed(
  read: (index: number) => Promise<GreyImage>,
  bytesAt: (index: number) => number,
  budgetBytes: number,
): PixelReader {
  const kept = new Map<number, Promise<GreyImage>>();
  let keptBytes = 0;

  function forget(index: number): void {
    if (kept.delete(index)) keptBytes -= bytesAt(index);
  }

  function makeRoom(): void {
    for (const oldest of kept.keys()) {
      if (keptBytes <= budgetBytes) return;
      forget(oldest);
    }
  }

  return (index) => {
    const known = kept.get(index);
    if (known !== undefined) {
      kept.delete(index);
      kept.set(index, known);
      return known;
    }
    const reading = read(index);
    kept.set(index, reading);
    keptBytes += bytesAt(index);
    reading.catch(() => {
      if (kept.get(index) === reading) forget(index);
    });
    makeRoom();
    return reading;
  };
}
