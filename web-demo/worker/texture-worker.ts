/** Draws sample textures in a worker, so that the page stays responsive. */
import { drawTexture } from '../../textures/textures.ts';
import type { TextureApi } from '../shared/texture-api.ts';
import { serveCalls } from '../shared/worker-calls.ts';

/** `generated` trains on pictures drawn with seed 1, so no network has seen these. */
const sampleSeed = 2;

serveCalls<TextureApi>({
  draw: ({ texture, index, width, height }) => drawTexture(texture, sampleSeed, index, width, height),
});
