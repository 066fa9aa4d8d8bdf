/** What the decoders of PNG files share. */

/** The first bytes of a file. */
export const pngSignature = '\x89PNG\r\n\x1a\n';

/**
 * Removes the filter bytes of an inflated PNG and reverses the filters (PNG specification, third edition,
 * section 9.2): each byte is stored as the difference from a prediction by the bytes of the pixels to the
 * left (a), above (b) and above left (c), which are 0 outside the image. Undefined for an unknown filter. It
 * works in place, because the output never overtakes the input, and creates no row views, which would cost
 * more than the work itself.
 */
export function unfilteredRows(
  rows: Uint8Array,
  rowBytes: number,
  pixelBytes: number,
): Uint8Array | undefined {
  const height = rows.length / (rowBytes + 1);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (rowBytes + 1)] as number;
    const stored = y * (rowBytes + 1) + 1;
    const start = y * rowBytes;
    if (filter > 4) return undefined;
    if (filter === 0) {
      rows.copyWithin(start, stored, stored + rowBytes);
      continue;
    }
    for (let i = 0; i < rowBytes; i++) {
      const at = start + i;
      const a = i < pixelBytes ? 0 : (rows[at - pixelBytes] as number);
      const b = y === 0 ? 0 : (rows[at - rowBytes] as number);
      const c = i < pixelBytes || y === 0 ? 0 : (rows[at - rowBytes - pixelBytes] as number);
      rows[at] = (rows[stored + i] as number) + predicted(filter, a, b, c);
    }
  }
  return rows.subarray(0, rowBytes * height);
}

function predicted(filter: number, a: number, b: number, c: number): number {
  switch (filter) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return (a + b) >> 1;
    default:
      return paeth(a, b, c);
  }
}

/** Whichever of a, b and c is closest to a + b - c. */
function paeth(a: number, b: number, c: number): number {
  const toA = Math.abs(b - c);
  const toB = Math.abs(a - c);
  const toC = Math.abs(a + b - 2 * c);
  if (toA <= toB && toA <= toC) return a;
  return toB <= toC ? b : c;
}
