/**
 * The learning rate: a linear rise to the peak, then a fall along half a cosine to zero (Loshchilov and Hutter 2017, equation 5), or
 * the peak for good.
 */
import type { TrainingConfig } from '../../model/training-config.ts';

export interface Schedule {
  readonly shape: TrainingConfig['schedule'];
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** The rate for `step`, counted from 0 over the whole run. The first step already moves; the step after the last would be 0. */
export function learningRateAt({ shape, peak, warmupSteps, totalSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return (peak * (step + 1)) / (warmupSteps + 1);
  if (shape === 'constant') return peak;
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  return (peak / 2) * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
