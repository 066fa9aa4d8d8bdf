/** conv1's kernels as one small picture, so that those of all networks fit on a page. */
import sharp from 'sharp';
import type { StoredTensor } from '../../model/safetensors.ts';

const tilesPerRow = 10;
/** Side of one weight. */
const weightPx = 5;
const gapPx = 5;
/** Grey and opacity. */
const channels = 2;

/**
 * A data URL of a PNG. `kernel` is `[filters, 1, kernelPx, kernelPx]`; each tile is scaled by its own largest weight, middle grey is 0.
 * Gaps and weights that are not finite are clear.
 */
export async function filtersStrip({ shape, data }: StoredTensor): Promise<string> {
  const [filters = 0, , kernelPx = 0] = shape;
  const tilePx = kernelPx * weightPx;
  const columns = Math.min(tilesPerRow, filters);
  const width = columns * (tilePx + gapPx) - gapPx;
  const height = Math.ceil(filters / tilesPerRow) * (tilePx + gapPx) - gapPx;
  const pixels = new Uint8Array(width * height * channels);
  for (let f = 0; f < filters; f++) {
    const weights = data.slice(f * kernelPx ** 2, (f + 1) * kernelPx ** 2);
    const left = (f % tilesPerRow) * (tilePx + gapPx);
    const top = Math.floor(f / tilesPerRow) * (tilePx + gapPx);
    drawTile(pixels, width, { left, top, tilePx, kernelPx }, weights);
  }
  const raw = { width, height, channels } as const;
  const png = await sharp(pixels, { raw }).png({ compressionLevel: 9 }).toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

interface Tile {
  readonly left: number;
  readonly top: number;
  readonly tilePx: number;
  readonly kernelPx: number;
}

function drawTile(
  pixels: Uint8Array,
  width: number,
  { left, top, tilePx, kernelPx }: Tile,
  weights: ArrayLike<number>,
): void {
  let largest = 0;
  for (let i = 0; i < weights.length; i++) largest = Math.max(largest, Math.abs(weights[i] as number));
  for (let y = 0; y < tilePx; y++) {
    for (let x = 0; x < tilePx; x++) {
      const at = Math.floor(y / weightPx) * kernelPx + Math.floor(x / weightPx);
      const share = largest > 0 ? (weights[at] as number) / largest : 0;
      if (!Number.isFinite(share)) continue;
      const pixel = channels * ((top + y) * width + left + x);
      pixels.set([Math.round(127.5 * (1 + share)), 255], pixel);
    }
  }
}
