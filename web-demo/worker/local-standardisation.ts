/**
 * Standardises a whole picture for a sliding network. On a single patch, the network's first layer uses the
 * mean and variance of that patch, but overlapping windows share their pixels. Here each pixel uses the 64x64
 * window around it, moved inside at the edges: the same formula, with statistics that vary smoothly.
 */
import type { GreyImage } from '../../model/image.ts';
import { inputPx } from '../../model/patch.ts';

/**
 * `(x - mean) / sqrt(variance + floor)` of every pixel, `[height,width]`. The picture's sides must have 64
 * pixels or more.
 */
export function standardiseLocally(image: GreyImage, varianceFloor: number): Float32Array {
  const { data, width, height } = image;
  const sums = areaSums(image);
  const result = new Float32Array(data.length);
  const area = inputPx ** 2;
  const stored = width + 1;
  for (let y = 0; y < height; y++) {
    const top = windowStart(y, height);
    for (let x = 0; x < width; x++) {
      const left = windowStart(x, width);
      const [a, b] = [top * stored + left, (top + inputPx) * stored + left];
      const mean = windowSum(sums.values, a, b) / area;
      const variance = windowSum(sums.squares, a, b) / area - mean * mean;
      const at = y * width + x;
      result[at] = ((data[at] as number) - mean) / Math.sqrt(variance + varianceFloor);
    }
  }
  return result;
}

function windowStart(position: number, size: number): number {
  return Math.min(Math.max(position - inputPx / 2, 0), size - inputPx);
}

/** Sum over a 64x64 window, given the offsets of its first row and of the row after its last one. */
function windowSum(sums: Float64Array, top: number, bottom: number): number {
  return (
    (sums[bottom + inputPx] as number) -
    (sums[bottom] as number) -
    (sums[top + inputPx] as number) +
    (sums[top] as number)
  );
}

/**
 * Summed-area tables (Crow 1984) of the values and their squares, `[height + 1, width + 1]`; exact in
 * float64.
 */
function areaSums({ data, width, height }: GreyImage) {
  const stored = width + 1;
  const values = new Float64Array(stored * (height + 1));
  const squares = new Float64Array(stored * (height + 1));
  for (let y = 0; y < height; y++) {
    let rowSum = 0;
    let rowSquares = 0;
    for (let x = 0; x < width; x++) {
      const value = data[y * width + x] as number;
      rowSum += value;
      rowSquares += value * value;
      const at = (y + 1) * stored + x + 1;
      values[at] = (values[at - stored] as number) + rowSum;
      squares[at] = (squares[at - stored] as number) + rowSquares;
    }
  }
  return { values, squares };
}
