/** Sheets of grey pictures with lettering, as PNG: what a figure in SVG would be too large for. */
import sharp from 'sharp';
import type { GreyImage } from '../model/image.ts';
import { html, type Markup } from './markup.ts';
import { bookFace, lightPalette } from './palette.ts';

export interface PlacedPicture {
  readonly image: GreyImage;
  readonly left: number;
  readonly top: number;
  /** Whole factor by which every pixel is repeated; 1 where absent. */
  readonly zoom?: number;
}

export interface Sheet {
  readonly width: number;
  readonly height: number;
  readonly pictures: readonly PlacedPicture[];
  /** SVG elements drawn over everything. Text is 15 px, in ink, from its left end. */
  readonly lettering: readonly Markup[];
}

/**
 * PNG of the sheet on light paper, in a palette of 256 colours that keeps greys exact to 1 level or so. Lettering needs a font
 * on the machine; without one the pictures stand alone.
 */
export async function sheetPng({ width, height, pictures, lettering }: Sheet): Promise<Uint8Array> {
  const { paper, ink } = lightPalette;
  const overlay =
    html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="${bookFace}" font-size="15" fill="${ink}">${lettering}</svg>`
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
