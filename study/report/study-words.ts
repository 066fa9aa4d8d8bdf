/** Study results in plain words: a sentence for each network that its numbers support, and no more. */

import { counted } from '../../model/words.ts';
import type { Basis, Comparison, Estimate, Test } from '../statistics/study-statistics.ts';
import { tally } from './outcome.ts';
import type { ArmResults } from './study-results.ts';
import { type Finding, findingOf, level } from './verdict.ts';

/** Of a study of one seed, wherever its numbers stand. */
export const oneSeedCaveat =
  'This study has one seed. It has no intervals, no p-values and no verdicts: another seed may differ from this one as much as a network from the reference. Add seeds with --seeds 3 --resume.';

const minus = '\u2212';
const noBreak = '\u00a0';

/** A share as percentage points with its sign: `+4.1`, `−0.3`. */
export function signedPoints(share: number): string {
  const points = (100 * Math.abs(share)).toFixed(1);
  if (Number(points) === 0) return points;
  return `${share < 0 ? minus : '+'}${points}`;
}

/** A share in per cent without the sign: `32.4`. */
export function points(share: number): string {
  return (100 * share).toFixed(1);
}

/** The smallest difference that could have been shown, where there is one: an error has 100 points and no more. */
export function detectableText(share: number): string {
  return share < 1 ? atLeastATenth(share) : 'none';
}

/** In points; what rounds to nothing is `0.1`, for texts that say "under". */
function atLeastATenth(share: number): string {
  return Math.max(0.1, 100 * share).toFixed(1);
}

/** `+4.1 [+1.0, +7.2]`, or `+4.1` alone where there is no interval. */
export function signedInterval(estimate: Estimate): string {
  return withInterval(estimate, signedPoints);
}

/** `32.4 [29.8, 35.0]`, or `32.4` alone where there is no interval. */
export function interval(estimate: Estimate): string {
  return withInterval(estimate, points);
}

/** An interval that rounds to no length is told as what it is: `0.0 [within 0.1]`. */
function withInterval({ value, interval: ends }: Estimate, text: (share: number) => string): string {
  if (ends === undefined) return text(value);
  const [low, high] = [text(ends.low), text(ends.high)];
  return `${text(value)} [${low === high ? 'within 0.1' : `${low}, ${high}`}]`;
}

/** Why there is neither an interval nor a p-value, in the words of a table's cell. */
export function untestedText(basis: Basis): string {
  return basis === 'no variation' ? 'no variation' : 'one seed';
}

/** The p-value with Holm's correction, or why there is none. */
export function testText({ basis, test }: Comparison): string {
  return test === undefined ? untestedText(basis) : pValueText(test.adjustedPValue);
}

/** `0.031`, `< 0.001`; never 0, which a random test cannot tell. */
export function pValueText(value: number): string {
  return value < 0.001 ? `<${noBreak}0.001` : value.toFixed(3);
}

/** `p = 0.031`. */
export function pValueEquation(value: number): string {
  const text = pValueText(value);
  return text.startsWith('<') ? `p${noBreak}${text}` : `p${noBreak}=${noBreak}${text}`;
}

/** The network's name where there is little room. */
export function displayName({ name, controls }: ArmResults['arm']): string {
  return controls === undefined ? name : `control: ${controls.variant} ${controls.measure}`;
}

/** The finding in two or three words. */
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
    case 'not shown':
      return 'no difference shown';
    case 'untested':
      return untestedWords(finding.comparison);
    default:
      return finding satisfies never;
  }
}

/** What was seen where nothing could be tested; no verdict. */
function untestedWords({ basis, difference: { value }, seeds }: Comparison): string {
  if (basis === 'no variation')
    return value === 0
      ? 'the same errors in every seed'
      : `${signedPoints(value)} points on every photograph`;
  return `${signedPoints(value)} points in seed ${seeds.join(', ')}; no verdict`;
}

/** `2 of 3 runs diverged`; nothing where none did. */
export function divergedWords({ runs }: ArmResults): string {
  const diverged = runs.filter(({ outcome }) => outcome.kind === 'diverged').length;
  return diverged === 0 ? '' : `${diverged} of ${counted(runs.length, 'run')} diverged`;
}

/** How certain a finding is, in the words of a table's cell. */
export function certaintyWords(finding: Finding): string {
  switch (finding.kind) {
    case 'unknown':
      return '';
    case 'did not train':
      return finding.of === 1 ? 'one run' : 'every run that ended';
    case 'worse':
    case 'better':
    case 'not shown':
      return `${pValueEquation(finding.test.adjustedPValue)} after Holm; ${seedsWords(finding.comparison)}`;
    case 'untested':
      return untestedText(finding.comparison.basis);
    default:
      return finding satisfies never;
  }
}

function seedsWords({ seeds }: Comparison): string {
  return counted(seeds.length, 'seed');
}

/** The sentence of an arm that is not the reference; `guessing` is the error of guessing. */
export function sentenceOf(arm: ArmResults, guessing: number | undefined): string {
  const finding = findingOf(arm);
  const subject = subjectOf(arm);
  const note = divergedNote(arm, finding);
  switch (finding.kind) {
    case 'unknown':
      return `Of ${subject} nothing can be said yet: ${tally(arm.runs.map(({ outcome }) => outcome))}.`;
    case 'did not train': {
      const epochs = arm.runs.map(({ outcome }) => outcome.words.match(/epoch (\d+)/)?.[1] ?? '?');
      return `${capital(subject)} did not train: its loss was not a finite number in epoch ${[...new Set(epochs)].join(', ')}, in ${finding.diverged} of ${counted(finding.of, 'run')}. It counts as guessing${guessing === undefined ? '' : `, ${points(guessing)}${noBreak}% wrong`}.`;
    }
    case 'worse':
    case 'better':
      return `${changeWords(subject, finding)}${note}`;
    case 'not shown':
      return `${notShownWords(subject, finding)}${note}`;
    case 'untested':
      return `${untestedSentence(subject, finding.comparison)}${note}`;
    default:
      return finding satisfies never;
  }
}

function subjectOf({ arm }: ArmResults): string {
  if (arm.controls !== undefined) {
    const measure = arm.controls.measure === 'params' ? 'parameters' : 'multiply-adds';
    return `the reference with as many ${measure} as ${arm.controls.variant}`;
  }
  if (arm.variant === 'lab-baseline') return "the course's own network";
  return `the network without ${listed(arm.variant.replace(/^no-/, '').split('-').flatMap(layers))}`;
}

/** `relu234` -> `relu2`, `relu3`, `relu4`. */
function layers(part: string): readonly string[] {
  const [, kind = part, digits = ''] = part.match(/^([a-z]+)(\d*)$/) ?? [];
  return [...digits].map((digit) => `${kind}${digit}`);
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

type TestedFinding = Extract<Finding, { readonly test: Test }>;

function changeWords(subject: string, { kind, comparison, test }: TestedFinding): string {
  const { difference } = comparison;
  const sign = kind === 'worse' ? 1 : -1;
  const ends = difference.interval ?? { low: difference.value, high: difference.value };
  const [least, most] = [sign * ends.low, sign * ends.high].sort((a, b) => a - b).map(points);
  const within = least === most ? 'within 0.1' : `${least} to ${most}`;
  const beyond = kind === 'worse' ? 'more' : 'fewer';
  return `${capital(subject)} names ${points(Math.abs(difference.value))} patches in a hundred ${beyond} wrong than the reference (95${noBreak}% interval ${within}; ${pValueEquation(test.adjustedPValue)} after Holm's correction).`;
}

function notShownWords(subject: string, { comparison, test }: TestedFinding): string {
  const { difference } = comparison;
  const { smallestDetectable, adjustedPValue, pValue } = test;
  const alone =
    pValue <= level
      ? ` Taken alone it would pass (${pValueEquation(pValue)}); among this many comparisons one such is expected by chance.`
      : '';
  const missed =
    smallestDetectable < 1
      ? `A true difference under ${atLeastATenth(smallestDetectable)} points could well have been missed.`
      : 'Its runs lie so far apart that no difference could have been shown.';
  const [low, high] = [difference.interval?.low ?? 0, difference.interval?.high ?? 0].map(signedPoints);
  const between = low === high ? 'within 0.1 of it' : `between ${low} and ${high}`;
  return `${capital(subject)} was not told apart from the reference: ${signedPoints(difference.value)} points, with 95${noBreak}% confidence ${between} (${pValueEquation(adjustedPValue)} after Holm's correction). ${missed}${alone}`;
}

function untestedSentence(subject: string, { basis, difference: { value }, seeds }: Comparison): string {
  if (basis !== 'no variation')
    return `${capital(subject)} named ${comparedWords(value)} in seed ${seeds.join(', ')}. One seed allows no interval, no p-value and no verdict: another may differ as much.`;
  const every = `on every photograph in each of ${counted(seeds.length, 'seed')}`;
  const what = value === 0 ? 'had exactly the errors of the reference' : `named ${comparedWords(value)}`;
  return `${capital(subject)} ${what} ${every}. There is no variation to make an interval or a p-value from, so nothing can be said of other seeds and photographs.`;
}

function comparedWords(value: number): string {
  if (points(Math.abs(value)) === '0.0')
    return 'as many patches wrong as the reference, to a tenth in a hundred,';
  return `${points(Math.abs(value))} patches in a hundred ${value > 0 ? 'more' : 'fewer'} wrong than the reference`;
}

function divergedNote({ runs }: ArmResults, finding: Finding): string {
  const diverged = runs.filter(({ outcome }) => outcome.kind === 'diverged');
  if (diverged.length === 0 || finding.kind === 'unknown') return '';
  const list = diverged.map(({ seed, outcome, validation }) => {
    const counts = validation === undefined ? 'as guessing' : 'with the model that it left';
    return `seed ${seed} ${outcome.words} and counts ${counts}`;
  });
  return ` Of its runs, ${list.join('; ')}.`;
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
