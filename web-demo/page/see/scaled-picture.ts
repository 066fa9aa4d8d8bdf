/** A whole picture at the scale of patches: what takes `sidePx` pixels there takes 64 here, averaged as `model/` averages a patch. */
import type { GreyImage } from '../../../model/image.ts';
import { inputPx } from '../../../model/network.ts';
import { cutPatch } from '../../../model/patch.ts';

/** More pixels than these take a second and more to slide over on one thread. */
const mostPixels = 640 * 480;

/** The side at which the picture is slid over: the square's, or larger where the picture would be too large. */
export function slidingSidePx({ width, height }: { width: number; height: number }, sidePx: number): number {
  const least = Math.ceil(inputPx * Math.sqrt((width * height) / mostPixels));
  return Math.min(Math.max(sidePx, least), width, height);
}

/**
 * Puts the picture together from patches beside each other. The last ones of a row and a column are cut at the edge and overlap their
 * neighbours; they lie where they belong to half a pixel.
 */
export function scaledPicture(image: GreyImage, sidePx: number): GreyImage {
  if (sidePx === inputPx) return image;
  const scaled = (length: number) => Math.max(inputPx, Math.round((length * inputPx) / sidePx));
  const [width, height] = [scaled(image.width), scaled(image.height)];
  const data = new Uint8Array(width * height);
  for (const y of tileStarts(image.height, sidePx)) {
    for (const x of tileStarts(image.width, sidePx)) {
      const patch = cutPatch(image, { x, y }, sidePx);
      const left = Math.min(Math.round((x * inputPx) / sidePx), width - inputPx);
      const top = Math.min(Math.round((y * inputPx) / sidePx), height - inputPx);
      for (let row = 0; row < inputPx; row++) {
        data.set(patch.subarray(row * inputPx, (row + 1) * inputPx), (top + row) * width + left);
      }
    }
  }
  return { data, width, height };
}

/** Where tiles begin that cover a length; the last one ends with it. */
function tileStarts(length: number, sidePx: number): readonly number[] {
  const count = Math.ceil(length / sidePx);
  return Array.from({ length: count }, (_, i) => Math.min(i * sidePx, length - sidePx));
}
