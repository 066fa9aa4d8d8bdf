/**
 * The dataset that needs no photographs: 40 pictures of 192x192 of each procedural texture. Always the same pictures, whatever
 * the seed of a run, as a folder of photographs would be.
 */
import { availableParallelism } from 'node:os';
import type { GreyImage } from '../../model/image.ts';
import { startThread } from '../../node/thread.ts';
import { drawTexture, type TextureName, textureNames } from '../../textures/textures.ts';

/** What `--data` is called for it. */
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

/** Which pictures a drawing thread makes: of the whole list, every `stride`-th from `first`. */
export interface DrawingShare {
  readonly first: number;
  readonly stride: number;
  readonly perTexture: number;
}

/** The pictures of a share, drawn one at a time. */
export function* drawShare({ first, stride, perTexture }: DrawingShare): Generator<GeneratedPicture> {
  const list = textureNames.flatMap((texture) =>
    Array.from({ length: perTexture }, (_, index) => ({ texture, index })),
  );
  for (let at = first; at < list.length; at += stride) {
    const picture = list[at];
    if (picture !== undefined) yield { ...picture, grey: drawGeneratedImage(picture.texture, picture.index) };
  }
}

/** Draws the dataset in threads (7 ms a picture) and hands out each picture as it is done, in any order. */
export async function drawGeneratedDataset(
  take: (picture: GeneratedPicture, total: number) => void,
  perTexture = picturesPerTexture,
): Promise<void> {
  const total = textureNames.length * perTexture;
  const stride = Math.min(availableParallelism(), 8);
  const shares = Array.from({ length: stride }, (_, first) => ({ first, stride, perTexture }));
  await Promise.all(shares.map((share) => drawInThread(share, (picture) => take(picture, total))));
}

function drawInThread(share: DrawingShare, take: (picture: GeneratedPicture) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const thread = startThread(new URL('./generated-thread.ts', import.meta.url), share);
    thread.on('message', take);
    thread.on('error', reject);
    thread.on('exit', () => resolve());
  });
}
