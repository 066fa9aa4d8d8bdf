/**
 * Measures of a picture, and what is odd about the photographs of a folder: flat, clipped, blurred, or of an
 * unusual size.
 */
import { percent } from '../../model/format.ts';
import { groupBy } from '../../model/group-by.ts';
import type { GreyImage } from '../../model/image.ts';
import { type Oddity, oddityKinds } from '../../model/inspection-file.ts';
import { medianOf } from '../../model/statistics/descriptive.ts';
import { listed } from '../../model/words.ts';

interface PictureQuality {
  /** Standard deviation of the grey levels, 0..127.5. */
  readonly deviation: number;
  /** Shares of the pixels that are 0 and 255. */
  readonly blackShare: number;
  readonly whiteShare: number;
  /**
   * Natural logarithm of the energy of fine detail (the mean square of the Laplacian) relative to the variance
   * of the picture. It does not depend on contrast; blur and enlargement lower it. Undefined if one is 0.
   */
  readonly sharpness: number | undefined;
}

export function pictureQuality(image: GreyImage): PictureQuality {
  const { data } = image;
  const histogram = new Uint32Array(256);
  for (const level of data) histogram[level] = (histogram[level] as number) + 1;
  let [sum, squares] = [0, 0];
  histogram.forEach((count, level) => {
    sum += level * count;
    squares += level * level * count;
  });
  const mean = sum / data.length;
  const variance = squares / data.length - mean * mean;
  const detail = detailEnergy(image);
  return {
    deviation: Math.sqrt(Math.max(0, variance)),
    blackShare: (histogram[0] as number) / data.length,
    whiteShare: (histogram[255] as number) / data.length,
    sharpness: detail > 0 && variance > 0 ? Math.log(detail / variance) : undefined,
  };
}

/** Mean square of the Laplacian. */
function detailEnergy({ data, width, height }: GreyImage): number {
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * width + 1; i < (y + 1) * width - 1; i++) {
      const laplacian =
        (data[i - 1] as number) +
        (data[i + 1] as number) +
        (data[i - width] as number) +
        (data[i + width] as number) -
        4 * (data[i] as number);
      sum += laplacian * laplacian;
    }
  }
  return sum / ((width - 2) * (height - 2));
}

/** Below this deviation in grey levels a picture counts as flat. */
const flatDeviation = 3;
/** From this share of black or of white pixels on a picture counts as clipped. */
const clippedShare = 0.1;
/**
 * A photograph counts as blurred if its sharpness is below the median of its class by 3 times the typical
 * distance and by 1.5 (a factor of 4.5 in energy). Measured on half of UIUC and NEU, with one photograph of a
 * class blurred by a Gaussian of 2 pixels and compressed: 171 of 185 are found, and 1 of 555 others.
 */
const blurredDeviations = 3;
const leastBlur = 1.5;

/** Whether each photograph is blurred compared with the others of its class. */
export function areBlurred(
  qualities: readonly PictureQuality[],
  labels: readonly number[],
): readonly boolean[] {
  const blurred = qualities.map(() => false);
  for (const label of new Set(labels)) {
    const own = [...labels.keys()].filter(
      (i) => labels[i] === label && qualities[i]?.sharpness !== undefined,
    );
    const values = own.map((i) => qualities[i]?.sharpness ?? 0);
    const middle = medianOf(values);
    // Scaled to the standard deviation of a normal distribution.
    const typical = 1.4826 * medianOf(values.map((value) => Math.abs(value - middle)));
    const limit = middle - Math.max(leastBlur, blurredDeviations * typical);
    own.forEach((i, at) => {
      blurred[i] = own.length >= leastInClass && (values[at] ?? 0) < limit;
    });
  }
  return blurred;
}

/** With fewer photographs a class has no typical sharpness. */
const leastInClass = 5;

/** A photograph of the folder with its measures. */
export interface MeasuredPicture {
  readonly name: string;
  readonly label: string;
  /** Index of the label. */
  readonly classIndex: number;
  readonly width: number;
  readonly height: number;
  readonly quality: PictureQuality;
}

/** Whether a picture has no texture to learn from. */
export function isFlat(picture: MeasuredPicture | undefined): boolean {
  return picture !== undefined && picture.quality.deviation < flatDeviation;
}

/** In linear size, compared with the median. */
const unusualScale = 2;
const unusualAspect = 1.5;

/** What is odd about each photograph, by kind. */
export function odditiesOf(photographs: readonly MeasuredPicture[]): Oddity[] {
  const blurred = areBlurred(
    photographs.map(({ quality }) => quality),
    photographs.map(({ classIndex }) => classIndex),
  );
  const scaleOf = ({ width, height }: MeasuredPicture) => Math.sqrt(width * height);
  const aspectOf = ({ width, height }: MeasuredPicture) => Math.max(width, height) / Math.min(width, height);
  const typicalScale = medianOf(photographs.map(scaleOf));
  const typicalAspect = medianOf(photographs.map(aspectOf));
  const usual = usualSize(photographs);
  const isFar = (value: number, typical: number, factor: number) =>
    value >= factor * typical || value * factor <= typical;
  const found = photographs.flatMap((photograph, i): readonly Oddity[] => {
    const { name: file, label, width, height, quality } = photograph;
    const { deviation, blackShare, whiteShare } = quality;
    const of = (kind: Oddity['kind'], what: string): Oddity => ({ file, label, kind, what });
    const clipped = [
      ...(blackShare >= clippedShare ? [`${percent(blackShare)} black`] : []),
      ...(whiteShare >= clippedShare ? [`${percent(whiteShare)} white`] : []),
    ];
    const isUnusual =
      isFar(scaleOf(photograph), typicalScale, unusualScale) ||
      isFar(aspectOf(photograph), typicalAspect, unusualAspect);
    return [
      ...(isFlat(photograph) ? [of('flat', `grey levels deviate by ${deviation.toFixed(1)} of 255`)] : []),
      ...(clipped.length > 0 ? [of('clipped', clipped.join(', '))] : []),
      ...(blurred[i] && !isFlat(photograph) ? [of('blurred', 'much less fine detail than its class')] : []),
      ...(isUnusual ? [of('size', `${width}x${height}; ${usual} is usual`)] : []),
    ];
  });
  return found.sort((a, b) => oddityKinds.indexOf(a.kind) - oddityKinds.indexOf(b.kind));
}

function usualSize(photographs: readonly MeasuredPicture[]): string {
  const sizes = [...groupBy(photographs, ({ width, height }) => `${width}x${height}`)];
  return sizes.reduce((best, next) => (next[1].length > best[1].length ? next : best))[0];
}

/** A class whose photographs have sizes of their own was perhaps taken in another way. */
export function sizeNotes(photographs: readonly MeasuredPicture[]): readonly string[] {
  const labelsOfSize = new Map<string, Set<string>>();
  const sizesOf = new Map<string, Set<string>>();
  for (const { width, height, label } of photographs) {
    const size = `${width}x${height}`;
    labelsOfSize.set(size, (labelsOfSize.get(size) ?? new Set()).add(label));
    sizesOf.set(label, (sizesOf.get(label) ?? new Set()).add(size));
  }
  const own = [...sizesOf].filter(
    ([, sizes]) => sizes.size === 1 && [...sizes].every((size) => labelsOfSize.get(size)?.size === 1),
  );
  if (own.length === 0) return [];
  const names = own.map(([label, sizes]) => `${label} (${[...sizes].join(', ')})`);
  return [
    `no other class has photographs of the size of ${listed(names)}: check that they were taken and scaled like the others`,
  ];
}
