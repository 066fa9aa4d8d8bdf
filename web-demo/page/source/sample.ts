/** Pictures that need no camera: surfaces that the project draws itself, one alone or twelve beside each other. */
import type { GreyImage } from '../../../model/image.ts';
import type { TextureName } from '../../../textures/textures.ts';
import type { TextureApi } from '../../shared/texture-api.ts';
import type { WorkerClient } from '../../shared/worker-calls.ts';
import { context2d, element } from '../dom/element.ts';

/** Draws textures, in the order of the calls. */
export type TextureWorker = WorkerClient<TextureApi>;

export const sampleSize = { width: 640, height: 480 } as const;

/** Easily told apart, and in an order in which neighbours differ. */
const patchwork: readonly TextureName[] = [
  'brick',
  'fur',
  'tiles',
  'water',
  'denim',
  'honeycomb',
  'wood',
  'gravel',
  'knit',
  'marble',
  'foliage',
  'plaid',
];
const patchworkColumns = 4;

/** A corner of a square of the trained size that lies within one piece of the patchwork. */
export const withinOnePiece = { x: 208, y: 208 } as const;

/** Twelve textures in three rows. */
export async function drawPatchwork(worker: TextureWorker, index: number): Promise<HTMLCanvasElement> {
  const canvas = element('canvas', sampleSize);
  const side = sampleSize.width / patchworkColumns;
  const pieces = patchwork.map(async (texture, i) => {
    const image = await worker.call('draw', { texture, index, width: side, height: side });
    paintGrey(canvas, image, side * (i % patchworkColumns), side * Math.floor(i / patchworkColumns));
  });
  await Promise.all(pieces);
  return canvas;
}

export async function drawSample(
  worker: TextureWorker,
  texture: TextureName,
  index: number,
): Promise<HTMLCanvasElement> {
  const canvas = element('canvas', sampleSize);
  paintGrey(canvas, await worker.call('draw', { texture, index, ...sampleSize }), 0, 0);
  return canvas;
}

/** Puts grey levels into a canvas with their upper left corner at (`x`, `y`). */
export function paintGrey(canvas: HTMLCanvasElement, image: GreyImage, x: number, y: number): void {
  const pixels = new ImageData(image.width, image.height);
  const { data } = pixels;
  image.data.forEach((level, i) => {
    data[4 * i] = level;
    data[4 * i + 1] = level;
    data[4 * i + 2] = level;
    data[4 * i + 3] = 255;
  });
  context2d(canvas, { willReadFrequently: true }).putImageData(pixels, x, y);
}
