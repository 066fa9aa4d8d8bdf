/**
 * What a heat map needs from the picture, and what it says about it: scaling, classes of positions, shares of
 * classes.
 */
import type { GreyImage } from '../../../model/image.ts';
import { cutPatch, inputPx } from '../../../model/patch.ts';
import type { HeatMap } from '../../shared/inference-api.ts';

/** A heat map of more pixels takes more than a second on one thread. */
const maxPixels = 640 * 480;

/**
 * The side in picture pixels that becomes 64 in the scaled picture: the square's, or larger for a large
 * picture.
 */
export function slidingSidePx({ width, height }: { width: number; height: number }, sidePx: number): number {
  const least = Math.ceil(inputPx * Math.sqrt((width * height) / maxPixels));
  return Math.min(Math.max(sidePx, least), width, height);
}

/**
 * Scales a picture so that `sidePx` pixels become 64, tile by tile, averaged as `model/` averages a patch.
 * The last tiles of a row and a column overlap their neighbours; their position is correct to half a pixel.
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

/** Starts of the tiles that cover a length; the last one ends with it. */
function tileStarts(length: number, sidePx: number): readonly number[] {
  const count = Math.ceil(length / sidePx);
  return Array.from({ length: count }, (_, i) => Math.min(i * sidePx, length - sidePx));
}

/**
 * The most likely class of each position, `[rows x columns]`; the index after the last class where the picture
 * shows none of them.
 */
export function likeliestClasses({ probabilities, rows, columns }: HeatMap): Uint16Array {
  const positions = rows * columns;
  const classes = probabilities.length / positions;
  const likeliest = new Uint16Array(positions);
  for (let position = 0; position < positions; position++) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (
        (probabilities[c * positions + position] as number) >
        (probabilities[best * positions + position] as number)
      ) {
        best = c;
      }
    }
    likeliest[position] = probabilities[best * positions + position] === 0 ? classes : best;
  }
  return likeliest;
}

interface ClassShare {
  readonly index: number;
  /** Share of the positions, 0..1. */
  readonly share: number;
}

/** Classes that are the most likely ones at some position, by decreasing share. */
export function classShares(likeliest: Uint16Array): readonly ClassShare[] {
  const counts = new Map<number, number>();
  for (const index of likeliest) counts.set(index, (counts.get(index) ?? 0) + 1);
  return [...counts]
    .map(([index, count]) => ({ index, share: count / likeliest.length }))
    .sort((a, b) => b.share - a.share || a.index - b.index);
}

interface ListedShares {
  readonly listed: readonly ClassShare[];
  /** The classes that are not listed. */
  readonly others: { readonly count: number; readonly share: number };
}

/** The `rows` classes with the largest shares, and that of the square, wherever it comes. */
export function listedShares(likeliest: Uint16Array, atSquare: number, rows: number): ListedShares {
  const all = classShares(likeliest);
  const listed = all.filter(({ index }, i) => i < rows || index === atSquare);
  const share = 1 - listed.reduce((sum, next) => sum + next.share, 0);
  return { listed, others: { count: all.length - listed.length, share } };
}

/** The position whose square is nearest to the one at (`x`, `y`) of the scaled picture. */
export function nearestPosition({ rows, columns, stridePx }: HeatMap, x: number, y: number): number {
  const nearest = (px: number, count: number) => Math.min(Math.max(Math.round(px / stridePx), 0), count - 1);
  return nearest(y, rows) * columns + nearest(x, columns);
}
