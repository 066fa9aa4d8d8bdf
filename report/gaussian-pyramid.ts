/** The paper's figure 6: an image at halving resolutions, as pooling would have the network see it. */
import type { GreyImage } from '../model/image.ts';

/** Burt and Adelson, "The Laplacian pyramid as a compact image code" (1983), with a = 3/8: the binomial kernel, in 16ths. */
const kernel = [1, 4, 6, 4, 1] as const;
const kernelSum = 16;

/** The image and its reductions, each half as wide and high (rounded up), down to sides of `smallestPx` or to `levels` in all. */
export function gaussianPyramid(image: GreyImage, levels: number, smallestPx = 8): readonly GreyImage[] {
  const pyramid = [image];
  for (let top = image; pyramid.length < levels; ) {
    top = reduced(top);
    if (Math.min(top.width, top.height) < smallestPx) break;
    pyramid.push(top);
  }
  return pyramid;
}

/** REDUCE: the 5x5 binomial average at every second pixel, edges mirrored about the outermost pixel, rounded half up. */
export function reduced({ data, width, height }: GreyImage): GreyImage {
  const halfWidth = Math.ceil(width / 2);
  const halfHeight = Math.ceil(height / 2);
  const rows = new Uint16Array(halfWidth * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < halfWidth; x++) rows[at++] = weighted(data, y * width, 1, 2 * x, width);
  }
  const half = new Uint8Array(halfWidth * halfHeight);
  const total = kernelSum * kernelSum;
  for (let y = 0, at = 0; y < halfHeight; y++) {
    for (let x = 0; x < halfWidth; x++) {
      half[at++] = Math.floor((weighted(rows, x, halfWidth, 2 * y, height) + total / 2) / total);
    }
  }
  return { data: half, width: halfWidth, height: halfHeight };
}

/** Kernel-weighted sum around place `centre` of a line of `length` values that starts at `start`. */
function weighted(
  values: Uint8Array | Uint16Array,
  start: number,
  stride: number,
  centre: number,
  length: number,
): number {
  let sum = 0;
  for (let k = 0; k < kernel.length; k++) {
    const place = mirrored(centre + k - 2, length);
    sum += (kernel[k] as number) * (values[start + place * stride] as number);
  }
  return sum;
}

function mirrored(place: number, length: number): number {
  if (length === 1) return 0;
  const folded = Math.abs(place) % (2 * (length - 1));
  return Math.min(folded, 2 * (length - 1) - folded);
}
