/**
 * The one decoder of images on this side of the wire: trainer, `classify` and server read a photograph through it, so all three
 * see the same grey levels and give the same verdict on a file that cannot be used.
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
import { readPlainPng } from './plain-png.ts';

export interface DecodeLimits {
  /** Most pixels (width x height) that are accepted. */
  readonly maxPixels: number;
  /** Memory that images share while they are decoded; without it each takes what it needs at once. */
  readonly room?: ByteRoom;
}

const defaultLimits: DecodeLimits = { maxPixels: defaultMaxImagePixels };

/** Memory for each pixel of an image while it is decoded: three channels and the grey levels made of them. */
export const decodingBytesPerPixel = 4;

/**
 * Grey levels of the first frame or page of an image of a decoded kind: colour profile converted to 8-bit
 * sRGB, EXIF orientation applied, alpha blended on white by `greyFromPixels`. Samples of 16 bits are brought
 * to 8 by `model/sample-depth.ts`.
 *
 * `name` is what a message calls the image; nothing else of where it came from is told.
 * Errors: `image-type-unsupported`, `image-damaged` (cut, corrupt or empty), `image-too-large`.
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

/** By libvips: warnings count as damage, except those that leave the pixels whole. */
async function decodeNative(
  bytes: Uint8Array,
  kind: DecodedKind,
  name: string,
  limits: DecodeLimits,
): Promise<GreyImage> {
  try {
    return await decodeWith('warning', bytes, name, limits);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TexturaError) throw error;
    if (!leavesPixelsWhole(error)) throw decodingError(error, kind, name);
  }
  try {
    return await decodeWith('error', bytes, name, limits);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TexturaError) throw error;
    throw decodingError(error, kind, name);
  }
}

async function decodeWith(
  failOn: 'warning' | 'error',
  bytes: Uint8Array,
  name: string,
  limits: DecodeLimits,
): Promise<GreyImage> {
  const image = quietSharp()(bytes, { failOn, limitInputPixels: false, limitInputChannels: false });
  const header = await image.metadata();
  checkHeader(header, name, limits);
  image.autoOrient();
  const { width, height } = header;
  const decode = () => (header.depth === 'ushort' ? deepPixels(image, header) : shallowPixels(image, header));
  const { room } = limits;
  const pixels = await (room === undefined
    ? decode()
    : room.while(decodingBytesPerPixel * width * height, decode));
  return greyFromPixels(pixels);
}

/** Samples of 8 bits. */
async function shallowPixels(image: Sharp, header: Metadata): Promise<Pixels> {
  // Grey without alpha or profile: one channel instead of three equal ones saves two fifths of the time.
  if (header.space === 'b-w' && header.channels === 1 && !header.hasProfile) image.toColourspace('b-w');
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return { data, width, height, channels };
}

/** Samples of 16 bits as they are in the file, but for its colour profile. */
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
 * libvips as a process wants it that decodes each image once: its cache would hold up to 50 MB and never be hit, and one thread an
 * image is enough where several images are in work (two threads took a third longer for 750 photographs on 2 cores). Set at each
 * use, which costs nothing, so that importing this module does nothing.
 */
function quietSharp(): typeof sharp {
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}

/** Refuses before decoding what would be too large or would lose its meaning in 8 bits. */
function checkHeader(header: Metadata, name: string, { maxPixels }: DecodeLimits): void {
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
 * Warnings that many cameras' files give and that change no pixel. Every other warning means lost data (libjpeg pads what is
 * missing with grey), so it counts as damage.
 */
const harmlessWarnings: readonly RegExp[] = [
  /invalid sos parameters for sequential jpeg/i,
  /extraneous bytes before marker/i,
];

function leavesPixelsWhole({ message }: Error): boolean {
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
 * The decoder's first words about the fault, without the names of its parts. It keeps its words in one place for all threads: of
 * images that fail at the same moment one may get another's words, or none. That an image is not whole never depends on them.
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
