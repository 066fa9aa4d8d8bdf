/**
 * Encodes PNG files at once, and reads them back. A canvas encodes them one by one, each in a task of its own,
 * which takes seconds for many patches (W3C, "Portable Network Graphics", third edition).
 */
import { strToU8, unzlibSync, zlibSync } from 'fflate';

/** An 8-bit grey PNG of `levels` `[height,width]`, row by row. */
export function greyPng(levels: Uint8Array, width: number): Uint8Array {
  const height = levels.length / width;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // 8 bits, grey; the methods of compression, filters and interlacing are all 0.
  header[8] = 8;
  // Every row begins with its filter: 0, none.
  const rows = new Uint8Array(height * (width + 1));
  for (let row = 0; row < height; row++)
    rows.set(levels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('IDAT', zlibSync(rows)),
    chunk('IEND', new Uint8Array()),
  ];
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/**
 * The levels of a file that `greyPng` wrote, `[side,side]`; undefined for other files: of another size or kind,
 * filtered, or damaged.
 */
export function greyPngLevels(file: Uint8Array, side: number): Uint8Array | undefined {
  const expected = greyPng(new Uint8Array(side * side), side).subarray(0, headerBytes);
  if (!expected.every((byte, i) => file[i] === byte)) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const dataBytes = view.byteLength < headerBytes + 8 ? 0 : view.getUint32(headerBytes);
  const rows = new Uint8Array(side * (side + 1));
  try {
    const start = headerBytes + 8;
    const end = start + dataBytes;
    if (view.getUint32(end) !== crc32(file.subarray(start - 4, end))) return undefined;
    const filled = unzlibSync(file.subarray(start, end), { out: rows });
    if (filled.length !== rows.length) return undefined;
  } catch {
    return undefined;
  }
  const levels = new Uint8Array(side * side);
  for (let row = 0; row < side; row++) {
    if (rows[row * (side + 1)] !== 0) return undefined;
    levels.set(rows.subarray(row * (side + 1) + 1, (row + 1) * (side + 1)), row * side);
  }
  return levels;
}

/** Signature and header chunk. */
const headerBytes = 8 + 25;

/** Length, type, data, and the CRC of type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(strToU8(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++)
    remainder = remainder & 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1;
  return remainder;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}
