/** Pictures by file, drop or paste. They are decoded here; nothing is sent anywhere. */
import { type DeepPng, deepPngOf, deepPngPixels } from '../../../model/deep-png.ts';
import { TexturaError } from '../../../model/error.ts';
import type { StretchedBits } from '../../../model/image.ts';
import { onWhite, type Pixels } from '../../../model/image.ts';
import {
  type DecodedKind,
  defaultMaxImagePixels,
  type ImageKind,
  imageKindBytes,
  imageKindOf,
} from '../../../model/image-kind.ts';
import { readPlainImage } from '../../../model/plain-image.ts';
import { context2d, element } from '../dom/element.ts';

export const pictureFaults = ['not-picture', 'unsupported', 'damaged', 'too-large'] as const;
export type PictureFault = (typeof pictureFaults)[number];

/** Why a file is no picture for this page, with the values of the text that says so. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly fault: PictureFault;
  readonly values: Readonly<Record<string, string | number>>;

  constructor(fault: PictureFault, values: PictureError['values'] = {}, options?: ErrorOptions) {
    super(`picture: ${fault}`, options);
    this.fault = fault;
    this.values = values;
  }
}

export interface DecodedPicture {
  readonly canvas: HTMLCanvasElement;
  /** Where 16-bit samples held fewer bits and were stretched. */
  readonly stretchedFromBits: StretchedBits | undefined;
}

/** The limit of trainer and service, unless the page's address says `?max-image-pixels=N`. */
export function maxImagePixels(query = location.search): number {
  const asked = Number(new URLSearchParams(query).get('max-image-pixels') ?? Number.NaN);
  return Number.isInteger(asked) && asked > 0 ? asked : defaultMaxImagePixels;
}

/**
 * Decodes a picture as `model/` wants it: EXIF orientation applied, colours in sRGB, transparent places on
 * white. What the browser does not decode, or not like others, `model/` does.
 * Errors: PictureError.
 */
export async function decodePicture(file: Blob, maxPixels = maxImagePixels()): Promise<DecodedPicture> {
  const kind = imageKindOf(await bytesOf(file.slice(0, imageKindBytes)));
  if (kind !== undefined && isReadHere(kind)) return drawPixels(await readHere(file, kind, maxPixels));
  if (kind?.name === 'PNG') {
    const deep = await readDeepPng(file, maxPixels);
    if (deep !== undefined) return drawPixels(deep);
  }
  // A browser that decodes TIFF would show a raw file's thumbnail. Its directories may be anywhere in the file.
  const whole = kind?.name === 'TIFF' ? imageKindOf(await bytesOf(file)) : kind;
  if (whole?.family === 'camera-raw') throw new PictureError('unsupported', { kind: whole.name });
  return { canvas: await drawNative(file, kind, maxPixels), stretchedFromBits: undefined };
}

async function bytesOf(file: Blob): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}

function isReadHere(kind: ImageKind): kind is DecodedKind {
  return kind.decoder === 'bmp' || kind.decoder === 'netpbm';
}

async function readHere(file: Blob, kind: DecodedKind, maxPixels: number): Promise<Pixels> {
  const bytes = await bytesOf(file);
  try {
    const pixels = readPlainImage(bytes, kind, 'picture', maxPixels);
    if (pixels !== undefined) return pixels;
  } catch (cause) {
    if (!(cause instanceof TexturaError)) throw cause;
    if (cause.code === 'image-too-large')
      throw new PictureError('too-large', { limit: maxPixels }, { cause });
    throw new PictureError('damaged', {}, { cause });
  }
  throw new PictureError('unsupported', { kind: kind.name });
}

/** Where a PNG has 16 bits a sample, the byte behind its size. */
const pngBitsAt = 24;

/** Undefined for what the browser decodes as well, and for what it is to give the verdict on. */
async function readDeepPng(file: Blob, maxPixels: number): Promise<Pixels | undefined> {
  const [bits] = await bytesOf(file.slice(pngBitsAt, pngBitsAt + 1));
  const png = bits === 16 ? deepPngOf(await bytesOf(file)) : undefined;
  if (png === undefined) return undefined;
  if (png.width * png.height > maxPixels) throw new PictureError('too-large', { limit: maxPixels });
  const inflated = await inflate(png).catch(() => undefined);
  return inflated && deepPngPixels(png, inflated);
}

/** Undefined where it is longer than it may be. */
async function inflate({ compressed, inflatedBytes }: DeepPng): Promise<Uint8Array | undefined> {
  const parts = compressed.map((part) => part.slice());
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate'));
  const whole = new Uint8Array(inflatedBytes);
  let filled = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return whole.subarray(0, filled);
    if (filled + value.length > inflatedBytes) {
      await reader.cancel();
      return undefined;
    }
    whole.set(value, filled);
    filled += value.length;
  }
}

async function drawNative(
  file: Blob,
  kind: ImageKind | undefined,
  maxPixels: number,
): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch((cause) => {
    throw undecoded(file, kind, { cause });
  });
  const { width, height } = bitmap;
  try {
    if (width * height > maxPixels) throw new PictureError('too-large', { limit: maxPixels });
    const { canvas, context } = pictureCanvas(width, height);
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return canvas;
  } finally {
    bitmap.close();
  }
}

function pictureCanvas(width: number, height: number) {
  const canvas = element('canvas', { width, height });
  return { canvas, context: context2d(canvas, { willReadFrequently: true }) };
}

/** Opaque, so that no browser's arithmetic on transparency changes a level. */
function drawPixels({ data, width, height, channels, stretchedFromBits }: Pixels): DecodedPicture {
  const { canvas, context } = pictureCanvas(width, height);
  const image = context.createImageData(width, height);
  const hasAlpha = channels % 2 === 0;
  for (let from = 0, to = 0; from < data.length; from += channels, to += 4) {
    const alpha = hasAlpha ? (data[from + channels - 1] as number) : 255;
    for (let c = 0; c < 3; c++) {
      image.data[to + c] = onWhite(data[channels >= 3 ? from + c : from] as number, alpha);
    }
    image.data[to + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return { canvas, stretchedFromBits };
}

/** What a person is told of a picture that the browser has not decoded. */
function undecoded(file: Blob, kind: ImageKind | undefined, options: ErrorOptions): PictureError {
  if (kind?.family === 'document') return new PictureError('not-picture', {}, options);
  if (kind !== undefined && kind.decoder === undefined)
    return new PictureError('unsupported', { kind: kind.name }, options);
  // TIFF is read by trainer and service, and by few browsers.
  if (kind?.name === 'TIFF') return new PictureError('unsupported', { kind: kind.name }, options);
  const isPicture = kind !== undefined || file.type.startsWith('image/');
  return new PictureError(isPicture ? 'damaged' : 'not-picture', {}, options);
}

/** The first picture among what was dropped or pasted. */
export function pictureIn(transfer: DataTransfer | null): File | undefined {
  const files = [...(transfer?.files ?? [])];
  return files.find(({ type }) => type.startsWith('image/')) ?? files[0];
}
