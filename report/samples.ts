/**
 * samples.png: patches of a training batch before and after augmentation, which show what the network gets,
 * and below them the paper's figure 6: a training image as a Gaussian pyramid.
 */
import { join } from 'node:path';
import type { GreyImage } from '../model/image.ts';
import { inputPx, type Patch } from '../model/patch.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { html, type Markup, shortened } from './markup.ts';
import { lightPalette } from './palette.ts';
import { type PlacedPicture, sheetPng } from './pictures.ts';

interface SamplePatches {
  readonly label: string;
  /** `[64,64]` as cut from the image, and as augmented. */
  readonly before: Patch;
  readonly after: Patch;
}

export interface Samples {
  /** Above the patches, e.g. `Augmentation: jitter64`. */
  readonly heading: string;
  readonly samples: readonly SamplePatches[];
  /** The training image of the pyramid and its name. */
  readonly image: GreyImage;
  readonly imageName: string;
}

const columns = 8;
const zoom = 2;
const tilePx = inputPx * zoom;
const gapPx = 10;
const marginPx = 24;
const gutterPx = 60;
const headingPx = 44;
const captionPx = 26;
const bandPx = captionPx + 2 * tilePx + gapPx / 2 + 14;
const sheetPx = 2 * marginPx + gutterPx + columns * (tilePx + gapPx) - gapPx;
const pyramidLevels = 5;
/** Largest part of a photograph that fits next to its reductions. */
const largestLevelPx = { width: 560, height: 420 } as const;

export const samplesFile = 'samples.png';

/** Writes samples.png with at most 24 samples into a run directory. */
export async function writeSamples(directory: string, samples: Samples): Promise<void> {
  await writeFileAtomically(join(directory, samplesFile), await samplesPng(samples));
}

async function samplesPng({ heading, samples, image, imageName }: Samples): Promise<Uint8Array> {
  const shown = samples.slice(0, 3 * columns);
  const patchesPx = Math.ceil(shown.length / columns) * bandPx;
  const pyramidTop = headingPx + patchesPx + headingPx;
  const pyramid = placePyramid(middleOf(image), pyramidTop);
  const bandPatches = shown.map((sample, i) => placeSample(sample, i));
  return sheetPng({
    width: sheetPx,
    height: pyramidTop + (pyramid[0]?.image.height ?? 0) * (pyramid[0]?.zoom ?? 1) + captionPx + 10,
    pictures: [...bandPatches.flatMap(({ pictures }) => pictures), ...pyramid],
    captions: [
      headline(heading, 30),
      ...bandPatches.map(({ caption }) => caption),
      ...rowNames(Math.ceil(shown.length / columns)),
      headline(`Gaussian pyramid of ${shortened(imageName, 70)}`, pyramidTop - 14),
      ...pyramid.map(levelCaption),
    ],
  });
}

function placeSample({ label, before, after }: SamplePatches, index: number) {
  const left = marginPx + gutterPx + (index % columns) * (tilePx + gapPx);
  const top = headingPx + Math.floor(index / columns) * bandPx + captionPx;
  const picture = (data: Patch, y: number): PlacedPicture => ({
    image: { data, width: inputPx, height: inputPx },
    left,
    top: y,
    zoom,
  });
  return {
    pictures: [picture(before, top), picture(after, top + tilePx + gapPx / 2)],
    caption: html`<text x="${left + tilePx / 2}" y="${top - 8}" text-anchor="middle">${shortened(label, 17)}</text>`,
  };
}

function rowNames(bands: number): readonly Markup[] {
  return Array.from({ length: bands }, (_, band) => {
    const top = headingPx + band * bandPx + captionPx;
    return html`<g fill="${lightPalette.muted}" font-style="italic"><text x="${marginPx}" y="${top + tilePx / 2 + 5}">before</text><text x="${marginPx}" y="${top + tilePx + gapPx / 2 + tilePx / 2 + 5}">after</text></g>`;
  });
}

/** Levels side by side from the left, aligned at the top; small images are enlarged. */
function placePyramid(image: GreyImage, top: number): readonly PlacedPicture[] {
  const wide = 2 * image.width <= largestLevelPx.width && 2 * image.height <= largestLevelPx.height;
  const levelZoom = wide ? 2 : 1;
  let left = marginPx;
  return gaussianPyramid(image, pyramidLevels).map((level) => {
    const placed = { image: level, left, top, zoom: levelZoom };
    left += Math.max(level.width * levelZoom, 56) + gapPx;
    return placed;
  });
}

function levelCaption({ image, left, top, zoom: levelZoom = 1 }: PlacedPicture): Markup {
  const y = top + image.height * levelZoom + 18;
  return html`<text x="${left}" y="${y}" font-size="12" fill="${lightPalette.muted}">${image.width}×${image.height}</text>`;
}

function headline(text: string, y: number): Markup {
  return html`<text x="${marginPx}" y="${y}" font-size="20">${text}</text>`;
}

function middleOf({ data, width, height }: GreyImage): GreyImage {
  const part = {
    width: Math.min(width, largestLevelPx.width),
    height: Math.min(height, largestLevelPx.height),
  };
  const left = Math.floor((width - part.width) / 2);
  const top = Math.floor((height - part.height) / 2);
  const cut = new Uint8Array(part.width * part.height);
  for (let row = 0; row < part.height; row++) {
    const start = (top + row) * width + left;
    cut.set(data.subarray(start, start + part.width), row * part.width);
  }
  return { data: cut, ...part };
}

/**
 * Burt and Adelson, "The Laplacian pyramid as a compact image code" (1983), with a = 3/8: the binomial
 * kernel, in 16ths.
 */
const kernel = [1, 4, 6, 4, 1] as const;
const kernelSum = 16;

/** Of a reduction. */
const smallestSidePx = 8;

/**
 * The image and its reductions, each half as wide and high (rounded up), down to sides of 8 pixels or to
 * `levels` in all.
 */
export function gaussianPyramid(image: GreyImage, levels: number): readonly GreyImage[] {
  const pyramid = [image];
  for (let top = image; pyramid.length < levels; ) {
    top = reduced(top);
    if (Math.min(top.width, top.height) < smallestSidePx) break;
    pyramid.push(top);
  }
  return pyramid;
}

/**
 * REDUCE: the 5x5 binomial average at every second pixel, edges mirrored about the outermost pixel, rounded
 * half up.
 */
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
