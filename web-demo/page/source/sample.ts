/** Sample pictures: one generated texture, or a patchwork of twelve. */
import type { TextureName } from '../../../textures/textures.ts';
import type { TextureApi } from '../../shared/texture-api.ts';
import type { WorkerClient } from '../../shared/worker-calls.ts';
import { element } from '../dom/element.ts';
import { paintGrey } from '../stage/capture.ts';

export type TextureWorker = WorkerClient<TextureApi>;

const sampleSize = { width: 640, height: 480 } as const;

/** Easy to distinguish, in an order in which neighbours differ. */
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

/** Corner of a square of 64 pixels that lies within one piece of the patchwork. */
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
