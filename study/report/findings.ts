/** What the statistics show of a network, and whether the paper's authors saw the same. */
import type { VariantName } from '../../model/network.ts';
import { type Comparison, significanceLevel, type Test } from '../statistics/study-statistics.ts';
import { type ArmResults, countsAsGuessing, type StudyRunResults } from './results.ts';

export type Finding =
  /** No run is complete, or none has a counterpart of the reference. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'did not train'; readonly diverged: number; readonly of: number }
  | {
      readonly kind: 'worse' | 'better' | 'not significant';
      readonly comparison: Comparison;
      readonly test: Test;
    }
  /** There is a difference, but no test. */
  | { readonly kind: 'untested'; readonly comparison: Comparison };

/** The finding of an arm that is not the reference. */
export function findingOf({ runs, statistics }: ArmResults): Finding {
  const diverged = runs.filter(countsAsGuessing).length;
  const counted = statistics?.seeds.length ?? diverged;
  if (diverged > 0 && diverged >= counted) return { kind: 'did not train', diverged, of: counted };
  const comparison = statistics?.comparison;
  if (comparison === undefined) return { kind: 'unknown' };
  const { test } = comparison;
  if (test === undefined) return { kind: 'untested', comparison };
  if (test.adjustedPValue > significanceLevel) return { kind: 'not significant', comparison, test };
  return { kind: comparison.difference.value > 0 ? 'worse' : 'better', comparison, test };
}

/** What the paper says of each network, as far as it can be compared. */
const paperFindings: {
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

/** An error of at least this share of guessing's counts as not having learnt. */
const guessingShare = 0.9;

export type Agreement =
  | 'as in the paper'
  | 'not as in the paper'
  | 'partly as in the paper'
  /**
   * The paper saw no difference, and the study none that is significant, which does not mean that there is
   * none.
   */
  | 'not contradicted'
  | 'open'
  | 'not comparable';

/**
 * Whether the finding agrees with the paper. `classes` is the number of classes. It is open if the reference
 * has not learnt either, or if the network has only one completed run.
 */
export function agreementOf(arm: ArmResults, reference: ArmResults | undefined, classes: number): Agreement {
  const finding = findingOf(arm);
  const paper = paperFindings[arm.arm.variant];
  if (paper === 'nothing' || arm.arm.controls !== undefined) return 'not comparable';
  if (finding.kind === 'unknown' || finding.kind === 'untested' || endedRuns(arm.runs).length < 2)
    return 'open';
  switch (paper) {
    case 'alike':
      return finding.kind === 'not significant' ? 'not contradicted' : 'not as in the paper';
    case 'worse':
      if (finding.kind === 'not significant') return 'open';
      return finding.kind === 'better' ? 'not as in the paper' : 'as in the paper';
    case 'does not learn':
      if (!hasLearnt(reference, classes)) return 'open';
      return amongRuns(arm.runs, (run) => hasNotLearnt(run, classes));
    case 'diverges':
      return amongRuns(arm.runs, ({ outcome }) => outcome.kind === 'diverged');
    default:
      return paper satisfies never;
  }
}

/** Whether a network trains that does not train in the paper. */
export function trainsAfterAll(arm: ArmResults, agreement: Agreement): boolean {
  const paper = paperFindings[arm.arm.variant];
  const failsInPaper = paper === 'does not learn' || paper === 'diverges';
  return failsInPaper && agreement === 'not as in the paper';
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
  if (count === 0) return 'not as in the paper';
  return count === ended.length ? 'as in the paper' : 'partly as in the paper';
}

function endedRuns(runs: readonly StudyRunResults[]): readonly StudyRunResults[] {
  return runs.filter(({ outcome }) => ['finished', 'stopped early', 'diverged'].includes(outcome.kind));
}
