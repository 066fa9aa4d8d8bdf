/** Draws textures off the page's thread. */
import { drawTexture } from '../../textures/textures.ts';
import type { Drawing, DrawingOrder } from '../shared/texture-messages.ts';

/** The pictures that `generated` trains on are drawn with seed 1, so these are new to every network. */
const sampleSeed = 2;

self.addEventListener('message', ({ data }: MessageEvent<DrawingOrder>) => {
  const { id, texture, index, width, height } = data;
  const image = drawTexture(texture, sampleSeed, index, width, height);
  self.postMessage({ id, image } satisfies Drawing);
});
