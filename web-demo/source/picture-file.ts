/** Pictures by file, drop or paste. The browser decodes; nothing is sent anywhere. */
import { context2d, element } from '../dom/element.ts';

export const pictureFaults = ['not-picture', 'heic', 'damaged', 'too-large'] as const;
export type PictureFault = (typeof pictureFaults)[number];

/** Why a file is no picture for this page. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly fault: PictureFault;

  constructor(fault: PictureFault, options?: ErrorOptions) {
    super(`picture: ${fault}`, options);
    this.fault = fault;
  }
}

/** Most pixels: their bytes, four times over, are about what a phone's browser lets a page have. */
const mostPixels = 50_000_000;

/**
 * Decodes a picture as `model/` wants it: EXIF orientation applied, colours in sRGB, transparent places on white.
 * Errors: PictureError.
 */
export async function decodePicture(file: Blob): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(async (cause) => {
    throw new PictureError(await faultOf(file), { cause });
  });
  const { width, height } = bitmap;
  try {
    if (width * height > mostPixels) throw new PictureError('too-large');
    const canvas = element('canvas', { width, height });
    const context = context2d(canvas, { willReadFrequently: true });
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return canvas;
  } finally {
    bitmap.close();
  }
}

/** ISO base media brands of HEIC, which most browsers don't decode and most phones write. */
const heicBrands = ['heic', 'heix', 'hevc', 'mif1', 'msf1'];

async function faultOf(file: Blob): Promise<PictureFault> {
  const head = new TextDecoder('latin1').decode(await file.slice(0, 12).arrayBuffer());
  if (head.slice(4, 8) === 'ftyp' && heicBrands.includes(head.slice(8, 12))) return 'heic';
  const isPicture = file.type.startsWith('image/') || /^(\x89PNG|\xff\xd8\xff|GIF8|RIFF)/.test(head);
  return isPicture ? 'damaged' : 'not-picture';
}

/** The first picture among what was dropped or pasted. */
export function pictureIn(transfer: DataTransfer | null): File | undefined {
  const files = [...(transfer?.files ?? [])];
  return files.find(({ type }) => type.startsWith('image/')) ?? files[0];
}
