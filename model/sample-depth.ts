/**
 * Converts samples of more than 8 bits to the 8 bits that every part of the product reads.
 *
 * Microscope and industrial cameras measure 10 or 12 bits and store them unscaled in 16-bit files, so that
 * the largest possible sample is 4095 of 65535; other programs store 8 bits in such a file. Scaled by the
 * range of the file, all samples would fall into 1 to 16 of 256 levels. 16-bit samples are therefore read as
 * the smallest of 8, 10, 12 and 16 bits that holds all samples of the file:
 *
 * - the result depends only on the file, so a photograph has the same levels in every data set, command and
 *   run;
 * - an ordinary dark image does not change: one sample of 4096 or more (level 16 of 255) is enough for 16
 *   bits;
 * - an image converted from 8 bits, whose samples are all multiples of 256 or 257, equals the 8-bit original.
 *
 * Samples read as fewer bits are stretched, and `stretchText` is the message about it. If a file states its
 * range (the maximum value of a PGM), that range is used.
 */
import type { Pixels, StretchedBits } from './image.ts';

const stretchedBits: readonly StretchedBits[] = [8, 10, 12];

/** Interleaved 16-bit samples, 0..65535. */
interface DeepPixels extends Omit<Pixels, 'data' | 'stretchedFromBits'> {
  readonly data: Uint16Array;
}

/** Converts 16-bit pixels to 8 bits by the rule of this module. Alpha always has the full range. */
export function pixelsFromDeep({ data, width, height, channels }: DeepPixels): Pixels {
  const alphaAt = channels % 2 === 0 ? channels - 1 : channels;
  const bits = bitsOf(data, channels, alphaAt);
  const levels = new Uint8Array(data.length);
  const shift = (bits ?? 16) - 8;
  for (let i = 0, channel = 0; i < data.length; i++) {
    levels[i] = (data[i] as number) >> (channel === alphaAt ? 8 : shift);
    if (++channel === channels) channel = 0;
  }
  return {
    data: levels,
    width,
    height,
    channels,
    ...(bits === undefined ? {} : { stretchedFromBits: bits }),
  };
}

/** Undefined for 16 bits. */
function bitsOf(data: Uint16Array, channels: number, alphaAt: number): StretchedBits | undefined {
  let all = 0;
  let isFromBytes = true;
  for (let i = 0, channel = 0; i < data.length; i++) {
    if (channel !== alphaAt) {
      const sample = data[i] as number;
      const low = sample & 0xff;
      all |= sample;
      isFromBytes &&= low === 0 || low === sample >> 8;
    }
    if (++channel === channels) channel = 0;
  }
  return isFromBytes ? undefined : stretchedBits.find((bits) => all >> bits === 0);
}

/**
 * Lookup table from samples 0..`largest` to the levels 0..255. If `largest` is 255 or more, the range is
 * divided into 256 equal steps, which equals a shift for a whole number of bits and matches `pixelsFromDeep`
 * for 65535; otherwise each sample maps to the nearest level.
 */
export function levelTable(largest: number): Uint8Array {
  return Uint8Array.from({ length: largest + 1 }, (_, sample) =>
    largest >= 255
      ? Math.floor((256 * sample) / (largest + 1))
      : Math.floor((510 * sample + largest) / (2 * largest)),
  );
}

/** Message about a stretched image. */
export function stretchText(bits: StretchedBits): string {
  const [largest, share] = [2 ** bits - 1, 2 ** (16 - bits)];
  return (
    `16-bit samples that use a ${ordinals[bits]} of the range (none is above ${largest}), ` +
    `read as ${bits}-bit data: stretched by ${share}`
  );
}

const ordinals: Readonly<Record<StretchedBits, string>> = { 8: '256th', 10: '64th', 12: 'sixteenth' };
