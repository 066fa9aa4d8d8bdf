/**
 * The kernels of the first convolution as grey tiles: what the network looks for in the raw patch. Each tile is scaled by its own
 * largest weight, symmetric around zero: middle grey is 0, white its largest positive weight, black its largest negative.
 */
import { TexturaError } from '../model/error.ts';
import type { StoredTensor } from '../model/safetensors.ts';
import { type Drawing, svgFile } from './drawing.ts';
import { html, type Markup } from './markup.ts';
import { significant } from './numerals.ts';
import { lightPalette, type Palette } from './palette.ts';

const tilesPerRow = 5;
const tilePx = 60;
const gapPx = 14;
const captionPx = 16;

/** filters.svg. `kernel` is `[filters, 1, kernelPx, kernelPx]`. */
export function filtersFile(kernel: StoredTensor, heading: string): string {
  return svgFile(filtersFigure(kernel, lightPalette), heading);
}

/** Errors: `file-damaged` where the tensor is not that of a convolution over grey patches. */
export function filtersFigure({ shape, data }: StoredTensor, palette: Palette): Drawing {
  const [filters = 0, channels, kernelPx = 0, columns] = shape;
  if (channels !== 1 || kernelPx !== columns || shape.length !== 4 || filters === 0) {
    throw new TexturaError(
      'file-damaged',
      `kernel of the first convolution: expected [filters,1,size,size], got [${shape}]`,
    );
  }
  const weights = kernelPx ** 2;
  const tiles = Array.from({ length: filters }, (_, f) => {
    const x = (f % tilesPerRow) * (tilePx + gapPx);
    const y = Math.floor(f / tilesPerRow) * (tilePx + captionPx + gapPx);
    return html`<g transform="translate(${x},${y})">${tile(data.slice(f * weights, (f + 1) * weights), kernelPx, palette)}</g>
`;
  });
  const rows = Math.ceil(filters / tilesPerRow);
  return {
    width: tilesPerRow * (tilePx + gapPx) - gapPx,
    height: rows * (tilePx + captionPx + gapPx) - gapPx,
    body: html`${tiles}`.markup,
  };
}

function tile(weights: ArrayLike<number>, kernelPx: number, palette: Palette): Markup {
  const largest = Array.from(weights).reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const cellPx = tilePx / kernelPx;
  const cells = Array.from(weights, (weight, i) => {
    const x = (i % kernelPx) * cellPx;
    const y = Math.floor(i / kernelPx) * cellPx;
    return html`<rect x="${x}" y="${y}" width="${cellPx}" height="${cellPx}" fill="${grey(weight, largest, palette)}"/>`;
  });
  const scale = Number.isFinite(largest) ? `±${significant(largest)}` : 'not finite';
  return html`<g shape-rendering="crispEdges">${cells}</g><rect width="${tilePx}" height="${tilePx}" fill="none" stroke="${palette.muted}" stroke-width="0.5"/><text x="${tilePx / 2}" y="${tilePx + 12}" font-size="10" fill="${palette.muted}">${scale}</text>`;
}

/** The grey of a weight, `#000000`..`#ffffff`; weights that are not finite are drawn in the colour of faults. */
function grey(weight: number, largest: number, { wrong }: Palette): string {
  if (!Number.isFinite(weight)) return wrong;
  const level = largest > 0 && Number.isFinite(largest) ? Math.round(127.5 * (1 + weight / largest)) : 128;
  return `#${level.toString(16).padStart(2, '0').repeat(3)}`;
}
