/** Cuts a decoded image into patches; in the pool's threads and, for small PNGs, in the main thread. */
import { TexturaError } from '../../model/error.ts';
import type { GreyImage } from '../../model/image.ts';
import { type CropChoice, classifiedPatches } from '../../model/patch.ts';

/** An image file and how to cut it. */
export interface Preparation {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The image's name in messages. */
  readonly name: string;
  readonly patchPx: number;
  readonly crops: CropChoice;
  readonly maxPixels: number;
}

/** Patches `[count,64,64]`, grey 0..255. Errors: `image-too-small`, naming the image. */
export function cutImage(
  image: GreyImage,
  { name, patchPx, crops }: Pick<Preparation, 'name' | 'patchPx' | 'crops'>,
): Uint8Array<ArrayBuffer> {
  try {
    return classifiedPatches(image, patchPx, crops);
  } catch (error) {
    if (!(error instanceof TexturaError)) throw error;
    throw new TexturaError(error.code, `${name}: ${error.message}`, { cause: error });
  }
}
