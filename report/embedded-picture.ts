/** A picture as part of the page: as it is where it is small, else as WebP within the page's budget. */
import sharp from 'sharp';

/** Base64 adds a third; figures and tables of a hundred classes take 300 KB of the page's 600. */
const largestBytes = 200_000;
/** Tried in turn; even plain noise fits by the last. */
const attempts = [
  { width: 984, quality: 80 },
  { width: 984, quality: 50 },
  { width: 656, quality: 50 },
  { width: 492, quality: 30 },
] as const;

/** A data URL of a PNG. Errors: those of sharp, where it is not one. */
export async function embeddedPicture(png: Uint8Array): Promise<string> {
  if (png.length <= largestBytes) return dataUrl('image/png', png);
  let smallest: Uint8Array = png;
  for (const { width, quality } of attempts) {
    const scaled = sharp(png).resize({ width, withoutEnlargement: true });
    smallest = await scaled.webp({ quality }).toBuffer();
    if (smallest.length <= largestBytes) break;
  }
  return dataUrl('image/webp', smallest);
}

function dataUrl(type: string, data: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(data).toString('base64')}`;
}
