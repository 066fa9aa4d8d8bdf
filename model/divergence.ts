/** Whether a run diverged, read off its metrics: trainer, report and study ask the same question of the same rows. */
import type { MetricsRow } from './metrics.ts';

export interface Divergence {
  /** The epoch in which it happened. */
  readonly epoch: number;
  /** `not finite`: a loss became NaN or infinite. `exploded`: it stayed finite, see `divergenceOf`. */
  readonly kind: 'not finite' | 'exploded';
}

/** A loss beyond so many times that of guessing is an explosion: a network that only fails to learn stays near guessing's. */
export const explosionFactor = 10;

/** Loss of a network that gives every class the same probability, in nats. */
export function guessingLoss(classes: number): number {
  return Math.log(classes);
}

/**
 * The divergence with which the rows end; undefined where there is none. A finite loss has exploded where that of training was beyond
 * `explosionFactor` times guessing's in some epoch and after it no loss, in training or validation, was better than guessing. A run
 * that exploded and learns again has not diverged. A validation loss says less: a network that is sure of itself and wrong has a high
 * one, and so has any network after its first step.
 */
export function divergenceOf(rows: readonly MetricsRow[], classes: number): Divergence | undefined {
  const epochs = [...new Set(rows.map(({ epoch }) => epoch))];
  const lossesOf = (wanted: number) =>
    rows.filter(({ epoch }) => epoch === wanted).map(({ objective }) => objective);
  const last = epochs.at(-1);
  if (last === undefined) return undefined;
  if (!lossesOf(last).every(Number.isFinite)) return { epoch: last, kind: 'not finite' };
  const guessing = guessingLoss(classes);
  const learnt = epochs.findLastIndex((epoch) => lossesOf(epoch).some((loss) => loss < guessing));
  if (learnt === epochs.length - 1) return undefined;
  // The last epoch that was better than guessing may be the one that exploded on its way.
  const exploded = epochs
    .slice(Math.max(0, learnt))
    .find((epoch) => (trainingLoss(rows, epoch) ?? 0) > explosionFactor * guessing);
  return exploded === undefined ? undefined : { epoch: exploded, kind: 'exploded' };
}

function trainingLoss(rows: readonly MetricsRow[], wanted: number): number | undefined {
  return rows.find(({ epoch, split }) => epoch === wanted && split === 'train')?.objective;
}
