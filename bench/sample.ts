/** Timed samples of repeated steps, and random batches for them, for Node and for the browser pages. */
import { z } from 'zod';
import { type Batch, patchBytes } from '../model/patch.ts';
import { randomStream } from '../model/random.ts';

/** A low learning rate keeps training on random labels finite. */
export const benchSettings = { learningRate: 1e-3, momentum: 0.9, weightDecay: 5e-4 } as const;

export const samplePlanSchema = z.strictObject({
  /** Steps before the measured ones. */
  warmUpSteps: z.int().min(0),
  steps: z.int().min(1),
  /** No further step begins after this time. */
  limitSeconds: z.number().positive(),
});
export type SamplePlan = z.infer<typeof samplePlanSchema>;

/** The number of measured steps and their total time. */
export interface Timing {
  readonly steps: number;
  readonly seconds: number;
}

export async function takeSample(
  step: () => Promise<unknown>,
  { warmUpSteps, steps, limitSeconds }: SamplePlan,
): Promise<Timing> {
  for (let i = 0; i < warmUpSteps; i++) await step();
  const startedAt = performance.now();
  let [taken, seconds] = [0, 0];
  while (taken < steps && seconds < limitSeconds) {
    await step();
    taken++;
    seconds = (performance.now() - startedAt) / 1000;
  }
  return { steps: taken, seconds };
}

/** Candidates in the order of their turns. Each round begins with the next one, so that the order varies. */
export function turnsOf<C>(candidates: readonly C[], round: number): readonly C[] {
  const first = round % candidates.length;
  return [...candidates.slice(first), ...candidates.slice(0, first)];
}

/** `count` batches of random grey levels and labels, the same in every call. */
export function randomBatches(count: number, batch: number, classes: number): readonly Batch[] {
  const random = randomStream(1, 'bench patches');
  return Array.from({ length: count }, () => {
    const patches = Uint8Array.from({ length: batch * patchBytes }, () => random.integer(0, 255));
    return { patches, labels: Int32Array.from({ length: batch }, () => random.integer(0, classes - 1)) };
  });
}

/** Cycles through the batches endlessly. */
export function* repeated(batches: readonly Batch[]): Generator<Batch, never> {
  for (;;) yield* batches;
}
