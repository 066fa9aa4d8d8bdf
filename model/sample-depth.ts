/**
 * From samples of more than 8 bits to the 8 that every part of the product reads.
 *
 * Cameras of microscopes and of production lines measure 10 or 12 bits and write them into files of 16 as
 * they are, so that the brightest sample possible is 4095 of 65535; other programs leave 8 bits in such a
 * file. By the file's own range all levels of a picture would fall into one to sixteen of 256. Samples of 16
 * bits are therefore read by the fewest bits of 8, 10, 12 and 16 that hold all of a file's samples:
 *
 * - it depends on nothing but the file, so a photograph has the same levels in every set, part and run;
 * - an ordinary dark picture stays as it is: one sample of 4096 or more (level 16 of 255) is enough for 16
 *   bits;
 * - so does one that was made from 8 bits, whose samples are all multiples of 256 or 257, however dark: it
 *   equals its 8-bit twin.
 *
 * What is read as fewer bits is stretched, which `stretchText` says to the person. Files that state their
 * range themselves (a PGM's largest value) are taken at their word.
 */
import type { Pixels, StretchedBits } from './image.ts';

const stretchedBits: readonly StretchedBits[] = [8, 10, 12];

/** 16-bit samples, interleaved, of the whole range 0..65535. */
export interface DeepPixels extends Omit<Pixels, 'data' | 'stretchedFromBits'> {
  readonly data: Uint16Array;
}

/** The 8-bit pixels of 16-bit ones, by the rule of this module. Alpha is always of the whole range. */
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

/** Undefined for the whole 16. */
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
 * The 256 levels of samples 0..`largest`, as a table. From 255 on the range is cut into 256 equal steps, so
 * that a range of whole bits is shifted and 65535 gives what `pixelsFromDeep` gives; below, each sample goes
 * to the nearest level.
 */
export function levelTable(largest: number): Uint8Array {
  return Uint8Array.from({ length: largest + 1 }, (_, sample) =>
    largest >= 255
      ? Math.floor((256 * sample) / (largest + 1))
      : Math.floor((510 * sample + largest) / (2 * largest)),
  );
}

/** What a person should know of an image that was stretched. */
export function stretchText(bits: StretchedBits): string {
  const [largest, share] = [2 ** bits - 1, 2 ** (16 - bits)];
  return (
    `16-bit samples that use a ${ordinals[bits]} of the range (none is above ${largest}), ` +
    `read as ${bits}-bit data: stretched by ${share}`
  );
}

const ordinals: Readonly<Record<StretchedBits, string>> = { 8: '256th', 10: '64th', 12: 'sixteenth' };
