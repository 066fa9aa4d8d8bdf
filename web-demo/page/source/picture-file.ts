/** Decodes pictures that are opened, dropped or pasted, in the browser. */
import { type DeepPng, deepPngOf, deepPngPixels } from '../../../model/deep-png.ts';
import { TexturaError } from '../../../model/error.ts';
import { onWhite, type Pixels, type StretchedBits } from '../../../model/image.ts';
import {
  type DecodedKind,
  defaultMaxImagePixels,
  type ImageKind,
  imageKindBytes,
  imageKindOf,
} from '../../../model/image-kind.ts';
import { readPlainImage } from '../../../model/plain-image.ts';
import { context2d, element } from '../dom/element.ts';

type PictureFault = 'not-picture' | 'unsupported' | 'damaged' | 'too-large';

/** Why a file cannot be used, with the values for its message. */
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

interface DecodedPicture {
  readonly canvas: HTMLCanvasElement;
  /** Set if 16-bit samples held fewer bits and were scaled to the full range. */
  readonly stretchedFromBits: StretchedBits | undefined;
}

/** The limit of trainer and service, unless the page's address has `?max-image-pixels=N`. */
function maxImagePixels(): number {
  const asked = Number(new URLSearchParams(location.search).get('max-image-pixels') ?? Number.NaN);
  return Number.isInteger(asked) && asked > 0 ? asked : defaultMaxImagePixels;
}

/**
 * Decodes a picture as `model/` expects it: EXIF orientation applied, colours in sRGB, transparency on white.
 * `model/` decodes what browsers do not decode, or decode differently.
 * Errors: PictureError.
 */
export async function decodePicture(file: Blob): Promise<DecodedPicture> {
  const maxPixels = maxImagePixels();
  const kind = imageKindOf(await bytesOf(file.slice(0, imageKindBytes)));
  if (kind !== undefined && isReadHere(kind)) return drawPixels(await readHere(file, kind, maxPixels));
  if (kind?.name === 'PNG') {
    await requirePngSize(file, maxPixels);
    const deep = await readDeepPng(file);
    if (deep !== undefined) return drawPixels(deep);
  }
  // A browser that decodes TIFF would show a raw file's thumbnail. Its directories may be anywhere in the
  // file.
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

/** Offsets of a PNG's width and height, and of its bits per sample. */
const [pngSizeAt, pngBitsAt] = [16, 24];

/** Browsers report a PNG that is too large for them as damaged. */
async function requirePngSize(file: Blob, maxPixels: number): Promise<void> {
  const size = await file.slice(pngSizeAt, pngBitsAt).arrayBuffer();
  if (size.byteLength < pngBitsAt - pngSizeAt) return;
  const view = new DataView(size);
  if (view.getUint32(0) * view.getUint32(4) > maxPixels)
    throw new PictureError('too-large', { limit: maxPixels });
}

/** Undefined if the browser decodes the file as well, or should report that it is damaged. */
async function readDeepPng(file: Blob): Promise<Pixels | undefined> {
  const [bits] = await bytesOf(file.slice(pngBitsAt, pngBitsAt + 1));
  const png = bits === 16 ? deepPngOf(await bytesOf(file)) : undefined;
  if (png === undefined) return undefined;
  const inflated = await inflate(png).catch(() => undefined);
  return inflated && deepPngPixels(png, inflated);
}

/** Undefined if it is longer than `inflatedBytes`. */
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

/** Draws opaque pixels, because browsers round transparent ones differently. */
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

/** The error for a picture that the browser did not decode. */
function undecoded(file: Blob, kind: ImageKind | undefined, options: ErrorOptions): PictureError {
  if (kind?.family === 'document') return new PictureError('not-picture', {}, options);
  if (kind !== undefined && kind.decoder === undefined)
    return new PictureError('unsupported', { kind: kind.name }, options);
  // Trainer and service read TIFF, most browsers do not.
  if (kind?.name === 'TIFF') return new PictureError('unsupported', { kind: kind.name }, options);
  const isPicture = kind !== undefined || file.type.startsWith('image/');
  return new PictureError(isPicture ? 'damaged' : 'not-picture', {}, options);
}
