/** Pictures that need no camera: surfaces that the project draws itself, one alone or twelve beside each other. */
import type { GreyImage } from '../../../model/image.ts';
import type { TextureName } from '../../../textures/textures.ts';
import { InferenceError } from '../../shared/faults.ts';
import type { Drawing, DrawingOrder } from '../../shared/texture-messages.ts';
import { context2d, element } from '../dom/element.ts';
import { startWorker } from '../start-worker.ts';

export type TexturePainter = (
  texture: TextureName,
  index: number,
  width: number,
  height: number,
) => Promise<GreyImage>;

/** Draws textures in a worker, in the order in which they are asked for. Rejects where the worker fails or is missing. */
export function texturePainter(): TexturePainter {
  const pending = new Map<number, { resolve(image: GreyImage): void; reject(error: Error): void }>();
  let lastId = 0;
  let lost: InferenceError | undefined;
  const worker = startWorker('texture-worker', (cause) => {
    lost = new InferenceError(cause);
    for (const { reject } of pending.values()) reject(lost);
    pending.clear();
  });
  worker.addEventListener('message', ({ data }: MessageEvent<Drawing>) => {
    pending.get(data.id)?.resolve(data.image);
    pending.delete(data.id);
  });
  return (texture, index, width, height) =>
    new Promise((resolve, reject) => {
      if (lost !== undefined) return reject(lost);
      const id = ++lastId;
      pending.set(id, { resolve, reject });
      worker.postMessage({ id, texture, index, width, height } satisfies DrawingOrder);
    });
}

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
export async function drawPatchwork(paint: TexturePainter, index: number): Promise<HTMLCanvasElement> {
  const canvas = element('canvas', sampleSize);
  const side = sampleSize.width / patchworkColumns;
  const pieces = patchwork.map(async (texture, i) => {
    const image = await paint(texture, index, side, side);
    paintGrey(canvas, image, side * (i % patchworkColumns), side * Math.floor(i / patchworkColumns));
  });
  await Promise.all(pieces);
  return canvas;
}

export async function drawSample(
  paint: TexturePainter,
  texture: TextureName,
  index: number,
): Promise<HTMLCanvasElement> {
  const canvas = element('canvas', sampleSize);
  paintGrey(canvas, await paint(texture, index, sampleSize.width, sampleSize.height), 0, 0);
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
