/**
 * The image decoder of the trainer, `classify` and the service, so that all three get the same grey levels
 * and report the same error for a file that cannot be used.
 */
import sharp, { type Metadata, type Sharp } from 'sharp';
import { TexturaError } from '../model/error.ts';
import { type GreyImage, greyFromPixels, type Pixels } from '../model/image.ts';
import {
  type DecodedKind,
  damagedImage,
  defaultMaxImagePixels,
  type ImageKind,
  requireDecodedKind,
  requirePixelLimit,
  unsupportedForm,
} from '../model/image-kind.ts';
import { readPlainImage } from '../model/plain-image.ts';
import { pixelsFromDeep } from '../model/sample-depth.ts';
import type { ByteRoom } from './byte-room.ts';
import { imageFileKind, readImageFile } from './image-file.ts';
import { readPlainPng } from './plain-png.ts';

export interface DecodeLimits {
  /** Maximum number of pixels (width x height). */
  readonly maxPixels: number;
  /** Memory budget that concurrently decoded images share. */
  readonly room?: ByteRoom;
}

const defaultLimits: DecodeLimits = { maxPixels: defaultMaxImagePixels };

/** Memory per pixel while an image is decoded: three channels and grey. */
export const decodingBytesPerPixel = 4;

/**
 * Grey levels of the first frame or page of an image: colour profile converted to 8-bit sRGB, EXIF
 * orientation applied, alpha blended on white by `greyFromPixels`. `model/sample-depth.ts` converts 16-bit
 * samples to 8 bits.
 *
 * Messages call the image `name`. Errors: `image-type-unsupported`, `image-damaged` (cut, corrupt or empty),
 * `image-too-large`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  name: string,
  limits: DecodeLimits = defaultLimits,
): Promise<GreyImage> {
  const kind = requireDecodedKind(bytes, name);
  const plain = readPlainPng(bytes);
  if (plain !== undefined && plain.width * plain.height <= limits.maxPixels) return greyFromPixels(plain);
  const pixels = readPlainImage(bytes, kind, name, limits.maxPixels);
  if (pixels !== undefined) return greyFromPixels(pixels);
  return decodeNative(bytes, kind, name, limits);
}

/** Decodes with libvips. */
function decodeNative(
  bytes: Uint8Array,
  kind: DecodedKind,
  name: string,
  { maxPixels, room }: DecodeLimits,
): Promise<GreyImage> {
  return withLibvips(kind, name, async (failOn) => {
    const image = opened(bytes, failOn);
    const header = await image.metadata();
    checkHeader(header, name, maxPixels);
    image.autoOrient();
    const { width, height } = header;
    const decode = () =>
      header.depth === 'ushort' ? deepPixels(image, header) : shallowPixels(image, header);
    const pixels = await (room === undefined
      ? decode()
      : room.while(decodingBytesPerPixel * width * height, decode));
    return greyFromPixels(pixels);
  });
}

/** Runs `decode`, in which warnings count as damage, except those that do not affect pixels. */
async function withLibvips<T>(
  kind: DecodedKind,
  name: string,
  decode: (failOn: 'warning' | 'error') => Promise<T>,
): Promise<T> {
  try {
    return await decode('warning');
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TexturaError) throw error;
    if (!isHarmless(error)) throw decodingError(error, kind, name);
  }
  try {
    return await decode('error');
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TexturaError) throw error;
    throw decodingError(error, kind, name);
  }
}

function opened(input: Uint8Array | string, failOn: 'warning' | 'error'): Sharp {
  return quietSharp()(input, { failOn, limitInputPixels: false, limitInputChannels: false });
}

/** An image that is read in horizontal strips, so that a large one needs little memory. */
export interface ImageStrips {
  readonly width: number;
  readonly height: number;
  /** The rows `top` to `top + count`, over the whole width. Errors: as `decodeImage`. */
  rows(top: number, count: number): Promise<GreyImage>;
}

/**
 * Opens an image file; its strips have the grey levels of `decodeImage`. A strip is decoded from the top of
 * the file, unless the file is tiled. Formats that libvips does not decode, 16-bit samples, whose range
 * depends on all of them, and turned photographs are decoded whole.
 * Errors: as `readImageFile` and `decodeImage`.
 */
export async function openImageStrips(path: string, name: string, maxPixels: number): Promise<ImageStrips> {
  const kind = await imageFileKind(path, name);
  const header =
    kind.decoder === 'native'
      ? await withLibvips(kind, name, (failOn) => opened(path, failOn).metadata())
      : undefined;
  if (header !== undefined) checkHeader(header, name, maxPixels);
  if (header === undefined || header.depth === 'ushort' || (header.orientation ?? 1) !== 1) {
    const { data, width, height } = await decodeImage(await readImageFile(path, name), name, { maxPixels });
    const rows = async (top: number, count: number) => ({
      data: data.subarray(top * width, (top + count) * width),
      width,
      height: count,
    });
    return { width, height, rows };
  }
  const { width, height } = header;
  return {
    width,
    height,
    rows: (top, count) =>
      withLibvips(kind, name, async (failOn) => {
        const strip = opened(path, failOn).extract({ left: 0, top, width, height: count });
        return greyFromPixels(await shallowPixels(strip, header));
      }),
  };
}

/** 8-bit samples. */
async function shallowPixels(image: Sharp, header: Metadata): Promise<Pixels> {
  // Grey without alpha or profile: one channel instead of three equal ones saves two fifths of the time.
  if (header.space === 'b-w' && header.channels === 1 && !header.hasProfile) image.toColourspace('b-w');
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return { data, width, height, channels };
}

/** 16-bit samples as in the file; only the colour profile is applied. */
async function deepPixels(image: Sharp, header: Metadata): Promise<Pixels> {
  image.toColourspace(header.space?.startsWith('grey') ? 'grey16' : 'rgb16');
  const { data, info } = await image.raw({ depth: 'ushort' }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return pixelsFromDeep({
    data: new Uint16Array(data.buffer, data.byteOffset, data.length / 2),
    width,
    height,
    channels,
  });
}

/**
 * libvips without its cache, which would take up to 50 MB and never be hit, and with one thread per image,
 * because several images are in flight (with two threads, 750 photographs on 2 cores took a third longer).
 */
function quietSharp(): typeof sharp {
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}

/** Refuses, before decoding, images that are too large or cannot be converted to 8-bit RGB. */
function checkHeader(header: Metadata, name: string, maxPixels: number): void {
  const { depth, channels } = header;
  requirePixelLimit(header, name, maxPixels);
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw new TexturaError(
      'image-type-unsupported',
      `${name}: expected samples of 8 or 16 bits, got ${depth}; convert it to 8 bits`,
    );
  }
  if (channels > 4) {
    throw new TexturaError(
      'image-type-unsupported',
      `${name}: expected 1 to 4 channels, got ${channels}; convert it to RGB`,
    );
  }
}

/**
 * Warnings about many cameras' files that affect no pixel. Any other warning means lost data, which libjpeg
 * fills with grey.
 */
const harmlessWarnings: readonly RegExp[] = [
  /invalid sos parameters for sequential jpeg/i,
  /extraneous bytes before marker/i,
];

function isHarmless({ message }: Error): boolean {
  return message.split('\n').every((line) => harmlessWarnings.some((warning) => warning.test(line)));
}

function decodingError(error: Error, kind: ImageKind, name: string): TexturaError {
  const reason = reasonOf(error);
  if (/not configured|not supported|unsupported (feature|codec|jpeg)/i.test(reason)) {
    return unsupportedForm(kind, name, reason, { cause: error });
  }
  return damagedImage(kind, name, reason, { cause: error });
}

/**
 * The first line of libvips's message, without the names of its functions. libvips has one message buffer for
 * all threads, so images that fail at the same time may get each other's message or none; whether an image is
 * damaged never depends on it.
 */
function reasonOf({ message }: Error): string {
  const line = message
    .split('\n')
    .map((text) =>
      text.replace(/^Input buffer has corrupt header: ?|\b(Vips\w+|vips\w+|\w+2vips): /g, '').trim(),
    )
    .find((text) => text !== '' && !text.startsWith('Warning treated as error'));
  return line === undefined || line.startsWith('Input buffer') ? 'its header cannot be read' : line;
}
