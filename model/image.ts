/**
 * Converts decoded pixels to the grey image that every part of the product reads. It uses integer arithmetic,
 * so trainer, server and browser get identical results from the same decoded pixels.
 */
import { TexturaError } from './error.ts';

/** Bits per sample of data that came in a 16-bit file. */
export type StretchedBits = 8 | 10 | 12;

/** Decoded 8-bit sRGB pixels, interleaved, rows from the top, EXIF orientation already applied. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha (not premultiplied). */
  readonly channels: 1 | 2 | 3 | 4;
  /** Set if 16-bit samples used fewer bits and were stretched (`sample-depth.ts`). */
  readonly stretchedFromBits?: StretchedBits;
}

/** `[height, width]` row-major grey levels 0..255. */
export interface GreyImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Copied from the pixels. */
  readonly stretchedFromBits?: StretchedBits;
}

/** Mean of the image's grey levels, 0..255. */
export function meanGrey({ data }: GreyImage): number {
  let sum = 0;
  for (const level of data) sum += level;
  return sum / data.length;
}

/**
 * Blends alpha on white, then luma = (299 R + 587 G + 114 B) / 1000 (ITU-R BT.601), both rounded half up.
 * Errors: `internal` if the data's size does not match the dimensions.
 */
export function greyFromPixels(pixels: Pixels): GreyImage {
  const { data, width, height, channels, stretchedFromBits } = pixels;
  const count = width * height;
  if (data.length !== count * channels) {
    throw new TexturaError(
      'internal',
      `pixels: expected ${width}x${height}x${channels} bytes, got ${data.length}`,
    );
  }
  const hasAlpha = channels === 2 || channels === 4;
  const isColour = channels >= 3;
  const grey = new Uint8Array(count);
  for (let i = 0, at = 0; i < count; i++, at += channels) {
    const alpha = hasAlpha ? level(data, at + channels - 1) : 255;
    const red = onWhite(level(data, at), alpha);
    grey[i] = isColour
      ? luma(red, onWhite(level(data, at + 1), alpha), onWhite(level(data, at + 2), alpha))
      : red;
  }
  return { data: grey, width, height, ...(stretchedFromBits && { stretchedFromBits }) };
}

/** A level blended on white, rounded half up. */
export function onWhite(value: number, alpha: number): number {
  return alpha === 255 ? value : Math.floor((2 * (value * alpha + 255 * (255 - alpha)) + 255) / 510);
}

function luma(red: number, green: number, blue: number): number {
  return Math.floor((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

function level(data: Uint8Array | Uint8ClampedArray, index: number): number {
  return data[index] as number;
}
