/** How each run of a study ended, in words and for counting. */
import type { MetricsRow } from '../../model/metrics.ts';
import type { Run } from '../../model/run-file.ts';
import type { StudyRunState } from '../study-directory.ts';

export const outcomeKinds = [
  'finished',
  'stopped early',
  'diverged',
  'failed',
  'unfinished',
  'missing',
] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

export interface Outcome {
  readonly kind: OutcomeKind;
  /** A few words, such as `diverged at epoch 3`. */
  readonly words: string;
  /** Why a run failed. */
  readonly reason?: string;
}

/** `metrics` are those of the run, where it has any. */
export function outcomeOf(state: StudyRunState, metrics: readonly MetricsRow[]): Outcome {
  switch (state.status) {
    case 'missing':
      return { kind: 'missing', words: 'missing' };
    case 'failed':
      return { kind: 'failed', words: 'failed', reason: state.failure.message };
    default:
      return begunOutcome(state, metrics);
  }
}

type BegunState = Extract<StudyRunState, { readonly run: Run }>;

function begunOutcome({ status, run }: BegunState, metrics: readonly MetricsRow[]): Outcome {
  const { divergedAtEpoch, config } = run;
  const epochs = metrics.reduce((last, { epoch }) => Math.max(last, epoch), 0);
  switch (status) {
    case 'finished':
      return epochs < config.epochs && config.patience !== undefined
        ? { kind: 'stopped early', words: `stopped early after epoch ${epochs}` }
        : { kind: 'finished', words: 'finished' };
    case 'diverged':
      return { kind: 'diverged', words: `diverged at epoch ${divergedAtEpoch ?? epochs}` };
    case 'running':
    case 'stopped':
      return { kind: 'unfinished', words: `unfinished after epoch ${epochs}` };
    default:
      return status satisfies never;
  }
}

/** `3 finished`, or `2 finished, 1 diverged`. */
export function tally(outcomes: readonly Outcome[]): string {
  return outcomeKinds
    .map((kind) => ({ kind, count: outcomes.filter((outcome) => outcome.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${kind}`)
    .join(', ');
}
