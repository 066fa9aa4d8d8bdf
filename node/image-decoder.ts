/**
 * The one decoder of images on this side of the wire: trainer, `classify` and server read a photograph through it, so all three
 * see the same grey levels and give the same verdict on a file that cannot be used.
 */
import sharp, { type Metadata } from 'sharp';
import { TexturaError } from '../model/error.ts';
import { type GreyImage, greyFromPixels } from '../model/image.ts';
import { decodedKinds, type ImageKind, imageKindOf } from './image-kind.ts';
import { readPlainPng } from './plain-png.ts';

export interface DecodeLimits {
  /** Most pixels (width x height) that are accepted. */
  readonly maxPixels: number;
}

export const defaultDecodeLimits: DecodeLimits = { maxPixels: 100_000_000 };

/**
 * Grey levels of the first frame or page of a JPEG, PNG, WebP, GIF, TIFF or AVIF: colour profile converted to 8-bit sRGB, EXIF
 * orientation applied, alpha blended on white by `greyFromPixels`. Samples of 16 bits are brought to 8.
 *
 * `name` is what a message calls the image; nothing else of where it came from is told.
 * Errors: `image-type-unsupported`, `image-damaged` (cut, corrupt or empty), `image-too-large`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  name: string,
  limits: DecodeLimits = defaultDecodeLimits,
): Promise<GreyImage> {
  const kind = requireDecodedKind(bytes, name);
  const plain = readPlainPng(bytes);
  if (plain !== undefined && plain.width * plain.height <= limits.maxPixels) return greyFromPixels(plain);
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

/**
 * The kind of an image of which at least the first `imageKindBytes` bytes are given.
 * Errors: `image-damaged` for no bytes at all, `image-type-unsupported` with what to convert to.
 */
export function requireDecodedKind(head: Uint8Array, name: string): ImageKind {
  if (head.length === 0) throw new TexturaError('image-damaged', `${name}: the file is empty (0 bytes)`);
  const kind = imageKindOf(head);
  if (kind?.decoded) return kind;
  throw new TexturaError(
    'image-type-unsupported',
    kind === undefined
      ? `${name}: expected an image (${decodedKinds}), got something else`
      : `${name}: ${kind.name} files are not decoded here; convert it to JPEG or PNG`,
  );
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
  // Grey without alpha or profile: one channel instead of three equal ones saves two fifths of the time.
  if (header.space === 'b-w' && header.channels === 1 && !header.hasProfile) image.toColourspace('b-w');
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels === 1) {
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
  }
  return greyFromPixels({ data, width, height, channels });
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
  const { width, height, depth, channels } = header;
  if (width * height > maxPixels) {
    throw new TexturaError(
      'image-too-large',
      `${name}: expected ${maxPixels} pixels or fewer, got ${width}x${height} (${width * height})`,
    );
  }
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
    return new TexturaError(
      'image-type-unsupported',
      `${name}: this form of ${kind.name} is not decoded here (${reason}); convert it to JPEG or PNG`,
      { cause: error },
    );
  }
  return new TexturaError(
    'image-damaged',
    `${name}: expected a whole ${kind.name}, got a cut or damaged one (${reason})`,
    { cause: error },
  );
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
