/**
 * Finds photographs that show the same picture: copies that were scaled, compressed again or made brighter.
 * On two sides of a split they make the validation error too low; with two labels, one of them is wrong.
 */
import { groupBy } from '../../model/group-by.ts';
import type { GreyImage } from '../../model/image.ts';
import { meanOf } from '../../model/statistics/descriptive.ts';

/** What two copies of a picture have in common. */
export interface PictureFingerprint {
  /** 64 bits: which low frequencies are above their median (the perceptual hash of Zauner 2010). */
  readonly hash: Uint32Array;
  /** `[32,32]` mean grey levels, with mean 0 and deviation 1, times 32. */
  readonly thumbnail: Int8Array;
  /** Deviation of the mean grey levels; a picture without any says nothing. */
  readonly deviation: number;
}

const sidePx = 32;
const hashSide = 8;
const thumbnailScale = 32;

/** `[8,32]`: cosines of the frequencies 1 to 8, as a discrete cosine transform has them. */
const cosines = Float64Array.from({ length: hashSide * sidePx }, (_, i) =>
  Math.cos((Math.PI / sidePx) * ((i % sidePx) + 0.5) * (Math.floor(i / sidePx) + 1)),
);

export function pictureFingerprint(image: GreyImage): PictureFingerprint {
  const grey = meansOfCells(image);
  const mean = meanOf(grey);
  const deviation = Math.sqrt(grey.reduce((sum, value) => sum + (value - mean) ** 2, 0) / grey.length);
  const thumbnail = Int8Array.from(grey, (value) =>
    Math.max(-127, Math.min(127, Math.round((thumbnailScale * (value - mean)) / (deviation || 1)))),
  );
  return { hash: hashOf(grey), thumbnail, deviation };
}

/**
 * Mean grey levels of 32x32 cells of equal size, whatever the aspect ratio. A pixel on the edge of a cell counts
 * by its share, so that a scaled copy has the same means.
 */
function meansOfCells({ data, width, height }: GreyImage): Float64Array {
  const cells = new Float64Array(sidePx * sidePx);
  const sums = new Float64Array(width + 1);
  const cellPx = width / sidePx;
  /** The sum of the row up to a position between or inside pixels. */
  const sumTo = (position: number, row: number) => {
    const pixel = Math.min(width - 1, Math.floor(position));
    return (sums[pixel] as number) + (position - pixel) * (data[row * width + pixel] as number);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) sums[x + 1] = (sums[x] as number) + (data[y * width + x] as number);
    // In cells, the row covers [top, bottom).
    const [top, bottom] = [(y * sidePx) / height, ((y + 1) * sidePx) / height];
    for (let row = Math.floor(top); row < bottom && row < sidePx; row++) {
      const share = (Math.min(bottom, row + 1) - Math.max(top, row)) / cellPx;
      for (let column = 0; column < sidePx; column++) {
        const sum = sumTo((column + 1) * cellPx, y) - sumTo(column * cellPx, y);
        const at = row * sidePx + column;
        cells[at] = (cells[at] as number) + share * sum;
      }
    }
  }
  return cells;
}

function hashOf(grey: Float64Array): Uint32Array {
  const rows = new Float64Array(sidePx * hashSide);
  for (let y = 0; y < sidePx; y++) {
    for (let u = 0; u < hashSide; u++) {
      let sum = 0;
      for (let x = 0; x < sidePx; x++)
        sum += (grey[y * sidePx + x] as number) * (cosines[u * sidePx + x] as number);
      rows[y * hashSide + u] = sum;
    }
  }
  const coefficients = new Float64Array(hashSide * hashSide);
  for (let v = 0; v < hashSide; v++) {
    for (let u = 0; u < hashSide; u++) {
      let sum = 0;
      for (let y = 0; y < sidePx; y++)
        sum += (rows[y * hashSide + u] as number) * (cosines[v * sidePx + y] as number);
      coefficients[v * hashSide + u] = sum;
    }
  }
  const sorted = coefficients.toSorted();
  const median = ((sorted[31] as number) + (sorted[32] as number)) / 2;
  const hash = new Uint32Array(2);
  coefficients.forEach((value, bit) => {
    if (value > median) hash[bit >> 5] = ((hash[bit >> 5] as number) | (1 << (bit & 31))) >>> 0;
  });
  return hash;
}

/** Hashes of copies differ in few bits, those of different pictures in 32 on average. */
const mostDifferentBits = 16;
/** Of the thumbnails. */
const leastCorrelation = 0.9;
/** In grey levels. Below, thumbnails are mostly rounding. */
const leastDeviation = 0.5;

interface NearDuplicates {
  /** Indices of the photographs that show one picture, two or more. */
  readonly photographs: readonly number[];
  /** Lowest correlation of the thumbnails of neighbours in the set, 0.9 to 1. */
  readonly similarity: number;
}

/** Sets of photographs that show the same picture, in the order of their first photograph. */
export function nearDuplicates(fingerprints: readonly PictureFingerprint[]): readonly NearDuplicates[] {
  const count = fingerprints.length;
  const hashes = new Uint32Array(2 * count);
  fingerprints.forEach(({ hash }, i) => {
    hashes.set(hash, 2 * i);
  });
  const root = Int32Array.from({ length: count }, (_, i) => i);
  const rootOf = (i: number): number => {
    let at = i;
    while (root[at] !== at) at = root[at] as number;
    return at;
  };
  const similarities = new Map<number, number>();
  for (let a = 0; a < count; a++) {
    const [low, high] = [hashes[2 * a] as number, hashes[2 * a + 1] as number];
    for (let b = a + 1; b < count; b++) {
      const bits = bitCount(low ^ (hashes[2 * b] as number)) + bitCount(high ^ (hashes[2 * b + 1] as number));
      if (bits > mostDifferentBits) continue;
      const similarity = correlation(
        fingerprints[a] as PictureFingerprint,
        fingerprints[b] as PictureFingerprint,
      );
      if (similarity < leastCorrelation) continue;
      const [first, second] = [rootOf(a), rootOf(b)];
      const lowest = Math.min(similarity, similarities.get(first) ?? 1, similarities.get(second) ?? 1);
      root[Math.max(first, second)] = Math.min(first, second);
      similarities.set(Math.min(first, second), lowest);
    }
  }
  const sets = groupBy(root.keys(), rootOf);
  return [...sets]
    .filter(([, photographs]) => photographs.length > 1)
    .map(([first, photographs]) => ({ photographs, similarity: similarities.get(first) ?? 1 }));
}

function bitCount(bits: number): number {
  let v = bits - ((bits >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

function correlation(a: PictureFingerprint, b: PictureFingerprint): number {
  if (a.deviation < leastDeviation || b.deviation < leastDeviation) return 0;
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.thumbnail.length; i++) {
    const [x, y] = [a.thumbnail[i] as number, b.thumbnail[i] as number];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}
