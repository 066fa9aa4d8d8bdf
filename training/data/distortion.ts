/**
 * The distortion of the `strong` augmentation: a patch from anywhere in the photograph at a random scale and
 * rotation, mirrored half of the time, with a random gamma. It samples the photograph itself, so a rotated
 * patch has no empty corners.
 *
 * Each pixel of the patch is the mean of as many bilinear samples as an undistorted patch needs for the area
 * average of `cutPatch`: one if `patchPx` is 64. A window that is larger by its random scale does not get
 * more. More would attenuate detail that aliases, but interpolation already makes distorted patches blurrier
 * than those of an evaluation, which are neither rotated nor scaled: on UIUC, with samples for the scaled
 * window the error of patches was higher by about a fifth (docs/trials.md).
 */
import type { GreyImage } from '../../model/image.ts';
import { type ImageSize, inputPx, type Patch, type PatchPosition, patchBytes } from '../../model/patch.ts';
import type { RandomStream } from '../../model/random.ts';

export interface Distortion {
  /** Full turns, clockwise. */
  readonly turns: number;
  /**
   * Side of the source window relative to `patchPx`: above 1, the patch shows more of the photograph,
   * smaller.
   */
  readonly scale: number;
  /** Left and right exchanged; together with the rotation this gives every flip. */
  readonly mirrored: boolean;
  /** Exponent on grey levels of 0..1. */
  readonly gamma: number;
}

const scaleRange = { least: 0.65, most: 1.5 } as const;
const largestLogGamma = 0.35;

/** Any rotation; scale 0.65..1.5 and gamma exp(-0.35..0.35), both log-uniform. */
export function drawDistortion(random: RandomStream): Distortion {
  return {
    turns: random.uniform(),
    scale: Math.exp(random.between(Math.log(scaleRange.least), Math.log(scaleRange.most))),
    mirrored: random.uniform() < 0.5,
    gamma: Math.exp(random.between(-largestLogGamma, largestLogGamma)),
  };
}

/** A place in an image in pixels, from the upper left corner of the first pixel. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The centre of the distorted window, uniform over all places where the window is inside the image. In a
 * direction in which it never is, the window is centred. `position` is the uniform position of a plain patch
 * and `fraction` a uniform point of 0..1 within its pixel; the distorted patch lies where the plain one does,
 * as far as it fits.
 */
export function windowCentre(
  { width, height }: ImageSize,
  position: PatchPosition,
  fraction: Point,
  patchPx: number,
  { turns, scale }: Distortion,
): Point {
  const angle = 2 * Math.PI * turns;
  const reach = (patchPx / 2) * scale * (Math.abs(Math.cos(angle)) + Math.abs(Math.sin(angle)));
  const along = (size: number, place: number) => {
    const margin = Math.min(reach, size / 2);
    return margin + (place / (size - patchPx + 1)) * (size - 2 * margin);
  };
  return { x: along(width, position.x + fraction.x), y: along(height, position.y + fraction.y) };
}

/**
 * `[64,64]` grey levels of the window around `centre`. Beyond the edges of the image, the window shows its
 * mirror image. Without distortion, the result equals that of `cutPatch` if `patchPx` is a multiple of 64.
 */
export function distortPatch(
  image: GreyImage,
  centre: Point,
  patchPx: number,
  distortion: Distortion,
): Patch {
  const grid = gridOf(centre, patchPx, distortion);
  return samplesOf(windowOnto(image, grid), grid, toneCurve(distortion.gamma));
}

/** The sample grid: (x, y) + column * (acrossX, acrossY) + row * (downX, downY), in pixels from an origin. */
interface SampleGrid {
  /** The origin as a pixel of the image. No sample lies left of it or above it. */
  readonly left: number;
  readonly top: number;
  /** Size in pixels of the area that the samples are interpolated from. */
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
  readonly acrossX: number;
  readonly acrossY: number;
  readonly downX: number;
  readonly downY: number;
  /** Samples per pixel of the patch, in each direction. */
  readonly perPixel: number;
}

function gridOf(centre: Point, patchPx: number, { turns, scale, mirrored }: Distortion): SampleGrid {
  const sidePx = patchPx * scale;
  const perPixel = Math.ceil(patchPx / inputPx);
  const last = inputPx * perPixel - 1;
  const step = sidePx / (last + 1);
  const downX = step * Math.sin(2 * Math.PI * turns);
  const downY = step * Math.cos(2 * Math.PI * turns);
  const acrossX = mirrored ? -downY : downY;
  const acrossY = mirrored ? downX : -downX;
  // The index of a pixel is half a pixel less than the coordinate of its centre.
  const startX = centre.x - 0.5 - (last / 2) * (acrossX + downX);
  const startY = centre.y - 0.5 - (last / 2) * (acrossY + downY);
  const [left, width] = extent(startX, last * acrossX, last * downX);
  const [top, height] = extent(startY, last * acrossY, last * downY);
  return {
    left,
    top,
    width,
    height,
    x: startX - left,
    y: startY - top,
    acrossX,
    acrossY,
    downX,
    downY,
    perPixel,
  };
}

/**
 * First pixel and number of pixels of a parallelogram in one direction, including the neighbours for
 * interpolation. The tolerance covers the rounding errors of coordinates that are sums of steps.
 */
function extent(start: number, across: number, down: number): readonly [first: number, count: number] {
  const first = Math.floor(start + Math.min(0, across) + Math.min(0, down) - 1e-6);
  const last = Math.floor(start + Math.max(0, across) + Math.max(0, down) + 1e-6) + 1;
  return [first, last - first + 1];
}

interface Window {
  readonly data: Uint8Array;
  /** Bytes from row to row. */
  readonly stride: number;
  /** Index of the grid's origin in the data. */
  readonly origin: number;
}

/**
 * The pixels of a grid: the image itself, or a copy with its mirror images if the grid extends beyond its
 * edges.
 */
function windowOnto({ data, width, height }: GreyImage, grid: SampleGrid): Window {
  const { left, top } = grid;
  if (left >= 0 && top >= 0 && left + grid.width <= width && top + grid.height <= height) {
    return { data, stride: width, origin: top * width + left };
  }
  const columns = mirroredIndices(left, grid.width, width);
  const rows = mirroredIndices(top, grid.height, height);
  const copy = new Uint8Array(grid.width * grid.height);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) copy[at++] = data[row * width + column] as number;
  }
  return { data: copy, stride: grid.width, origin: 0 };
}

/** `count` indices from `first`, mirrored into 0..size-1: ... 1 0 0 1 ... size-1 size-1 size-2 ... */
function mirroredIndices(first: number, count: number, size: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => {
    const place = (((first + i) % (2 * size)) + 2 * size) % (2 * size);
    return place < size ? place : 2 * size - 1 - place;
  });
}

function samplesOf({ data, stride, origin }: Window, grid: SampleGrid, curve: Float64Array): Patch {
  const { perPixel, acrossX, acrossY, downX, downY } = grid;
  const share = 1 / (perPixel * perPixel);
  const sums = new Float64Array(inputPx);
  const patch = new Uint8Array(patchBytes);
  for (let row = 0, at = 0; row < inputPx; row++) {
    sums.fill(0);
    for (let sampleRow = row * perPixel; sampleRow < (row + 1) * perPixel; sampleRow++) {
      let x = grid.x + sampleRow * downX;
      let y = grid.y + sampleRow * downY;
      for (let column = 0; column < inputPx; column++) {
        let sum = 0;
        for (let sample = 0; sample < perPixel; sample++) {
          // Bilinear. Coordinates are positive, so truncation is the floor.
          const pixelX = x | 0;
          const pixelY = y | 0;
          const dx = x - pixelX;
          const from = origin + pixelY * stride + pixelX;
          const above = data[from] as number;
          const below = data[from + stride] as number;
          const north = above + dx * ((data[from + 1] as number) - above);
          const south = below + dx * ((data[from + stride + 1] as number) - below);
          sum += north + (y - pixelY) * (south - north);
          x += acrossX;
          y += acrossY;
        }
        sums[column] = (sums[column] as number) + sum;
      }
    }
    for (let column = 0; column < inputPx; column++) {
      const level = (sums[column] as number) * share;
      const whole = level | 0;
      const low = curve[whole] as number;
      const toned = low + (level - whole) * ((curve[whole + 1] as number) - low);
      // Half up, as in `cutPatch`; the tolerance covers rounding errors.
      patch[at++] = (toned + 0.5 + 1e-9) | 0;
    }
  }
  return patch;
}

/**
 * The level that each of the 256 levels becomes; the last one twice, because levels in between are
 * interpolated.
 */
function toneCurve(gamma: number): Float64Array {
  const curve = new Float64Array(257);
  for (let level = 0; level < 257; level++) {
    const bounded = Math.min(level, 255);
    curve[level] = gamma === 1 ? bounded : 255 * (bounded / 255) ** gamma;
  }
  return curve;
}
