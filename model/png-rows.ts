/** The rows of a PNG once they are inflated (PNG specification, third edition, section 9). */

/**
 * Undoes the filters of rows that begin with the number of theirs: each byte was stored less what the bytes
 * of the pixel to its left (a), above (b) and above that (c) foretell, which are 0 outside of the image (PNG
 * specification, section 9.2). Undefined for a filter that there is not. In the memory of the rows, since
 * what is stored lies behind what is read already; no views of rows are made: there would be more of them
 * than there is work.
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
      rows[at] = (rows[stored + i] as number) + foretold(filter, a, b, c);
    }
  }
  return rows.subarray(0, rowBytes * height);
}

function foretold(filter: number, a: number, b: number, c: number): number {
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

/** Of a, b and c the one that is nearest to a + b - c. */
function paeth(a: number, b: number, c: number): number {
  const toA = Math.abs(b - c);
  const toB = Math.abs(a - c);
  const toC = Math.abs(a + b - 2 * c);
  if (toA <= toB && toA <= toC) return a;
  return toB <= toC ? b : c;
}
