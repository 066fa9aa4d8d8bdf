/** What the numbers allow to be said of a network, and whether that is what the paper's authors saw. */
import type { VariantName } from '../../model/network.ts';
import type { Comparison, Test } from '../statistics/study-statistics.ts';
import { type ArmResults, countsAsGuessing, type StudyRunResults } from './study-results.ts';

/** The level of all tests of a study together. */
export const level = 0.05;

export type Finding =
  /** No run reached its end, or none that the reference's can be paired with. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'did not train'; readonly diverged: number; readonly of: number }
  | { readonly kind: 'worse' | 'better' | 'not shown'; readonly comparison: Comparison; readonly test: Test }
  /** There is a difference, and nothing to tell how certain it is: no verdict. */
  | { readonly kind: 'untested'; readonly comparison: Comparison };

/** Of an arm that is not the reference. */
export function findingOf({ runs, statistics }: ArmResults): Finding {
  const diverged = runs.filter(countsAsGuessing).length;
  const counted = statistics?.seeds.length ?? diverged;
  if (diverged > 0 && diverged >= counted) return { kind: 'did not train', diverged, of: counted };
  const comparison = statistics?.comparison;
  if (comparison === undefined) return { kind: 'unknown' };
  const { test } = comparison;
  if (test === undefined) return { kind: 'untested', comparison };
  if (test.adjustedPValue > level) return { kind: 'not shown', comparison, test };
  return { kind: comparison.difference.value > 0 ? 'worse' : 'better', comparison, test };
}

/** What the paper's words claim, as far as they claim anything that can be compared. */
const claims: {
  readonly [name in VariantName]: 'nothing' | 'alike' | 'worse' | 'does not learn' | 'diverges';
} = {
  reference: 'nothing',
  'no-relu1': 'does not learn',
  'no-relu2': 'alike',
  'no-relu3': 'alike',
  'no-relu4': 'alike',
  'no-pool1': 'worse',
  'no-pool2': 'worse',
  'no-relu234-pool4': 'worse',
  'no-conv4-pool4': 'diverges',
  'lab-baseline': 'nothing',
};

/** Errors from this share of guessing's on count as not having learnt. */
const guessingShare = 0.9;

export type Agreement =
  | 'as the paper saw'
  | 'not what the paper saw'
  | 'in part'
  /** The paper saw no difference, and none was shown, which does not prove that there is none. */
  | 'not contradicted'
  | 'open'
  | 'no claim';

/**
 * Whether the finding is what the paper's authors saw. `classes` is the number of classes. That a network does not learn says nothing of
 * it where the reference has not learnt either, and one run says nothing of others.
 */
export function agreementOf(arm: ArmResults, reference: ArmResults | undefined, classes: number): Agreement {
  const finding = findingOf(arm);
  const claim = claims[arm.arm.variant];
  if (claim === 'nothing' || arm.arm.controls !== undefined) return 'no claim';
  if (finding.kind === 'unknown' || finding.kind === 'untested' || endedRuns(arm.runs).length < 2)
    return 'open';
  switch (claim) {
    case 'alike':
      return finding.kind === 'not shown' ? 'not contradicted' : 'not what the paper saw';
    case 'worse':
      if (finding.kind === 'not shown') return 'open';
      return finding.kind === 'better' ? 'not what the paper saw' : 'as the paper saw';
    case 'does not learn':
      if (!hasLearnt(reference, classes)) return 'open';
      return amongRuns(arm.runs, (run) => hasNotLearnt(run, classes));
    case 'diverges':
      return amongRuns(arm.runs, ({ outcome }) => outcome.kind === 'diverged');
    default:
      return claim satisfies never;
  }
}

/** Whether a network trains of which the paper says that it does not. */
export function trainsAfterAll(arm: ArmResults, agreement: Agreement): boolean {
  const claim = claims[arm.arm.variant];
  const isClaimed = claim === 'does not learn' || claim === 'diverges';
  return isClaimed && agreement === 'not what the paper saw';
}

function hasLearnt(reference: ArmResults | undefined, classes: number): boolean {
  const kept = (reference?.runs ?? []).filter(({ results }) => results?.run.best !== undefined);
  return kept.length > 0 && kept.every((run) => !hasNotLearnt(run, classes));
}

function hasNotLearnt(run: StudyRunResults, classes: number): boolean {
  const error = run.results?.run.best?.top1err ?? 1;
  return countsAsGuessing(run) || error >= guessingShare * (1 - 1 / classes);
}

function amongRuns(runs: readonly StudyRunResults[], is: (run: StudyRunResults) => boolean): Agreement {
  const ended = endedRuns(runs);
  const count = ended.filter(is).length;
  if (count === 0) return 'not what the paper saw';
  return count === ended.length ? 'as the paper saw' : 'in part';
}

function endedRuns(runs: readonly StudyRunResults[]): readonly StudyRunResults[] {
  return runs.filter(({ outcome }) => ['finished', 'stopped early', 'diverged'].includes(outcome.kind));
}
