/**
 * What kind of image some bytes are, told by their first bytes and never by a file's name: a PNG called photo.jpg is a PNG, and
 * a drawing or a document never reaches a decoder.
 */

export interface ImageKind {
  readonly name: string;
  /** Whether images of this kind are decoded here. The others are known by name only, for a message that helps. */
  readonly decoded: boolean;
}

/** As many bytes of a file as are enough to tell its kind. */
export const imageKindBytes = 4096;

/** The kinds that are decoded, for messages. */
export const decodedKinds = 'JPEG, PNG, WebP, GIF, TIFF or AVIF';

/** The kind of an image from its first `imageKindBytes` bytes (or all, if fewer); undefined for what is no image known here. */
export function imageKindOf(head: Uint8Array): ImageKind | undefined {
  return (
    signatures.find(({ at = 0, bytes }) => bytes.every((byte, i) => head[at + i] === byte))?.kind ??
    riffKind(head) ??
    isoMediaKind(head) ??
    drawingKind(head)
  );
}

interface Signature {
  readonly kind: ImageKind;
  readonly at?: number;
  readonly bytes: readonly number[];
}

const decoded = (name: string): ImageKind => ({ name, decoded: true });
const refused = (name: string): ImageKind => ({ name, decoded: false });
const ascii = (text: string): readonly number[] => Array.from(text, (letter) => letter.charCodeAt(0));

/** Tried in order: a camera's raw file may begin as a TIFF does. */
const signatures: readonly Signature[] = [
  { kind: decoded('JPEG'), bytes: [0xff, 0xd8, 0xff] },
  { kind: decoded('PNG'), bytes: [0x89, ...ascii('PNG\r\n\x1a\n')] },
  { kind: decoded('GIF'), bytes: ascii('GIF8') },
  { kind: refused('Canon raw'), at: 8, bytes: ascii('CR\x02\x00') },
  { kind: decoded('TIFF'), bytes: ascii('II*\x00') },
  { kind: decoded('TIFF'), bytes: ascii('MM\x00*') },
  { kind: decoded('TIFF'), bytes: ascii('II+\x00') },
  { kind: decoded('TIFF'), bytes: ascii('MM\x00+') },
  { kind: refused('Olympus raw'), bytes: ascii('IIRO') },
  { kind: refused('Panasonic raw'), bytes: ascii('IIU\x00') },
  { kind: refused('Fujifilm raw'), bytes: ascii('FUJIFILMCCD-RAW') },
  { kind: refused('BMP'), bytes: ascii('BM') },
  { kind: refused('Photoshop'), bytes: ascii('8BPS') },
  { kind: refused('JPEG XL'), bytes: [0xff, 0x0a] },
  { kind: refused('JPEG XL'), at: 4, bytes: ascii('JXL \r\n') },
  { kind: refused('JPEG 2000'), at: 4, bytes: ascii('jP  \r\n') },
  { kind: refused('JPEG 2000'), bytes: [0xff, 0x4f, 0xff, 0x51] },
  { kind: refused('OpenEXR'), bytes: [0x76, 0x2f, 0x31, 0x01] },
  { kind: refused('Radiance HDR'), bytes: ascii('#?RADIANCE') },
  { kind: refused('icon'), bytes: [0, 0, 1, 0] },
  { kind: refused('PDF'), bytes: ascii('%PDF-') },
];

function textAt(head: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...head.subarray(start, end));
}

function riffKind(head: Uint8Array): ImageKind | undefined {
  return textAt(head, 0, 4) === 'RIFF' && textAt(head, 8, 12) === 'WEBP' ? decoded('WebP') : undefined;
}

const hevcBrands = new Set(['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis', 'hevm', 'hevs', 'mif1', 'msf1']);

/** AVIF and HEIC share a container (ISO/IEC 23008-12); the brands in its first box tell them apart from each other and from video. */
function isoMediaKind(head: Uint8Array): ImageKind | undefined {
  if (textAt(head, 4, 8) !== 'ftyp') return undefined;
  const boxBytes = Math.min(head.length, (head[2] ?? 0) * 256 + (head[3] ?? 0));
  const brands: string[] = [];
  for (let at = 8; at + 4 <= boxBytes; at += 4) brands.push(textAt(head, at, at + 4));
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return decoded('AVIF');
  return brands.some((brand) => hevcBrands.has(brand)) ? refused('HEIC') : undefined;
}

function drawingKind(head: Uint8Array): ImageKind | undefined {
  const text = new TextDecoder().decode(head.subarray(0, imageKindBytes)).trimStart();
  return text.startsWith('<') && /<svg[\s>]/i.test(text) ? refused('SVG') : undefined;
}
