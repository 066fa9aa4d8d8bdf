/**
 * The learning rate of each step: a linear warm-up, then half a cosine down to zero (Loshchilov and Hutter
 * 2017, equation 5) or a constant rate.
 */
import type { TrainingConfig } from '../../model/training-config.ts';

interface LearningRateSchedule {
  readonly shape: TrainingConfig['schedule'];
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** The warm-up is part of the configured epochs. */
export function scheduleOf(config: TrainingConfig): LearningRateSchedule {
  const steps = stepsPerEpoch(config);
  return {
    shape: config.schedule,
    peak: config.learningRate,
    warmupSteps: Math.round(Math.min(config.warmupEpochs, config.epochs) * steps),
    totalSteps: config.epochs * steps,
  };
}

export function stepsPerEpoch({ patchesPerEpoch, batch }: TrainingConfig): number {
  return Math.ceil(patchesPerEpoch / batch);
}

/**
 * The rate of `step`, counted from 0 over the whole run. The first rate is above 0; the one after the last
 * would be 0.
 */
export function learningRateAt(
  { shape, peak, warmupSteps, totalSteps }: LearningRateSchedule,
  step: number,
): number {
  if (step < warmupSteps) return (peak * (step + 1)) / (warmupSteps + 1);
  if (shape === 'constant') return peak;
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  return (peak / 2) * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
