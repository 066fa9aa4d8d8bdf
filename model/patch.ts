/**
 * Patches: squares of `patchPx` source pixels, area-averaged to the 64x64 grey levels that a network reads.
 * Training takes them at random positions; evaluation and classification use the fixed grid of this module.
 */
import { TexturaError } from './error.ts';
import type { GreyImage } from './image.ts';

/** Side of the square patch that every network reads, in pixels. */
export const inputPx = 64;

/** Grey levels of one patch: 64 x 64, row-major, 0..255. */
export type Patch = Uint8Array;
export const patchBytes = inputPx * inputPx;

/** Patches `[count,64,64]`, with the class index of each. */
export interface Batch {
  readonly patches: Uint8Array;
  readonly labels: Int32Array;
}

/** Upper left corner of a patch in its image, in pixels. */
export interface PatchPosition {
  readonly x: number;
  readonly y: number;
}

/** Smallest `patchPx`. Smaller patches would consist mostly of interpolated values. */
export const leastPatchPx = 16;

/** Most patches that the fixed grid takes from one image. */
export const gridLimit = 15;

/**
 * Cuts the square at (`x`, `y`) and averages it by area to 64x64, rounded half up; `patchPx` 64 copies. A
 * cell of the result covers patchPx / 64 source pixels per side; a source pixel that overlaps two cells is
 * weighted by its share in each. The sums are integers (shares in 64ths), so the result is exact.
 */
export function cutPatch(
  image: GreyImage,
  { x, y }: PatchPosition,
  patchPx: number,
  into = new Uint8Array(patchBytes),
): Patch {
  if (patchPx === inputPx) {
    // Copied pixel by pixel, because creating row views would cost more.
    for (let row = 0, at = 0; row < inputPx; row++) {
      const start = (y + row) * image.width + x;
      for (let column = 0; column < inputPx; column++) into[at++] = image.data[start + column] as number;
    }
    return into;
  }
  const cells = areaCells(patchPx);
  const total = patchPx * patchPx;
  cells.forEach((vertical, row) => {
    cells.forEach((horizontal, column) => {
      let sum = 0;
      for (const v of vertical) {
        const rowStart = (y + v.pixel) * image.width + x;
        for (const h of horizontal) sum += v.share * h.share * (image.data[rowStart + h.pixel] as number);
      }
      into[row * inputPx + column] = Math.floor((2 * sum + total) / (2 * total));
    });
  });
  return into;
}

/** The patches `[count,64,64]` at the positions of an image, cut as by `cutPatch`. */
export function cutPatches(
  image: GreyImage,
  positions: readonly PatchPosition[],
  patchPx: number,
): Uint8Array<ArrayBuffer> {
  const patches = new Uint8Array(positions.length * patchBytes);
  positions.forEach((position, i) => {
    cutPatch(image, position, patchPx, patches.subarray(i * patchBytes, (i + 1) * patchBytes));
  });
  return patches;
}

/** `auto`: the fixed grid; `center`: the centre patch. */
export const cropChoices = ['auto', 'center'] as const;
export type CropChoice = (typeof cropChoices)[number];

/** The patches `[count,64,64]` by which an image is classified. Errors: as `patchGrid`. */
export function classifiedPatches(
  image: GreyImage,
  patchPx: number,
  crops: CropChoice,
): Uint8Array<ArrayBuffer> {
  const { width, height } = image;
  const positions =
    crops === 'auto' ? patchGrid(width, height, patchPx) : [centrePatch(width, height, patchPx)];
  return cutPatches(image, positions, patchPx);
}

interface AreaShare {
  readonly pixel: number;
  /** Overlap of the pixel with the cell in 64ths of a pixel. The shares of a cell add up to patchPx. */
  readonly share: number;
}

const cellsBySize = new Map<number, readonly (readonly AreaShare[])[]>();

function areaCells(patchPx: number): readonly (readonly AreaShare[])[] {
  const known = cellsBySize.get(patchPx);
  if (known !== undefined) return known;
  // In 64ths of a source pixel, cell k covers k patchPx to (k + 1) patchPx, and pixel p 64 p to 64 (p + 1).
  const cells = Array.from({ length: inputPx }, (_, k) => {
    const [start, end] = [k * patchPx, (k + 1) * patchPx];
    const shares: AreaShare[] = [];
    for (let pixel = Math.floor(start / inputPx); pixel * inputPx < end; pixel++) {
      const share = Math.min(end, (pixel + 1) * inputPx) - Math.max(start, pixel * inputPx);
      shares.push({ pixel, share });
    }
    return shares;
  });
  cellsBySize.set(patchPx, cells);
  return cells;
}

/**
 * The fixed grid of an image: enough evenly spread patches to cover it, first and last at the edges, at most
 * 15 (the denser axis is reduced first); rows from the top, left to right. A 320x240 image with `patchPx` 64
 * has 5 x 3.
 * Errors: `image-too-small` if a side is shorter than `patchPx`.
 */
export function patchGrid(width: number, height: number, patchPx: number): readonly PatchPosition[] {
  checkSize(width, height, patchPx);
  let columns = Math.ceil(width / patchPx);
  let rows = Math.ceil(height / patchPx);
  while (columns * rows > gridLimit) {
    if (columns / width > rows / height && columns > 1) columns--;
    else if (rows > 1) rows--;
    else columns--;
  }
  const xs = evenlySpaced(width - patchPx, columns);
  const ys = evenlySpaced(height - patchPx, rows);
  return ys.flatMap((y) => xs.map((x) => ({ x, y })));
}

/** The centre patch of an image. Errors: as `patchGrid`. */
export function centrePatch(width: number, height: number, patchPx: number): PatchPosition {
  checkSize(width, height, patchPx);
  return { x: Math.floor((width - patchPx) / 2), y: Math.floor((height - patchPx) / 2) };
}

/** Whether an image is large enough for a patch; trainer, `classify`, service and page all use this rule. */
export function holdsPatch({ width, height }: ImageSize, patchPx: number): boolean {
  return Math.min(width, height) >= patchPx;
}

/** Advice for an image that is smaller than a patch: the largest `--patch-px` that works, if there is one. */
export function smallerPatchAdvice({ width, height }: ImageSize): string {
  const side = Math.min(width, height);
  return side < leastPatchPx
    ? `use a larger image (the smallest --patch-px is ${leastPatchPx})`
    : `--patch-px ${side} would fit`;
}

export type ImageSize = Pick<GreyImage, 'width' | 'height'>;

function checkSize(width: number, height: number, patchPx: number): void {
  if (holdsPatch({ width, height }, patchPx)) return;
  const side = Math.min(width, height);
  const remedy =
    side < leastPatchPx
      ? 'use a larger image'
      : `use a larger image, or a model trained with --patch-px ${side} or less`;
  throw new TexturaError(
    'image-too-small',
    `the image is ${width}x${height}; each side must have ${patchPx} pixels or more (one patch): ${remedy}`,
  );
}

/** `count` whole positions from 0 to `last`, evenly spaced; a single one is in the middle. */
function evenlySpaced(last: number, count: number): readonly number[] {
  if (count === 1) return [Math.floor(last / 2)];
  return Array.from({ length: count }, (_, i) => Math.round((i * last) / (count - 1)));
}
