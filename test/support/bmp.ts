/** Bitmaps made by hand, by Microsoft's description of BITMAPFILEHEADER and BITMAPINFOHEADER. */

export interface BmpContent {
  readonly width: number;
  /** Negative: rows from the top. */
  readonly height: number;
  readonly bits: number;
  /** As they stand in the file, padding included. */
  readonly rows: Buffer;
  readonly compression?: number;
  /** Behind the header: masks, palette. */
  readonly tables?: Buffer;
  /** 12, 40, 56, 108 or 124. */
  readonly headerBytes?: number;
  readonly colours?: number;
  /** Of headers of 56 bytes and more. */
  readonly masks?: readonly [red: number, green: number, blue: number, alpha: number];
}

export function bmpOf({
  width,
  height,
  bits,
  rows,
  compression = 0,
  tables = Buffer.alloc(0),
  headerBytes = 40,
  colours = 0,
  masks,
}: BmpContent): Buffer {
  const file = Buffer.alloc(14);
  file.write('BM', 'latin1');
  file.writeUInt32LE(14 + headerBytes + tables.length + rows.length, 2);
  file.writeUInt32LE(14 + headerBytes + tables.length, 10);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(headerBytes, 0);
  if (headerBytes === 12) {
    header.writeUInt16LE(width, 4);
    header.writeUInt16LE(height, 6);
    header.writeUInt16LE(1, 8);
    header.writeUInt16LE(bits, 10);
  } else {
    header.writeInt32LE(width, 4);
    header.writeInt32LE(height, 8);
    header.writeUInt16LE(1, 12);
    header.writeUInt16LE(bits, 14);
    header.writeUInt32LE(compression, 16);
    header.writeUInt32LE(colours, 32);
    masks?.forEach((mask, i) => {
      header.writeUInt32LE(mask, 40 + 4 * i);
    });
  }
  return Buffer.concat([file, header, tables, rows]);
}

/**
 * A bitmap of 24 bits of RGB pixels from the top, as most programs write it: blue first, rows from the
 * bottom.
 */
export function bmpOfRgb({
  data,
  width,
  height,
}: {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}): Buffer {
  const stride = 4 * Math.ceil((3 * width) / 4);
  const rows = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [3 * (y * width + x), (height - 1 - y) * stride + 3 * x];
      for (let c = 0; c < 3; c++) rows[to + c] = data[from + 2 - c] as number;
    }
  }
  return bmpOf({ width, height, bits: 24, rows });
}

/** Palette entries: blue, green, red and a byte of nothing. */
export function bmpPalette(
  colours: readonly (readonly [red: number, green: number, blue: number])[],
): Buffer {
  return Buffer.from(colours.flatMap(([red, green, blue]) => [blue, green, red, 0]));
}
