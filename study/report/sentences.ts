/**
 * The results of a study as text: formats of its numbers, and a sentence for each network that says what its
 * numbers support.
 */

import { noBreak, points, pValueText, withSign } from '../../model/format.ts';
import type { VariantName } from '../../model/network.ts';
import type { Correlation } from '../../model/statistics/correlation.ts';
import { significanceLevel } from '../../model/statistics/p-values.ts';
import { counted, joinedWithAnd } from '../../model/words.ts';
import type { Basis, Comparison, Estimate, Test } from '../statistics/study-statistics.ts';
import { divergence, type Finding, findingOf } from './findings.ts';
import { type ArmResults, countsAsGuessing, guessingError, type StudyRunResults, tally } from './results.ts';

/** Shown with all numbers of a study of one seed. */
export const oneSeedCaveat =
  'This study has one seed. It has no intervals and no p-values: another seed may differ from this one as much as a network differs from the reference. Add seeds with --seeds 3 --resume.';

const minus = '\u2212';

/** A share as percentage points with its sign: `+4.1`, `−0.3`. */
export function signedPoints(share: number): string {
  return withSign(share, points);
}

/** The smallest detectable difference, or `none` if even 100 points would not be detected. */
function detectableText(share: number): string {
  return share < 1 ? atLeastATenth(share) : 'none';
}

/** In points, at least `0.1`, for texts that say "less than". */
function atLeastATenth(share: number): string {
  return points(Math.max(0.001, share));
}

/** `+4.1 [+1.0, +7.2]`, or only `+4.1` without an interval. */
export function signedInterval(estimate: Estimate): string {
  return withInterval(estimate, signedPoints);
}

/** `32.4 [29.8, 35.0]`, or only `32.4` without an interval. */
export function interval(estimate: Estimate): string {
  return withInterval(estimate, points);
}

/** An interval whose ends round to the same value is written `0.0 [within 0.1]`. */
function withInterval({ value, interval: ends }: Estimate, text: (share: number) => string): string {
  if (ends === undefined) return text(value);
  const [low, high] = [text(ends.low), text(ends.high)];
  return `${text(value)} [${low === high ? 'within 0.1' : `${low}, ${high}`}]`;
}

/** Why there is neither an interval nor a p-value, for a table's cell. */
export function untestedText(basis: Basis): string {
  return basis === 'no variation' ? 'no variation' : 'one seed';
}

/** The p-value with Holm's correction, or the reason for its absence. */
function testText({ basis, test }: Comparison): string {
  return test === undefined ? untestedText(basis) : pValueText(test.adjustedPValue);
}

/** `p = 0.031`. */
export function pValueEquation(value: number): string {
  const text = pValueText(value);
  return text.startsWith('<') ? `p${noBreak}${text}` : `p${noBreak}=${noBreak}${text}`;
}

/** The statistics of a network for the cells of a table; empty where it has none. */
export function statisticsTexts({ statistics }: ArmResults) {
  const { comparison } = statistics ?? {};
  const { test, correlation } = comparison ?? {};
  return {
    mean: statistics ? interval(statistics.mean) : '',
    interquartileMean: statistics ? interval(statistics.interquartileMean) : '',
    difference: comparison ? signedInterval(comparison.difference) : '',
    p: comparison ? testText(comparison) : '',
    within: test ? replicateShareText(test.withinMargin) : '',
    better: comparison ? interval(comparison.improvement) : '',
    correlation: correlation ? correlationText(correlation) : '',
    detectable: test ? detectableText(test.smallestDetectable) : '',
  };
}

/** A short name of the network. */
export function displayName({ name, controls }: ArmResults['arm']): string {
  return controls === undefined
    ? name.replace(/^texture-net-/, '')
    : `control: ${controls.variant} ${controls.measure}`;
}

/** The finding in a few words. */
export function findingWords(finding: Finding): string {
  switch (finding.kind) {
    case 'unknown':
      return 'no result yet';
    case 'did not train':
      return `did not train: ${finding.diverged} of ${counted(finding.of, 'run')} diverged`;
    case 'worse':
      return `worse by ${points(finding.comparison.difference.value)} points`;
    case 'better':
      return `better by ${points(-finding.comparison.difference.value)} points`;
    case 'equivalent':
      return `within ${marginText(finding.test)} points of the reference`;
    case 'undecided':
      return 'neither a difference nor equivalence is shown';
    case 'untested':
      return untestedWords(finding.comparison);
    default:
      return finding satisfies never;
  }
}

/** The difference if nothing could be tested. */
function untestedWords({ basis, difference: { value }, seeds }: Comparison): string {
  if (basis === 'no variation')
    return value === 0
      ? 'the same errors in every seed'
      : `${signedPoints(value)} points on every photograph`;
  return `${signedPoints(value)} points in seed ${seeds.join(', ')}; not tested`;
}

/** `0.83 [0.37, 0.96]`, or only `0.83` for three seeds. */
function correlationText({ value, interval: ends }: Correlation): string {
  const text = (part: number) => part.toFixed(2).replace('-', minus);
  return ends === undefined ? text(value) : `${text(value)} [${text(ends.low)}, ${text(ends.high)}]`;
}

/** The share of diverged runs with its interval in per cent: `2 of 9, 22 % [3, 60]`; `0 of 9 [0, 34]`. */
export function divergedShare(runs: readonly StudyRunResults[]): string {
  const { diverged, ended, interval: ends } = divergence(runs);
  if (ends === undefined) return ended === 0 ? '' : `${diverged} of ${ended}`;
  const per = (share: number) => (100 * share).toFixed(0);
  const share = diverged === 0 ? '' : `, ${per(diverged / ended)}${noBreak}%`;
  return `${diverged} of ${ended}${share} [${per(ends.low)}, ${per(ends.high)}]`;
}

/** `2 of 3 runs diverged`, or nothing if none did. */
export function divergedWords({ runs }: ArmResults): string {
  const { diverged } = divergence(runs);
  return diverged === 0 ? '' : `${diverged} of ${counted(runs.length, 'run')} diverged`;
}

/** The margin of equivalence in points: `2`, `1.5`. */
function marginText({ margin }: Pick<Test, 'margin'>): string {
  return String(Number((100 * margin).toFixed(2)));
}

/** `0.97`, `> 0.999`, `< 0.001`; never 0 or 1, which replicates cannot show. */
function replicateShareText(value: number): string {
  if (value < 0.001) return `<${noBreak}0.001`;
  return value > 0.999 ? `>${noBreak}0.999` : value.toFixed(value > 0.99 || value < 0.01 ? 3 : 2);
}

/** The tests or what replaces them, for a table's cell. */
export function evidenceWords(finding: Finding): string {
  switch (finding.kind) {
    case 'unknown':
      return '';
    case 'did not train':
      return finding.of === 1 ? 'one run' : 'all completed runs';
    case 'equivalent':
    case 'worse':
    case 'better':
    case 'undecided':
      return (
        `${signedInterval(finding.comparison.difference)}; ${pValueEquation(finding.test.adjustedPValue)}; ` +
        `within ±${marginText(finding.test)}: ${replicateShareText(finding.test.withinMargin)}`
      );
    case 'untested':
      return untestedText(finding.comparison.basis);
    default:
      return finding satisfies never;
  }
}

/** The sentence of a network that is not the reference. */
export function sentenceOf(arm: ArmResults): string {
  const finding = findingOf(arm);
  const subject = subjectOf(arm);
  const note = divergedNote(arm, finding);
  switch (finding.kind) {
    case 'unknown':
      return `There is no result yet for ${subject}: ${tally(arm.runs.map(({ outcome }) => outcome))}.`;
    case 'did not train': {
      const guessing = arm.runs.filter(countsAsGuessing);
      const epochs = new Set(guessing.map(({ outcome }) => outcome.epoch));
      const error = Math.max(...guessing.map(guessingError));
      return `${capital(subject)} did not train: it diverged in epoch ${[...epochs].join(', ')} in ${finding.diverged} of ${counted(finding.of, 'run')}. It counts as guessing, with an error of ${points(error)}${noBreak}%.`;
    }
    case 'worse':
    case 'better':
      return `${changeWords(subject, finding)}${note}`;
    case 'equivalent':
      return `${equivalentWords(subject, finding)}${note}`;
    case 'undecided':
      return `${undecidedWords(subject, finding)}${note}`;
    case 'untested':
      return `${untestedSentence(subject, finding.comparison)}${note}`;
    default:
      return finding satisfies never;
  }
}

const textureNetWords: Readonly<Record<string, string>> = {
  'texture-net-no-deviations': 'without deviations, only with means,',
  'texture-net-no-norm': 'without batch normalisation',
  'texture-net-no-stage2': 'without the statistics of stage 2',
  'texture-net-no-stage3': 'without the statistics of stage 3',
  'texture-net-with-stage1': 'with the statistics of stage 1',
  'texture-net-no-augmentation': 'without augmentation',
};

function subjectOf({ arm }: ArmResults): string {
  if (arm.controls !== undefined) {
    const measure = arm.controls.measure === 'params' ? 'parameters' : 'multiply-adds';
    return `the reference with as many ${measure} as ${arm.controls.variant}`;
  }
  const change = textureNetWords[arm.name];
  if (change !== undefined) return `texture-net ${change}`;
  if (arm.variant === 'lab-baseline') return "the lab's baseline network";
  return `the network without ${joinedWithAnd(arm.variant.replace(/^no-/, '').split('-').flatMap(layers))}`;
}

/** `relu234` -> `relu2`, `relu3`, `relu4`. */
function layers(part: string): readonly string[] {
  const [, kind = part, digits = ''] = part.match(/^([a-z]+)(\d*)$/) ?? [];
  return [...digits].map((digit) => `${kind}${digit}`);
}

type TestedFinding = Extract<Finding, { readonly test: Test }>;

function changeWords(subject: string, { kind, comparison, test }: TestedFinding): string {
  const { difference } = comparison;
  const sign = kind === 'worse' ? 1 : -1;
  const ends = difference.interval ?? { low: difference.value, high: difference.value };
  const [least, most] = [sign * ends.low, sign * ends.high].sort((a, b) => a - b).map(points);
  const within = least === most ? 'within 0.1' : `${least} to ${most}`;
  return `${capital(subject)} has ${comparedWords(difference.value)} (95${noBreak}% interval ${within}; ${pValueEquation(test.adjustedPValue)} after Holm's correction).`;
}

function equivalentWords(subject: string, { comparison, test }: TestedFinding): string {
  const significant =
    test.adjustedPValue <= significanceLevel
      ? ` The small difference is significant (${pValueEquation(test.adjustedPValue)} after Holm's correction).`
      : '';
  return `${capital(subject)} is equivalent to the reference: its top-1 error differs by ${signedPoints(comparison.difference.value)} points (95${noBreak}% interval ${betweenWords(comparison)}), and lies within ${marginText(test)} points with a probability of ${replicateShareText(test.withinMargin)}.${significant}`;
}

function betweenWords({ difference }: Comparison): string {
  const [low, high] = [difference.interval?.low ?? 0, difference.interval?.high ?? 0].map(signedPoints);
  return low === high ? 'within 0.1' : `${low} to ${high}`;
}

function undecidedWords(subject: string, { comparison, test }: TestedFinding): string {
  const { difference } = comparison;
  const { smallestDetectable, adjustedPValue, pValue } = test;
  const uncorrected =
    pValue <= significanceLevel
      ? ` Without the correction it would be significant (${pValueEquation(pValue)}), which is expected by chance among this many comparisons.`
      : '';
  const missed =
    smallestDetectable < 1
      ? `The study could have missed a true difference of less than ${atLeastATenth(smallestDetectable)} points.`
      : 'Its runs vary so much that the study could not have shown any difference.';
  return `${capital(subject)} does not differ significantly from the reference, and is not shown to be equivalent: ${signedPoints(difference.value)} points (95${noBreak}% interval ${betweenWords(comparison)}; ${pValueEquation(adjustedPValue)} after Holm's correction; within ${marginText(test)} points with a probability of ${replicateShareText(test.withinMargin)}). ${missed}${uncorrected}`;
}

function untestedSentence(subject: string, { basis, difference: { value }, seeds }: Comparison): string {
  if (basis !== 'no variation')
    return `${capital(subject)} has ${comparedWords(value)} in seed ${seeds.join(', ')}. One seed gives no interval and no p-value: another may differ as much.`;
  const every = `on every photograph in each of ${counted(seeds.length, 'seed')}`;
  const what = value === 0 ? 'has the same errors as the reference' : `has ${comparedWords(value)}`;
  return `${capital(subject)} ${what} ${every}. Without variation there is no interval and no p-value, so this says nothing about other seeds and photographs.`;
}

function comparedWords(value: number): string {
  if (points(Math.abs(value)) === '0.0') return 'the same error as the reference within 0.1 points';
  return `a top-1 error ${points(Math.abs(value))} points ${value > 0 ? 'higher' : 'lower'} than the reference`;
}

function divergedNote({ runs }: ArmResults, finding: Finding): string {
  const diverged = runs.filter(({ outcome }) => outcome.kind === 'diverged');
  if (diverged.length === 0 || finding.kind === 'unknown') return '';
  const list = diverged.map(({ seed, outcome, validation }) => {
    const counts = validation === undefined ? 'as guessing' : 'with its best model';
    return `seed ${seed} ${outcome.words} and counts ${counts}`;
  });
  return ` ${capital(list.join('; '))}.`;
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** What the paper reports of each network. */
const paperReports: Readonly<Record<VariantName, string>> = {
  reference: 'epoch 15: objective 1.2, top-1 error 0.35, top-5 error 0.17',
  'no-relu1': 'the error does not move',
  'no-relu2': 'no difference from the reference',
  'no-relu3': 'hardly matters',
  'no-relu4': 'no difference from the reference',
  'no-pool1': 'slower and worse',
  'no-pool2': '0.76 at epoch 8 against 0.48, five hours for 8 epochs',
  'no-relu234-pool4': 'worse than the reference',
  'no-conv4-pool4': 'NaN: did not train',
  'lab-baseline': 'where the authors started',
};

/** What the paper says of a network; nothing for a control, which the paper does not have. */
export function paperWords({ variant, controls }: ArmResults['arm']): string {
  if (controls !== undefined || !Object.hasOwn(paperReports, variant)) return '';
  return paperReports[variant as VariantName];
}
