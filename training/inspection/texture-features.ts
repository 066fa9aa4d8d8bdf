/**
 * Features of a whole photograph that tell surfaces apart without training a network: which local patterns it
 * has at several scales, and statistics of its derivatives. They are cheap (about 20 ms for 320x240 pixels)
 * and do not change if the photograph is rotated, or if its brightness or contrast changes.
 */
import type { GreyImage } from '../../model/image.ts';
import { sumOf } from '../../model/statistics/descriptive.ts';

/** Each half as fine as the one before. */
const levels = 5;
const radiiPx = [1, 2] as const;
/** Rotation-invariant uniform patterns of 8 neighbours: 0 to 8 neighbours in one run, and all others. */
const patternBins = 10;
/** Mean, deviation, skewness and kurtosis of grey level, gradient, Laplacian and line strength; orientation. */
const derivativeFeatures = 4 * 4 + 1;
const levelFeatures = radiiPx.length * patternBins + derivativeFeatures;

export const textureFeatureCount = levels * levelFeatures;

/** Larger photographs are halved until they have no more: finer detail is mostly noise. */
const mostPixels = 320_000;
/** A level with a shorter side says nothing; its features are 0. */
const leastSidePx = 8;

/** `[textureFeatureCount]`. */
export function textureFeatures(image: GreyImage): Float32Array {
  const features = new Float32Array(textureFeatureCount);
  let plane = standardPlane(image);
  while (plane.width * plane.height > mostPixels) plane = halved(plane);
  for (let level = 0, at = 0; level < levels; level++, at += levelFeatures) {
    if (Math.min(plane.width, plane.height) < leastSidePx) break;
    radiiPx.forEach((radius, r) => {
      addPatterns(plane, radius, features.subarray(at + r * patternBins));
    });
    addDerivatives(plane, features.subarray(at + radiiPx.length * patternBins));
    plane = halved(plane);
  }
  return features;
}

interface Plane {
  /** `[height, width]`. */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** Mean 0 and deviation 1, or less if the image is almost flat. */
function standardPlane({ data, width, height }: GreyImage): Plane {
  const { mean, variance } = momentsOf(data);
  const deviation = Math.sqrt(variance + 1);
  return { data: Float32Array.from(data, (value) => (value - mean) / deviation), width, height };
}

/** Means of 2x2 pixels; an odd last row or column is dropped. */
function halved({ data, width, height }: Plane): Plane {
  const [w, h] = [width >> 1, height >> 1];
  const half = new Float32Array(w * h);
  for (let y = 0, at = 0; y < h; y++) {
    for (let x = 0; x < w; x++, at++) {
      const i = 2 * y * width + 2 * x;
      half[at] =
        ((data[i] as number) +
          (data[i + 1] as number) +
          (data[i + width] as number) +
          (data[i + width + 1] as number)) /
        4;
    }
  }
  return { data: half, width: w, height: h };
}

/** The bin of each pattern of 8 bits around a pixel. */
const binOf = Uint8Array.from({ length: 256 }, (_, code) => {
  const bits = Array.from({ length: 8 }, (_bit, k) => (code >> k) & 1);
  const changes = bits.filter((bit, k) => bit !== bits[(k + 1) % 8]).length;
  return changes <= 2 ? sumOf(bits) : patternBins - 1;
});

/**
 * Histogram, as square roots of shares, of which neighbours of a pixel are at least as bright as the pixel
 * (Ojala, Pietikainen and Maenpaa 2002, "Multiresolution gray-scale and rotation invariant texture
 * classification with local binary patterns").
 */
function addPatterns({ data, width, height }: Plane, radius: number, into: Float32Array): void {
  // Diagonal neighbours are at about the same distance.
  const diagonal = Math.max(1, Math.floor(radius * Math.SQRT1_2));
  const [row, slant] = [radius * width, diagonal * width];
  const offsets = Int32Array.of(
    ...[radius, slant + diagonal, row, slant - diagonal],
    ...[-radius, -slant - diagonal, -row, -slant + diagonal],
  );
  const bins = new Uint32Array(patternBins);
  for (let y = radius; y < height - radius; y++) {
    for (let i = y * width + radius; i < (y + 1) * width - radius; i++) {
      const centre = data[i] as number;
      let code = 0;
      for (let k = 0; k < 8; k++) if ((data[i + (offsets[k] as number)] as number) >= centre) code |= 1 << k;
      const bin = binOf[code] as number;
      bins[bin] = (bins[bin] as number) + 1;
    }
  }
  const count = (width - 2 * radius) * (height - 2 * radius);
  bins.forEach((patterns, bin) => {
    into[bin] = Math.sqrt(patterns / count);
  });
}

function addDerivatives({ data, width, height }: Plane, into: Float32Array): void {
  const count = (width - 2) * (height - 2);
  const grey = new Float32Array(count);
  const gradient = new Float32Array(count);
  const laplacian = new Float32Array(count);
  const line = new Float32Array(count);
  // Second moments of the gradient, whose relative length says how much the texture has one direction.
  let [xx, yy, xy] = [0, 0, 0];
  for (let y = 1, at = 0; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++, at++) {
      const i = y * width + x;
      const centre = data[i] as number;
      const left = data[i - 1] as number;
      const right = data[i + 1] as number;
      const up = data[i - width] as number;
      const down = data[i + width] as number;
      const corners =
        (data[i + width + 1] as number) +
        (data[i - width - 1] as number) -
        (data[i - width + 1] as number) -
        (data[i + width - 1] as number);
      const gx = (right - left) / 2;
      const gy = (down - up) / 2;
      const hxx = left + right - 2 * centre;
      const hyy = up + down - 2 * centre;
      xx += gx * gx;
      yy += gy * gy;
      xy += gx * gy;
      grey[at] = centre;
      gradient[at] = Math.sqrt(gx * gx + gy * gy);
      laplacian[at] = hxx + hyy;
      // The difference between the eigenvalues of the second derivatives.
      line[at] = Math.sqrt((hxx - hyy) ** 2 + corners ** 2 / 4);
    }
  }
  [gradient, laplacian, line, grey].forEach((values, k) => {
    const { absolute, variance, skewness, kurtosis } = momentsOf(values);
    into[4 * k] = Math.log(Math.sqrt(variance) + 1e-3);
    into[4 * k + 1] = Math.log(absolute + 1e-3);
    into[4 * k + 2] = Math.max(-5, Math.min(5, skewness));
    into[4 * k + 3] = Math.log(kurtosis + 1e-3);
  });
  into[derivativeFeatures - 1] = Math.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-6 * count);
}

function momentsOf(values: Float32Array | Uint8Array) {
  let sum = 0;
  let absolute = 0;
  for (const value of values) {
    sum += value;
    absolute += Math.abs(value);
  }
  const mean = sum / values.length;
  let [second, third, fourth] = [0, 0, 0];
  for (const value of values) {
    const d = value - mean;
    const square = d * d;
    second += square;
    third += square * d;
    fourth += square * square;
  }
  const variance = second / values.length;
  const deviation = Math.sqrt(variance) + 1e-6;
  return {
    mean,
    absolute: absolute / values.length,
    variance,
    skewness: third / values.length / deviation ** 3,
    kurtosis: fourth / values.length / deviation ** 4,
  };
}
