/**
 * The dataset that needs no photographs: 40 pictures of 192x192 pixels of each procedural texture. The
 * pictures do not depend on the seed of a run.
 */
import { availableParallelism } from 'node:os';
import type { GreyImage } from '../../model/image.ts';
import { startThread } from '../../node/thread.ts';
import { drawTexture, type TextureName, textureNames } from '../../textures/textures.ts';

/** Its value of `--data`. */
export const generatedSource = 'generated';

const picturesPerTexture = 40;
const pictureSidePx = 192;
const pictureSeed = 1;

export function drawGeneratedImage(texture: TextureName, index: number): GreyImage {
  return drawTexture(texture, pictureSeed, index, pictureSidePx, pictureSidePx);
}

export interface GeneratedPicture {
  readonly texture: TextureName;
  readonly index: number;
  readonly grey: GreyImage;
}

/** The pictures that a worker draws: every `stride`-th of the whole list, from `first`. */
export interface DrawingShare {
  readonly first: number;
  readonly stride: number;
  readonly perTexture: number;
}

export function* drawShare({ first, stride, perTexture }: DrawingShare): Generator<GeneratedPicture> {
  const list = textureNames.flatMap((texture) =>
    Array.from({ length: perTexture }, (_, index) => ({ texture, index })),
  );
  for (let at = first; at < list.length; at += stride) {
    const picture = list[at];
    if (picture !== undefined) yield { ...picture, grey: drawGeneratedImage(picture.texture, picture.index) };
  }
}

/**
 * Draws the dataset in worker threads (7 ms a picture). Calls `take` with each picture as it is ready, in any
 * order.
 */
export async function drawGeneratedDataset(
  take: (picture: GeneratedPicture, total: number) => void,
  perTexture = picturesPerTexture,
): Promise<void> {
  const total = textureNames.length * perTexture;
  const stride = Math.min(availableParallelism(), 8);
  const shares = Array.from({ length: stride }, (_, first) => ({ first, stride, perTexture }));
  await Promise.all(shares.map((share) => drawInWorker(share, (picture) => take(picture, total))));
}

function drawInWorker(share: DrawingShare, take: (picture: GeneratedPicture) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = startThread(new URL('./generated-worker.ts', import.meta.url), share);
    worker.on('message', take);
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}
