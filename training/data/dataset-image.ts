/** The record of an image in a dataset: plain data, so that worker threads can receive it. */
import type { TextureName } from '../../textures/textures.ts';

/** Where an image's pixels come from. */
type ImageSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'generated'; readonly texture: TextureName; readonly index: number };

export interface DatasetImage {
  /** For messages: the path relative to the data folder, or the generated image's name. */
  readonly name: string;
  readonly source: ImageSource;
  /** Index into the dataset's labels. */
  readonly label: number;
  readonly width: number;
  readonly height: number;
  /** Mean of its grey levels, 0..255. */
  readonly meanGrey: number;
  /** SHA-256 of the file's bytes (of the grey levels, if the image is generated), hexadecimal. */
  readonly contentHash: string;
}

/** Mean grey level of all pixels of the images, 0..255. */
export function meanGreyOf(images: readonly DatasetImage[]): number {
  const pixels = ({ width, height }: DatasetImage) => width * height;
  const sum = images.reduce((total, image) => total + image.meanGrey * pixels(image), 0);
  return sum / images.reduce((total, image) => total + pixels(image), 0);
}
