/** Settings of every command that decodes images. */
import { z } from 'zod';
import { defaultMaxImagePixels } from './image-kind.ts';

export const maxImagePixelsOption = z
  .int()
  .min(1)
  .default(defaultMaxImagePixels)
  .describe('maximum pixels of an image (width x height); larger images are rejected');
