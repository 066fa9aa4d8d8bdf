/** The settings that every command which decodes images has. */
import { z } from 'zod';
import { defaultMaxImagePixels } from './image-kind.ts';

export const maxImagePixelsOption = z
  .int()
  .min(1)
  .default(defaultMaxImagePixels)
  .describe('pixels of an image, width x height; larger ones are refused');
