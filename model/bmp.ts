/**
 * Decodes BMP, which industrial cameras, microscopes and old texture sets write: 1 to 32 bits per pixel,
 * palettes, channel masks, run-length encoding, rows in either order. The libvips that comes with sharp does
 * not read BMP, and browsers differ in the rare forms, so trainer, service and page share this decoder. It
 * follows Microsoft's documentation of the BITMAPINFOHEADER family and of OS/2's headers.
 *
 * Colours are read as sRGB. Calibrated colour spaces and embedded profiles are rare and are ignored.
 */
import type { Pixels } from './image.ts';
import {
  bitmapHeaderBytes,
  type Damaged,
  damagedImage,
  type ImageKind,
  requirePixelLimit,
  unsupportedForm,
} from './image-kind.ts';
import { levelTable } from './sample-depth.ts';

const fileHeaderBytes = 14;

/** BITMAPCOREHEADER, OS/2's first: sizes of 16 bits, palettes of 3 bytes. */
const coreHeaderBytes = 12;

const compressions = { none: 0, runLength8: 1, runLength4: 2, masks: 3, masksWithAlpha: 6 } as const;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Colours of the palette; 0 means 2^bits. */
  readonly colours: number;
  readonly headerBytes: number;
  /** Byte offset of the pixels. */
  readonly start: number;
}

/**
 * Decodes the image. Messages call it `name`.
 * Errors: `image-damaged`, `image-type-unsupported`, and `image-too-large` before it allocates the pixels.
 */
export function readBmp(bytes: Uint8Array, kind: ImageKind, name: string, maxPixels: number): Pixels {
  const damaged = (reason: string) => damagedImage(kind, name, reason);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = headerOf(view, damaged);
  const unsupported = unsupportedWhy(header);
  if (unsupported !== undefined) throw unsupportedForm(kind, name, unsupported);
  requirePixelLimit(header, name, maxPixels);
  if (header.start < fileHeaderBytes + header.headerBytes || header.start > bytes.length) {
    throw damaged(`its pixels begin at byte ${header.start} of ${bytes.length}`);
  }
  const isPacked =
    header.compression === compressions.runLength8 || header.compression === compressions.runLength4;
  const leastBytes = isPacked ? 0 : rowStride(header) * (header.height - 1) + usedRowBytes(header);
  if (bytes.length - header.start < leastBytes) {
    const { width, height } = header;
    throw damaged(
      `${width}x${height} pixels need ${leastBytes} bytes, the file has ${bytes.length - header.start}`,
    );
  }
  if (header.bits > 8) return directPixels(view, header, damaged);
  const indices = isPacked ? runLengthIndices(bytes, header, damaged) : packedIndices(bytes, header);
  return palettePixels(indices, header, paletteOf(bytes, header, damaged));
}

function headerOf(view: DataView, damaged: Damaged): Header {
  const headerBytes = view.getUint32(fileHeaderBytes, true);
  if (!bitmapHeaderBytes.has(headerBytes) || view.byteLength < fileHeaderBytes + headerBytes) {
    throw damaged('it ends within its header');
  }
  const isCore = headerBytes === coreHeaderBytes;
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = isCore ? view.getUint16(20, true) : view.getInt32(22, true);
  if (width <= 0 || height === 0) throw damaged(`its header says ${width}x${height} pixels`);
  return {
    width,
    height: Math.abs(height),
    isTopDown: height < 0,
    bits: view.getUint16(isCore ? 24 : 28, true),
    compression: headerBytes < 40 ? compressions.none : view.getUint32(30, true),
    colours: headerBytes < 40 ? 0 : view.getUint32(46, true),
    headerBytes,
    start: view.getUint32(10, true),
  };
}

function unsupportedWhy({ bits, compression, headerBytes }: Header): string | undefined {
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits)) return `${bits} bits per pixel`;
  switch (compression) {
    case compressions.none:
      return undefined;
    case compressions.runLength8:
      return bits === 8 ? undefined : `8-bit run-length encoding at ${bits} bits per pixel`;
    case compressions.runLength4:
      return bits === 4 ? undefined : `4-bit run-length encoding at ${bits} bits per pixel`;
    case compressions.masks:
    case compressions.masksWithAlpha:
      // In OS/2's headers the same number means Huffman coding.
      return headerBytes !== 64 && (bits === 16 || bits === 32)
        ? undefined
        : `channel masks at ${bits} bits per pixel`;
    default:
      return `compression ${compression}`;
  }
}

const usedRowBytes = ({ width, bits }: Header) => Math.ceil((width * bits) / 8);

/** Rows are padded to a multiple of 4 bytes. */
const rowStride = (header: Header) => 4 * Math.ceil(usedRowBytes(header) / 4);

/** Index in the file of the image's row `y`, counted from the top. */
const storedRow = ({ height, isTopDown }: Header, y: number) => (isTopDown ? y : height - 1 - y);

/** RGB of each palette entry; entries that the file lacks are black. */
function paletteOf(bytes: Uint8Array, { headerBytes, bits, colours, start }: Header, damaged: Damaged) {
  const entryBytes = headerBytes === coreHeaderBytes ? 3 : 4;
  const first = fileHeaderBytes + headerBytes;
  const most = 2 ** bits;
  // In OS/2's files the palette may end early, where the pixels begin; in others the header gives its length.
  const room = Math.floor((start - first) / entryBytes);
  const count = Math.min(most, colours === 0 ? Math.min(most, room) : colours);
  if (count === 0 || count > room)
    throw damaged(`its palette has ${count || most} colours, but there is space for ${room}`);
  const palette = new Uint8Array(3 * most);
  for (let i = 0; i < count; i++) {
    const at = first + i * entryBytes;
    palette.set([bytes[at + 2] as number, bytes[at + 1] as number, bytes[at] as number], 3 * i);
  }
  return palette;
}

function palettePixels(indices: Uint8Array, { width, height }: Header, palette: Uint8Array): Pixels {
  const data = new Uint8Array(3 * indices.length);
  for (let i = 0, at = 0; i < indices.length; i++) {
    const entry = 3 * (indices[i] as number);
    data[at++] = palette[entry] as number;
    data[at++] = palette[entry + 1] as number;
    data[at++] = palette[entry + 2] as number;
  }
  return { data, width, height, channels: 3 };
}

/** Unpacks palette indices of 1, 2, 4 or 8 bits, most significant bits first. */
function packedIndices(bytes: Uint8Array, header: Header): Uint8Array {
  const { width, height, bits, start } = header;
  const indices = new Uint8Array(width * height);
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let y = 0, i = 0; y < height; y++) {
    const row = start + storedRow(header, y) * rowStride(header);
    for (let x = 0; x < width; x++) {
      const byte = bytes[row + Math.floor(x / perByte)] as number;
      indices[i++] = (byte >> (8 - bits - bits * (x % perByte))) & mask;
    }
  }
  return indices;
}

/**
 * Decodes run-length encoded palette indices: (count, value) pairs. (0, 0) ends a row and (0, 1) the image;
 * (0, 2) moves right and up by the next two bytes; (0, n) is followed by n literal values. Skipped pixels
 * have index 0.
 */
function runLengthIndices(bytes: Uint8Array, header: Header, damaged: Damaged): Uint8Array {
  const { width, height, compression, start } = header;
  const isHalf = compression === compressions.runLength4;
  const indices = new Uint8Array(width * height);
  let at = start;
  let x = 0;
  let y = 0;
  const next = (): number => {
    const byte = bytes[at++];
    if (byte === undefined) throw damaged('it ends within its run-length encoding');
    return byte;
  };
  const put = (index: number) => {
    if (x < width) indices[storedRow(header, y) * width + x++] = index;
  };
  while (y < height) {
    const [count, value] = [next(), next()];
    if (count > 0) {
      for (let i = 0; i < count; i++) put(isHalf ? halfOf(value, i) : value);
    } else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      x = Math.min(width, x + next());
      y += next();
    } else {
      let byte = 0;
      for (let i = 0; i < value; i++) {
        if (!isHalf || i % 2 === 0) byte = next();
        put(isHalf ? halfOf(byte, i) : byte);
      }
      // Literal values are padded to 16-bit words.
      if (Math.ceil(isHalf ? value / 2 : value) % 2 === 1) next();
    }
  }
  return indices;
}

/** The high nibble comes first. */
const halfOf = (byte: number, i: number) => (i % 2 === 0 ? byte >> 4 : byte & 0xf);

/** Decodes pixels of 16, 24 or 32 bits to RGB, or to RGBA if the header has an alpha mask. */
function directPixels(view: DataView, header: Header, damaged: Damaged): Pixels {
  const { width, height, bits, start } = header;
  const masks = masksOf(view, header, damaged);
  const [red, green, blue, alpha] = masks.map(maskReader) as [MaskReader, MaskReader, MaskReader, MaskReader];
  const hasAlpha = masks[3] !== 0;
  const channels = hasAlpha ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  let anyAlpha = 0;
  for (let y = 0, at = 0; y < height; y++) {
    let from = start + storedRow(header, y) * rowStride(header);
    for (let x = 0; x < width; x++, from += bits >> 3) {
      const pixel =
        bits === 16
          ? view.getUint16(from, true)
          : bits === 32
            ? view.getUint32(from, true)
            : view.getUint16(from, true) | (view.getUint8(from + 2) << 16);
      data[at++] = red(pixel);
      data[at++] = green(pixel);
      data[at++] = blue(pixel);
      if (hasAlpha) {
        data[at] = alpha(pixel);
        anyAlpha |= data[at++] as number;
      }
    }
  }
  // Many writers leave alpha at 0 in an opaque image.
  if (hasAlpha && anyAlpha === 0) for (let at = 3; at < data.length; at += 4) data[at] = 255;
  return { data, width, height, channels };
}

/** Bit masks of red, green, blue and alpha. */
function masksOf(
  view: DataView,
  { compression, bits, headerBytes }: Header,
  damaged: Damaged,
): readonly [number, number, number, number] {
  if (compression === compressions.none) {
    return bits === 16 ? [0x7c00, 0x03e0, 0x001f, 0] : [0xff0000, 0x00ff00, 0x0000ff, 0];
  }
  // The masks follow the first 40 bytes of the header, inside or after it.
  const hasAlpha = headerBytes >= 56 || compression === compressions.masksWithAlpha;
  if (view.byteLength < 54 + (hasAlpha ? 16 : 12)) throw damaged('it ends within its header');
  const mask = (at: number) => view.getUint32(at, true);
  return [mask(54), mask(58), mask(62), hasAlpha ? mask(66) : 0];
}

type MaskReader = (pixel: number) => number;

/** Reads one channel of a pixel as an 8-bit level. The bits of a mask are contiguous in every valid file. */
function maskReader(mask: number): MaskReader {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const width = 32 - Math.clz32(mask) - shift;
  const largest = 2 ** width - 1;
  if (width > 8) return (pixel) => ((pixel & mask) >>> shift) >>> (width - 8);
  const levels = levelTable(largest);
  return (pixel) => levels[((pixel & mask) >>> shift) & largest] as number;
}
