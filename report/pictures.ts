/**
 * Pixel pictures, for what would be too large as SVG: sheets of grey pictures with captions, and pictures
 * embedded in a page.
 */
import sharp from 'sharp';
import type { GreyImage } from '../model/image.ts';
import { html, type Markup } from './markup.ts';
import { lightPalette, serifFonts } from './palette.ts';

export interface PlacedPicture {
  readonly image: GreyImage;
  readonly left: number;
  readonly top: number;
  /** Integer factor by which every pixel is repeated; default 1. */
  readonly zoom?: number;
}

interface Sheet {
  readonly width: number;
  readonly height: number;
  readonly pictures: readonly PlacedPicture[];
  /** SVG elements drawn on top. Text is 15 px, in ink, left-aligned. */
  readonly captions: readonly Markup[];
}

/**
 * PNG of the sheet on light paper, with 256 colours, which keep greys to about 1 level. Captions need a font
 * on the machine; without one they are left out.
 */
export async function sheetPng({ width, height, pictures, captions }: Sheet): Promise<Uint8Array> {
  const { paper, ink } = lightPalette;
  const overlay =
    html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="${serifFonts}" font-size="15" fill="${ink}">${captions}</svg>`
      .markup;
  const placed = await Promise.all(pictures.map(placedPicture));
  return sharp({ create: { width, height, channels: 3, background: paper } })
    .composite([...placed, { input: Buffer.from(overlay), left: 0, top: 0 }])
    .png({ palette: true, colours: 256, dither: 0, effort: 8 })
    .toBuffer();
}

async function placedPicture({ image, left, top, zoom = 1 }: PlacedPicture) {
  const { data, width, height } = image;
  const input = await sharp(data, { raw: { width, height, channels: 1 } })
    .resize(width * zoom, height * zoom, { kernel: 'nearest' })
    .png({ compressionLevel: 0 })
    .toBuffer();
  return { input, left, top };
}

/** Base64 adds a third; figures and tables of a hundred classes take 300 KB of the page's 600. */
const largestBytes = 200_000;
/** Tried in turn; even noise fits with the last. */
const attempts = [
  { width: 984, quality: 80 },
  { width: 984, quality: 50 },
  { width: 656, quality: 50 },
  { width: 492, quality: 30 },
] as const;

/**
 * A data URL of a PNG: unchanged if it is small, otherwise as WebP within the page's budget. Errors: those of
 * sharp.
 */
export async function embeddedPicture(png: Uint8Array): Promise<string> {
  if (png.length <= largestBytes) return pngDataUrl(png);
  let smallest: Uint8Array = png;
  for (const { width, quality } of attempts) {
    const scaled = sharp(png).resize({ width, withoutEnlargement: true });
    smallest = await scaled.webp({ quality }).toBuffer();
    if (smallest.length <= largestBytes) break;
  }
  return dataUrl('image/webp', smallest);
}

export function pngDataUrl(png: Uint8Array): string {
  return dataUrl('image/png', png);
}

function dataUrl(type: string, data: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(data).toString('base64')}`;
}

/** The levels `[height,width]` of an image that is scaled to this size. Errors: those of sharp. */
export async function scaledLevels(
  { data, ...from }: GreyImage,
  width: number,
  height: number,
): Promise<Uint8Array> {
  return sharp(data, { raw: { width: from.width, height: from.height, channels: 1 } })
    .resize(width, height, { fit: 'fill' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
}

/** A picture in colour. */
export interface Raster {
  /** `[height,width,3]` */
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

interface AnnotatedPicture {
  readonly picture: Raster;
  readonly title: string;
  /** A line below the title. */
  readonly remark: string;
  readonly legend: {
    readonly width: number;
    readonly height: number;
    /** SVG elements from this place on. */
    readonly elements: (left: number, top: number) => Markup;
  };
}

const marginPx = 36;
const titlePx = 66;
/** For the remark. */
const leastWidthPx = 760;

/**
 * PNG of a picture on light paper, with a title above and a legend to its right. Texts need a font on the
 * machine; without one they are left out.
 */
export async function annotatedPng({
  picture,
  title,
  remark,
  legend,
}: AnnotatedPicture): Promise<Uint8Array> {
  const { data, width, height } = picture;
  const { paper, ink, muted } = lightPalette;
  const top = titlePx + marginPx;
  const sheet = {
    width: Math.max(3 * marginPx + width + legend.width, leastWidthPx),
    height: top + Math.max(height, legend.height) + marginPx,
  };
  const overlay = html`<svg xmlns="http://www.w3.org/2000/svg" width="${sheet.width}" height="${sheet.height}" font-family="${serifFonts}">
<text x="${marginPx}" y="${marginPx + 24}" font-size="27" fill="${ink}">${title}</text>
<text x="${marginPx}" y="${marginPx + 51}" font-size="16" fill="${muted}">${remark}</text>
${legend.elements(2 * marginPx + width, top)}</svg>`;
  return sharp({ create: { ...sheet, channels: 3, background: paper } })
    .composite([
      { input: data, raw: { width, height, channels: 3 }, left: marginPx, top },
      { input: Buffer.from(overlay.markup) },
    ])
    .png({ compressionLevel: 9 })
    .toBuffer();
}

export const thumbnailPx = 220;

/**
 * A data URL of a small WebP of an image `[height,width]` or `[height,width,3]`, its longer side 220 pixels at
 * most. Errors: those of sharp.
 */
export async function thumbnail({ data, width, height }: GreyImage | Raster): Promise<string> {
  const size = { width: thumbnailPx, height: thumbnailPx, fit: 'inside', withoutEnlargement: true } as const;
  const channels = data.length === 3 * width * height ? 3 : 1;
  const picture = sharp(data, { raw: { width, height, channels } }).resize(size);
  return dataUrl('image/webp', await picture.webp({ quality: 60 }).toBuffer());
}
