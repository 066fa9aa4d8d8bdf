/** What an engine's process is started with. */
import { z } from 'zod';
import { variantNames } from '../model/network.ts';

/** `bare`: a few batches of random grey levels, over and over. Else the data pipeline with that augmentation. */
export const engineWorks = ['bare', 'none', 'jitter64'] as const;
export type EngineWork = (typeof engineWorks)[number];

export const engineRequestSchema = z.strictObject({
  engine: z.enum(['onnx', 'tfjs']),
  variant: z.enum(variantNames),
  batch: z.int().min(1),
  threads: z.int().min(1),
  work: z.enum(engineWorks),
  /** A folder of photographs, or `generated`. */
  data: z.string(),
});
export type EngineRequest = z.infer<typeof engineRequestSchema>;
