/** A decoded image cut into the patches that are computed. */
import { TexturaError } from '../../model/error.ts';
import type { GreyImage } from '../../model/image.ts';
import type { CropChoice } from '../../model/service.ts';
import { classifiedPatches } from '../classification.ts';

/** An image file and how it is to be cut. */
export interface Preparation {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What messages call the image. */
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
