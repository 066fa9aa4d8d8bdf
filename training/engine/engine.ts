/**
 * The interface of a training engine. All engines take the same step: forward, mean cross-entropy over the
 * batch, backward, and stochastic gradient descent with momentum,
 *
 *     v <- momentum * v + gradient + weightDecay * p      (decay on kernels only)
 *     p <- p - learningRate * v
 *
 * (Sutskever et al. 2013 in the form that MatConvNet and PyTorch use.)
 */
import type { TrainingState } from '../../model/parameters.ts';
import type { Batch } from '../../model/patch.ts';
import type { EngineName, Precision } from '../../model/run-file.ts';

export interface StepSettings {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Weight of the batch's statistics in the running averages of batch normalisation, 0..1; default 0.1. */
  readonly statisticsRate?: number;
}

export const defaultStatisticsRate = 0.1;

export interface StepInput {
  readonly batch: Batch;
  readonly settings: StepSettings;
}

/** A network on a device, with its parameters and momentum buffers. Calls must not overlap: await each. */
export interface Engine {
  readonly name: EngineName;
  /** Where it computes, e.g. `cpu` or `gpu`. */
  readonly device: string;
  readonly precision: Precision;
  /** Packages and their versions, for run.json. */
  readonly versions: Readonly<Record<string, string>>;
  /** Takes a step on a batch of 1 or more; returns the logits `[count, classes]` from before the update. */
  step(batch: Batch, settings: StepSettings): Promise<Float32Array>;
  /**
   * Takes several steps, with the results of one `step` after another; returns the logits of each. On CUDA
   * this is faster, because the state stays on the device between them.
   */
  steps(inputs: readonly StepInput[]): Promise<readonly Float32Array[]>;
  /** Number of steps that are fastest in one call of `steps`. */
  readonly stepsAtOnce: number;
  /** Logits `[count, classes]` of patches `[count,64,64]` of any count, averaged over positions. */
  logits(patches: Uint8Array): Promise<Float32Array>;
  read(): Promise<TrainingState>;
  write(state: TrainingState): Promise<void>;
  dispose(): Promise<void>;
}

/** `steps` of an engine that gains nothing from taking several at once. */
export function oneByOne(step: Engine['step']): Pick<Engine, 'steps' | 'stepsAtOnce'> {
  return {
    async steps(inputs) {
      const logits: Float32Array[] = [];
      for (const { batch, settings } of inputs) logits.push(await step(batch, settings));
      return logits;
    },
    stepsAtOnce: 1,
  };
}
