/** What the process of a run is asked to do, and what it tells of it. */
import { z } from 'zod';
import { runFailureSchema } from '../model/run-file.ts';
import { trainingConfigSchema } from '../model/training-config.ts';
import { deviceOptions, engineOptions } from '../training/engine/engine-choice.ts';

/** How the runs of a study are computed, which changes none of their results beyond rounding. */
export const computingSchema = z.strictObject({
  engine: z.enum(engineOptions),
  device: z.enum(deviceOptions),
  threads: z.int().min(1),
  cacheMb: z.int().min(0).optional(),
});
export type Computing = z.infer<typeof computingSchema>;

export const runOrderSchema = z.strictObject({
  config: trainingConfigSchema,
  directory: z.string().min(1),
  /** Content fingerprint of the data that the run must see. */
  content: z.string(),
  computing: computingSchema,
});
export type RunOrder = z.infer<typeof runOrderSchema>;

/** How the process ended its run; the rest is in the run's own files. */
export const runEndSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('finished') }),
  z.strictObject({ kind: z.literal('diverged') }),
  z.strictObject({ kind: z.literal('stopped') }),
  z.strictObject({ kind: z.literal('failed'), failure: runFailureSchema }),
]);
export type RunEnd = z.infer<typeof runEndSchema>;

/** `share`: how much of the run is done, 0..1. */
export const runMessageSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('progress'),
    epoch: z.int(),
    share: z.number(),
    imagesPerSecond: z.number(),
  }),
  z.strictObject({ kind: z.literal('end'), end: runEndSchema }),
]);
export type RunMessage = z.infer<typeof runMessageSchema>;
export type RunProgress = Extract<RunMessage, { kind: 'progress' }>;
