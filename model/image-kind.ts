/**
 * Detects the format of an image from its first bytes, never from the file name: a PNG called photo.jpg is a
 * PNG, and a drawing or a document never reaches a decoder.
 */
import { cameraRawName } from './camera-raw.ts';
import { TexturaError } from './error.ts';

export interface ImageKind {
  readonly name: string;
  /**
   * What decodes it: `native` is libvips in Node and the browser's decoder in the page; the others are in
   * `model/`. Undefined for unsupported formats, which are detected only to name them in a message.
   */
  readonly decoder: 'native' | 'bmp' | 'netpbm' | undefined;
  /**
   * A decoder would read only the thumbnail of a raw file. Documents are skipped, because they are not meant
   * as photographs.
   */
  readonly family: 'picture' | 'camera-raw' | 'document';
}

/**
 * How many bytes of a file are enough to detect its format, unless a TIFF has its directories further back.
 */
export const imageKindBytes = 4096;

/** The supported formats, for messages. */
const decodedKinds = 'JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP, PGM, PPM or PBM';

/**
 * The format of an image; undefined if it is not a known image format. The first `imageKindBytes` are enough,
 * except that a camera raw file is distinguished from a TIFF only if its directories are among the bytes.
 */
export function imageKindOf(bytes: Uint8Array): ImageKind | undefined {
  const kind =
    signatures.find(({ at = 0, bytes: sign }) => sign.every((byte, i) => bytes[at + i] === byte))?.kind ??
    riffKind(bytes) ??
    isoMediaKind(bytes) ??
    bitmapKind(bytes) ??
    netpbmKind(bytes) ??
    drawingKind(bytes);
  if (kind !== tiff) return kind;
  const raw = cameraRawName(bytes);
  return raw === undefined ? tiff : cameraRaw(raw);
}

/**
 * The format of an image that Textura can decode. Messages call the image `name`.
 * Errors: ImageKindError, which names the format to convert to.
 */
export function requireDecodedKind(bytes: Uint8Array, name: string): DecodedKind {
  if (bytes.length === 0)
    throw new ImageKindError('image-damaged', undefined, `${name}: the file is empty (0 bytes)`);
  const kind = imageKindOf(bytes);
  if (kind !== undefined && isDecoded(kind)) return kind;
  throw new ImageKindError(
    'image-type-unsupported',
    kind,
    kind === undefined
      ? `${name}: expected an image (${decodedKinds}), got something else`
      : `${name}: ${kind.name} files are not supported; convert it to JPEG or PNG`,
  );
}

export type DecodedKind = ImageKind & { readonly decoder: NonNullable<ImageKind['decoder']> };

function isDecoded(kind: ImageKind): kind is DecodedKind {
  return kind.decoder !== undefined;
}

/** An empty file or one of an unsupported format. */
export class ImageKindError extends TexturaError {
  /** Undefined if the file is not a known image format. */
  readonly kind: ImageKind | undefined;

  constructor(
    code: 'image-damaged' | 'image-type-unsupported',
    kind: ImageKind | undefined,
    message: string,
  ) {
    super(code, message);
    this.kind = kind;
  }
}

/** The error of a decoder for its file. */
export type Damaged = (reason: string) => TexturaError;

/** `image-damaged`: the error of every decoder for a truncated or inconsistent file. */
export function damagedImage(
  { name: kind }: Pick<ImageKind, 'name'>,
  name: string,
  reason: string,
  options?: ErrorOptions,
): TexturaError {
  const message = `${name}: the ${kind} file is truncated or corrupt (${reason})`;
  return new TexturaError('image-damaged', message, options);
}

/** `image-type-unsupported`: an unsupported variant of a supported format. */
export function unsupportedForm(
  { name: kind }: Pick<ImageKind, 'name'>,
  name: string,
  reason: string,
  options?: ErrorOptions,
): TexturaError {
  return new TexturaError(
    'image-type-unsupported',
    `${name}: this variant of ${kind} is not supported (${reason}); convert it to JPEG or PNG`,
    options,
  );
}

/** Default limit on the pixels (width x height) of an image in trainer, `classify`, service and page. */
export const defaultMaxImagePixels = 100_000_000;

/** Errors: `image-too-large`. Call it before allocating the pixels. */
export function requirePixelLimit(
  { width, height }: { readonly width: number; readonly height: number },
  name: string,
  maxPixels: number,
): void {
  if (width * height <= maxPixels) return;
  throw new TexturaError(
    'image-too-large',
    `${name}: expected ${maxPixels} pixels or fewer (--max-image-pixels), ` +
      `got ${width}x${height} (${width * height})`,
  );
}

interface Signature {
  readonly kind: ImageKind;
  readonly at?: number;
  readonly bytes: readonly number[];
}

const native = (name: string): ImageKind => ({ name, decoder: 'native', family: 'picture' });
const refused = (name: string): ImageKind => ({ name, decoder: undefined, family: 'picture' });
const cameraRaw = (name: string): ImageKind => ({ name, decoder: undefined, family: 'camera-raw' });
const ascii = (text: string): readonly number[] => Array.from(text, (letter) => letter.charCodeAt(0));

const tiff = native('TIFF');

/** Tried in order, because a camera raw file can begin like a TIFF. */
const signatures: readonly Signature[] = [
  { kind: native('JPEG'), bytes: [0xff, 0xd8, 0xff] },
  { kind: native('PNG'), bytes: [0x89, ...ascii('PNG\r\n\x1a\n')] },
  { kind: native('GIF'), bytes: ascii('GIF8') },
  { kind: cameraRaw('Canon raw'), at: 8, bytes: ascii('CR\x02\x00') },
  { kind: cameraRaw('Canon raw'), at: 6, bytes: ascii('HEAPCCDR') },
  { kind: tiff, bytes: ascii('II*\x00') },
  { kind: tiff, bytes: ascii('MM\x00*') },
  { kind: tiff, bytes: ascii('II+\x00') },
  { kind: tiff, bytes: ascii('MM\x00+') },
  { kind: cameraRaw('Olympus raw'), bytes: ascii('IIRO') },
  { kind: cameraRaw('Olympus raw'), bytes: ascii('IIRS') },
  { kind: cameraRaw('Olympus raw'), bytes: ascii('MMOR') },
  { kind: cameraRaw('Panasonic raw'), bytes: ascii('IIU\x00') },
  { kind: cameraRaw('Fujifilm raw'), bytes: ascii('FUJIFILMCCD-RAW') },
  { kind: cameraRaw('Minolta raw'), bytes: ascii('\x00MRM') },
  { kind: cameraRaw('Sigma raw'), bytes: ascii('FOVb') },
  { kind: refused('PAM'), bytes: ascii('P7\n') },
  { kind: refused('PFM'), bytes: ascii('PF\n') },
  { kind: refused('PFM'), bytes: ascii('Pf\n') },
  { kind: refused('Photoshop'), bytes: ascii('8BPS') },
  { kind: refused('JPEG XL'), bytes: [0xff, 0x0a] },
  { kind: refused('JPEG XL'), at: 4, bytes: ascii('JXL \r\n') },
  { kind: refused('JPEG 2000'), at: 4, bytes: ascii('jP  \r\n') },
  { kind: refused('JPEG 2000'), bytes: [0xff, 0x4f, 0xff, 0x51] },
  { kind: refused('OpenEXR'), bytes: [0x76, 0x2f, 0x31, 0x01] },
  { kind: refused('Radiance HDR'), bytes: ascii('#?RADIANCE') },
  { kind: refused('DDS'), bytes: ascii('DDS ') },
  { kind: refused('icon'), bytes: [0, 0, 1, 0] },
  { kind: { ...refused('PDF'), family: 'document' }, bytes: ascii('%PDF-') },
];

function textAt(head: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...head.subarray(start, end));
}

function riffKind(head: Uint8Array): ImageKind | undefined {
  return textAt(head, 0, 4) === 'RIFF' && textAt(head, 8, 12) === 'WEBP' ? native('WebP') : undefined;
}

const hevcBrands = new Set(['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis', 'hevm', 'hevs', 'mif1', 'msf1']);

/**
 * AVIF, HEIC and video share a container (ISO base media file format, ISO/IEC 23008-12); the brands in the
 * first box distinguish them.
 */
function isoMediaKind(head: Uint8Array): ImageKind | undefined {
  if (textAt(head, 4, 8) !== 'ftyp') return undefined;
  const boxBytes = Math.min(head.length, (head[2] ?? 0) * 256 + (head[3] ?? 0));
  const brands: string[] = [];
  for (let at = 8; at + 4 <= boxBytes; at += 4) brands.push(textAt(head, at, at + 4));
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return native('AVIF');
  if (brands.includes('crx ')) return cameraRaw('Canon raw');
  return brands.some((brand) => hevcBrands.has(brand)) ? refused('HEIC') : undefined;
}

/** Valid lengths of a bitmap's second header: OS/2 versions 1 and 2, Windows versions 3 to 5. */
export const bitmapHeaderBytes: ReadonlySet<number> = new Set([12, 16, 40, 52, 56, 64, 108, 124]);

/**
 * The two-letter signature of a bitmap is too short, so the length of the second header must be valid too.
 */
function bitmapKind(head: Uint8Array): ImageKind | undefined {
  const isBitmap =
    textAt(head, 0, 2) === 'BM' && bitmapHeaderBytes.has(head[14] ?? 0) && textAt(head, 15, 18) === '\0\0\0';
  return isBitmap ? { name: 'BMP', decoder: 'bmp', family: 'picture' } : undefined;
}

const netpbmNames = ['PBM', 'PGM', 'PPM'] as const;

/** A two-character signature, white space and comments, and a width. */
function netpbmKind(head: Uint8Array): ImageKind | undefined {
  const [, form] = /^P([1-6])(?:\s|#[^\r\n]*[\r\n])+[0-9]/.exec(textAt(head, 0, imageKindBytes)) ?? [];
  const name = netpbmNames[(Number(form) - 1) % 3];
  return name && { name, decoder: 'netpbm', family: 'picture' };
}

function drawingKind(head: Uint8Array): ImageKind | undefined {
  const text = new TextDecoder().decode(head.subarray(0, imageKindBytes)).trimStart();
  return text.startsWith('<') && /<svg[\s>]/i.test(text) ? refused('SVG') : undefined;
}
