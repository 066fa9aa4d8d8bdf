/**
 * The kernels of the first convolution as grey tiles: what the network looks for in the raw patch. Each tile
 * is scaled by its own largest weight: middle grey is 0, white the largest positive weight, black the largest
 * negative.
 */
import sharp from 'sharp';
import { TexturaError } from '../model/error.ts';
import { significant } from '../model/format.ts';
import type { StoredTensor } from '../model/safetensors.ts';
import { type Drawing, svgFile } from './drawing.ts';
import { html, type Markup } from './markup.ts';
import { lightPalette, type Palette } from './palette.ts';
import { pngDataUrl } from './pictures.ts';

const figure = { tilesPerRow: 5, tilePx: 60, gapPx: 14, captionPx: 16 } as const;
const strip = { tilesPerRow: 10, weightPx: 5, gapPx: 5 } as const;

/** filters.svg. `kernel` is `[filters, 1, kernelPx, kernelPx]`. */
export function filtersFile(kernel: StoredTensor, heading: string): string {
  return svgFile(filtersFigure(kernel, lightPalette), heading);
}

/** Errors: `file-damaged` where the tensor is not that of a convolution over grey patches. */
export function filtersFigure(kernel: StoredTensor, palette: Palette): Drawing {
  const { tilesPerRow, tilePx, gapPx, captionPx } = figure;
  const { filters, kernelPx } = filterShape(kernel);
  const tiles = filters.map((weights, f) => {
    const x = (f % tilesPerRow) * (tilePx + gapPx);
    const y = Math.floor(f / tilesPerRow) * (tilePx + captionPx + gapPx);
    return html`<g transform="translate(${x},${y})">${svgTile(weights, kernelPx, palette)}</g>
`;
  });
  const rows = Math.ceil(filters.length / tilesPerRow);
  return {
    width: tilesPerRow * (tilePx + gapPx) - gapPx,
    height: rows * (tilePx + captionPx + gapPx) - gapPx,
    body: html`${tiles}`.markup,
  };
}

/** Weights that are not finite are drawn in the colour of faults. */
function svgTile(weights: readonly number[], kernelPx: number, { wrong, muted }: Palette): Markup {
  const { tilePx } = figure;
  const weightPx = tilePx / kernelPx;
  const { largest, levels } = greyLevels(weights);
  const cells = levels.map((level, i) => {
    const fill = level === undefined ? wrong : `#${level.toString(16).padStart(2, '0').repeat(3)}`;
    const x = (i % kernelPx) * weightPx;
    const y = Math.floor(i / kernelPx) * weightPx;
    return html`<rect x="${x}" y="${y}" width="${weightPx}" height="${weightPx}" fill="${fill}"/>`;
  });
  const scale = Number.isFinite(largest) ? `±${significant(largest)}` : 'not finite';
  return html`<g shape-rendering="crispEdges">${cells}</g><rect width="${tilePx}" height="${tilePx}" fill="none" stroke="${muted}" stroke-width="0.5"/><text x="${tilePx / 2}" y="${tilePx + 12}" font-size="10" fill="${muted}">${scale}</text>`;
}

/**
 * The tiles as one small picture, so that those of all networks of a study fit on a page: a data URL of a
 * PNG. Gaps and weights that are not finite are transparent.
 */
export async function filtersStrip(kernel: StoredTensor): Promise<string> {
  const { tilesPerRow, weightPx, gapPx } = strip;
  const { filters, kernelPx } = filterShape(kernel);
  const pitchPx = kernelPx * weightPx + gapPx;
  const width = Math.min(tilesPerRow, filters.length) * pitchPx - gapPx;
  const height = Math.ceil(filters.length / tilesPerRow) * pitchPx - gapPx;
  const pixels = new Uint8Array(width * height * 2); // [height, width, grey and opacity]
  filters.forEach((weights, f) => {
    const left = (f % tilesPerRow) * pitchPx;
    const top = Math.floor(f / tilesPerRow) * pitchPx;
    greyLevels(weights).levels.forEach((level, i) => {
      if (level === undefined) return;
      const x = left + (i % kernelPx) * weightPx;
      const y = top + Math.floor(i / kernelPx) * weightPx;
      for (let row = y; row < y + weightPx; row++)
        for (let at = x; at < x + weightPx; at++) pixels.set([level, 255], 2 * (row * width + at));
    });
  });
  const raw = { width, height, channels: 2 } as const;
  return pngDataUrl(await sharp(pixels, { raw }).png({ compressionLevel: 9 }).toBuffer());
}

function filterShape({ shape, data }: StoredTensor) {
  const [count = 0, channels, kernelPx = 0, columns] = shape;
  if (channels !== 1 || kernelPx !== columns || shape.length !== 4 || count === 0) {
    throw new TexturaError(
      'file-damaged',
      `kernel of the first convolution: expected [filters,1,size,size], got [${shape}]`,
    );
  }
  const size = kernelPx ** 2;
  const filters = Array.from({ length: count }, (_, f) => Array.from(data.slice(f * size, (f + 1) * size)));
  return { kernelPx, filters };
}

/**
 * The largest absolute weight of a filter, and the grey level of each weight, 0..255; undefined for one that
 * is not finite.
 */
function greyLevels(weights: readonly number[]) {
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const levels = weights.map((weight) => {
    if (!Number.isFinite(weight)) return undefined;
    return largest > 0 && Number.isFinite(largest) ? Math.round(127.5 * (1 + weight / largest)) : 128;
  });
  return { largest, levels };
}
