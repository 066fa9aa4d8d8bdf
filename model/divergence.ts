/** Decides from the metrics whether a run diverged, with one rule for trainer, report and study. */
import type { MetricsRow } from './metrics.ts';
import { guessingScores } from './scores.ts';

export interface Divergence {
  /** Epoch in which the run diverged. */
  readonly epoch: number;
  /** `not finite`: a loss became NaN or infinite. `exploded`: it stayed finite, see `divergenceOf`. */
  readonly kind: 'not finite' | 'exploded';
}

/**
 * A loss above this multiple of the guessing loss is an explosion. A network that only fails to learn stays
 * near the guessing loss.
 */
export const explosionFactor = 10;

/**
 * The divergence in which the rows end; undefined if there is none. A finite loss has exploded if the
 * training loss of some epoch was above `explosionFactor` times the guessing loss and no later loss, in
 * training or validation, was below the guessing loss. A run that exploded and then learns again has not
 * diverged. The validation loss alone does not count as an explosion: it is also high for a confident, wrong
 * network and for any network after its first step.
 */
export function divergenceOf(rows: readonly MetricsRow[], classes: number): Divergence | undefined {
  const epochs = [...new Set(rows.map(({ epoch }) => epoch))];
  const lossesOf = (wanted: number) =>
    rows.filter(({ epoch }) => epoch === wanted).map(({ objective }) => objective);
  const last = epochs.at(-1);
  if (last === undefined) return undefined;
  if (!lossesOf(last).every(Number.isFinite)) return { epoch: last, kind: 'not finite' };
  const guessing = guessingScores(classes).objective;
  const learnt = epochs.findLastIndex((epoch) => lossesOf(epoch).some((loss) => loss < guessing));
  if (learnt === epochs.length - 1) return undefined;
  // The last epoch with a loss below the guessing loss can itself contain the explosion.
  const exploded = epochs
    .slice(Math.max(0, learnt))
    .find((epoch) => (trainingLoss(rows, epoch) ?? 0) > explosionFactor * guessing);
  return exploded === undefined ? undefined : { epoch: exploded, kind: 'exploded' };
}

function trainingLoss(rows: readonly MetricsRow[], wanted: number): number | undefined {
  return rows.find(({ epoch, split }) => epoch === wanted && split === 'train')?.objective;
}
