/** What the statistics show of a network, and the verdict on what the paper or the design says of it. */
import type { NetworkName, VariantName } from '../../model/network.ts';
import { clopperPearsonInterval } from '../../model/statistics/incomplete-beta.ts';
import { significanceLevel } from '../../model/statistics/p-values.ts';
import type { StudiedNetwork } from '../families.ts';
import type { Comparison, Test } from '../statistics/study-statistics.ts';
import { type ArmResults, countsAsGuessing, guessingError, type StudyRunResults } from './results.ts';

export type Finding =
  /** No run is complete, or none has a counterpart of the reference. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'did not train'; readonly diverged: number; readonly of: number }
  | {
      /**
       * `equivalent`: within the margin, even if the difference is significant. `worse` and `better`:
       * significant after Holm's correction. `undecided`: none of these.
       */
      readonly kind: 'equivalent' | 'worse' | 'better' | 'undecided';
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
  if (test.isEquivalent) return { kind: 'equivalent', comparison, test };
  if (test.adjustedPValue > significanceLevel) return { kind: 'undecided', comparison, test };
  return { kind: comparison.difference.value > 0 ? 'worse' : 'better', comparison, test };
}

/** What the paper says of each network, as far as it can be compared. */
const paperClaims: {
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

/** texture-net's design claims that every change makes it worse. */
function claimOf({ name, variant, controls }: ArmResults['arm']) {
  if (controls !== undefined || name === 'texture-net') return 'nothing';
  return isOfPaper(variant) ? paperClaims[variant] : 'worse';
}

function isOfPaper(name: NetworkName): name is VariantName {
  return Object.hasOwn(paperClaims, name);
}

/** An error of at least this share of guessing's counts as not having learnt. */
const guessingShare = 0.9;

/**
 * On what the paper says of a network; of texture-net, that every change makes it worse.
 * `verdictMeanings` explains them.
 */
type Verdict = 'confirmed' | 'contradicted' | 'equivalent' | 'undecided';

type VerdictMeanings = readonly (readonly [Verdict, string])[];

const undecidedMeaning = ['undecided', 'The study shows none of these. More seeds can decide.'] as const;

const verdictsOnPaper: VerdictMeanings = [
  [
    'confirmed',
    'The study shows what the paper says. "No difference" is confirmed if the network is equivalent to the reference; "worse" if it is significantly worse and not equivalent; "did not train" if the 95 % interval of the share of failed runs lies above one half.',
  ],
  [
    'contradicted',
    'The study shows the opposite. The paper saw no difference, and there is a significant one beyond equivalence; or the paper saw a worse network, and it is significantly better; or the network did not train, and the interval of the share of failed runs lies below one half.',
  ],
  [
    'equivalent',
    'The 95 % interval of the difference from the reference lies within the margin. The paper says that the network is worse, or says nothing about it.',
  ],
  undecidedMeaning,
];

const verdictsOnParts: VerdictMeanings = [
  [
    'confirmed',
    'The changed network is significantly worse, and not equivalent: texture-net is better as it is.',
  ],
  ['contradicted', 'The changed network is significantly better, and not equivalent.'],
  [
    'equivalent',
    'The 95 % interval of the difference lies within the margin, even if the difference is significant.',
  ],
  undecidedMeaning,
];

/** The verdicts as docs and reports explain them. */
export function verdictMeanings(network: StudiedNetwork): VerdictMeanings {
  return network === 'reference' ? verdictsOnPaper : verdictsOnParts;
}

/**
 * The verdict on a network; undefined if the paper says nothing of it and it differs from the reference.
 * Where the paper's network did not learn, the verdict is undecided if the reference has not learnt either.
 */
export function verdictOf(arm: ArmResults, reference: ArmResults | undefined): Verdict | undefined {
  const finding = findingOf(arm);
  const { kind } = finding;
  const claim = claimOf(arm.arm);
  switch (claim) {
    case 'diverges':
      return ofFailing(arm.runs, ({ outcome }) => outcome.kind === 'diverged');
    case 'does not learn':
      return hasLearnt(reference) ? ofFailing(arm.runs, hasNotLearnt) : 'undecided';
    case 'alike':
      if (kind === 'equivalent') return 'confirmed';
      return kind === 'better' || isWorse(finding) ? 'contradicted' : 'undecided';
    case 'worse':
      if (kind === 'equivalent') return 'equivalent';
      if (kind === 'better') return 'contradicted';
      return isWorse(finding) ? 'confirmed' : 'undecided';
    case 'nothing':
      if (kind === 'equivalent') return 'equivalent';
      return kind === 'better' || isWorse(finding) ? undefined : 'undecided';
    default:
      return claim satisfies never;
  }
}

/** A network whose runs all diverged is worse if they are enough to say so of most runs. */
function isWorse(finding: Finding): boolean {
  if (finding.kind === 'did not train') return clopperPearsonInterval(finding.diverged, finding.of).low > 0.5;
  return finding.kind === 'worse';
}

/** Whether a network trains that does not train in the paper. */
export function trainsAfterAll({ arm }: ArmResults, verdict: Verdict | undefined): boolean {
  const claim = claimOf(arm);
  return verdict === 'contradicted' && (claim === 'does not learn' || claim === 'diverges');
}

function hasLearnt(reference: ArmResults | undefined): boolean {
  const withModel = (reference?.runs ?? []).filter(({ results }) => results?.run.best !== undefined);
  return withModel.length > 0 && !withModel.some(hasNotLearnt);
}

function hasNotLearnt(run: StudyRunResults): boolean {
  const error = run.results?.run.best?.top1err ?? 1;
  return countsAsGuessing(run) || error >= guessingShare * guessingError(run);
}

/** The verdict on "it does not train" from the share of runs that do not. */
function ofFailing(runs: readonly StudyRunResults[], fails: (run: StudyRunResults) => boolean): Verdict {
  const ended = endedRuns(runs);
  if (ended.length === 0) return 'undecided';
  const { low, high } = clopperPearsonInterval(ended.filter(fails).length, ended.length);
  if (low > 0.5) return 'confirmed';
  return high < 0.5 ? 'contradicted' : 'undecided';
}

/** How many of the ended runs diverged, with the exact 95 % interval of the share; undefined for one run. */
export function divergence(runs: readonly StudyRunResults[]) {
  const ended = endedRuns(runs).length;
  const diverged = runs.filter(({ outcome }) => outcome.kind === 'diverged').length;
  return { diverged, ended, interval: ended < 2 ? undefined : clopperPearsonInterval(diverged, ended) };
}

/** Runs with a result. */
function endedRuns(runs: readonly StudyRunResults[]): readonly StudyRunResults[] {
  return runs.filter(({ outcome }) => ['finished', 'stopped early', 'diverged'].includes(outcome.kind));
}
