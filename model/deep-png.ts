/**
 * Decodes 16-bit PNGs in the browser, whose canvas returns only the upper 8 bits, which loses most of 12-bit
 * data in a 16-bit file. The caller inflates. Interlaced files, files with a transparent colour, an
 * orientation or a colour profile, and damaged files are left to the browser's decoder.
 */
import type { Pixels } from './image.ts';
import { pngSignature, unfilteredRows } from './png-rows.ts';
import { pixelsFromDeep } from './sample-depth.ts';

export interface DeepPng {
  readonly width: number;
  readonly height: number;
  readonly channels: Pixels['channels'];
  /** Parts of one zlib stream. */
  readonly compressed: readonly Uint8Array[];
  /** Size of the inflated rows in bytes. */
  readonly inflatedBytes: number;
}

/** Of colour types 0 (grey), 2 (RGB), 4 (grey and alpha) and 6 (RGB and alpha). */
const channelsOfType: Readonly<Record<number, Pixels['channels']>> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** Chunks that change the meaning of the samples in decoders that support them. */
const meaningfulChunks: ReadonlySet<string> = new Set(['iCCP', 'tRNS', 'eXIf', 'acTL', 'cICP']);

/** The header and compressed data of a 16-bit PNG; undefined for every other file. */
export function deepPngOf(bytes: Uint8Array): DeepPng | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  if (bytes.length < 33 || text(0, 8) !== pngSignature || text(12, 4) !== 'IHDR') return undefined;
  const [width, height, bits] = [view.getUint32(16), view.getUint32(20), view.getUint8(24)];
  const channels = channelsOfType[view.getUint8(25)];
  const isInterlaced = view.getUint8(28) !== 0;
  if (bits !== 16 || channels === undefined || isInterlaced || width === 0 || height === 0) return undefined;
  const compressed: Uint8Array[] = [];
  for (let at = pngSignature.length, type = ''; type !== 'IEND'; ) {
    if (at + 12 > bytes.length) return undefined;
    type = text(at + 4, 4);
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length || meaningfulChunks.has(type)) return undefined;
    if (type === 'IDAT') compressed.push(bytes.subarray(at + 8, end));
    at = end + 4;
  }
  return { width, height, channels, compressed, inflatedBytes: (2 * width * channels + 1) * height };
}

/** The 8-bit pixels of the inflated rows; undefined if the rows do not match the header. */
export function deepPngPixels(
  { width, height, channels, inflatedBytes }: DeepPng,
  inflated: Uint8Array,
): Pixels | undefined {
  if (inflated.length !== inflatedBytes) return undefined;
  const rows = unfilteredRows(inflated, 2 * width * channels, 2 * channels);
  if (rows === undefined) return undefined;
  const data = new Uint16Array(rows.length / 2);
  for (let i = 0; i < data.length; i++) {
    data[i] = ((rows[2 * i] as number) << 8) | (rows[2 * i + 1] as number);
  }
  return pixelsFromDeep({ data, width, height, channels });
}
