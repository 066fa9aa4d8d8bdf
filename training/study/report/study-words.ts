/** Study results in plain words: a sentence for each network that its numbers support, and no more. */

import { count } from '../../report/numerals.ts';
import type { Comparison, Estimate } from '../statistics/study-statistics.ts';
import { tally } from './outcome.ts';
import type { ArmResults } from './study-results.ts';
import { type Finding, findingOf, level } from './verdict.ts';

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
  return share < 1 ? points(share) : 'none';
}

/** `+4.1 [+1.0, +7.2]`. */
export function signedInterval({ value, low, high }: Estimate): string {
  return `${signedPoints(value)} [${signedPoints(low)}, ${signedPoints(high)}]`;
}

/** `32.4 [29.8, 35.0]`. */
export function interval({ value, low, high }: Estimate): string {
  return `${points(value)} [${points(low)}, ${points(high)}]`;
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
      return `did not train: ${finding.diverged} of ${finding.of} runs diverged`;
    case 'worse':
      return `worse by ${points(finding.comparison.difference.value)} points`;
    case 'better':
      return `better by ${points(-finding.comparison.difference.value)} points`;
    case 'not shown':
      return 'no difference shown';
    default:
      return finding satisfies never;
  }
}

/** `2 of 3 runs diverged`; nothing where none did. */
export function divergedWords({ runs }: ArmResults): string {
  const diverged = runs.filter(({ outcome }) => outcome.kind === 'diverged').length;
  return diverged === 0 ? '' : `${diverged} of ${runs.length} runs diverged`;
}

/** How certain a finding is, in the words of a table's cell. */
export function certaintyWords(finding: Finding): string {
  switch (finding.kind) {
    case 'unknown':
      return '';
    case 'did not train':
      return 'every run that ended';
    case 'worse':
    case 'better':
    case 'not shown': {
      const { comparison } = finding;
      const basis =
        comparison.seeds.length === 1 ? 'one seed: other photographs alone' : seedsWords(comparison);
      return `${pValueEquation(comparison.adjustedPValue)} after Holm; ${basis}`;
    }
    default:
      return finding satisfies never;
  }
}

function seedsWords({ seeds }: Comparison): string {
  return `${count(seeds.length)} seeds`;
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
      return `${capital(subject)} did not train: its objective was not finite in epoch ${[...new Set(epochs)].join(', ')}, in ${finding.diverged} of ${finding.of} runs. It counts as guessing${guessing === undefined ? '' : `, ${points(guessing)}${noBreak}% wrong`}.`;
    }
    case 'worse':
    case 'better':
      return `${changeWords(subject, finding.kind, finding.comparison)}${note}`;
    case 'not shown':
      return `${notShownWords(subject, finding.comparison)}${note}`;
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

function changeWords(subject: string, kind: 'worse' | 'better', comparison: Comparison): string {
  const { difference, adjustedPValue } = comparison;
  const sign = kind === 'worse' ? 1 : -1;
  const [least, most] = [sign * difference.low, sign * difference.high].sort((a, b) => a - b);
  const beyond = kind === 'worse' ? 'more' : 'fewer';
  return `${capital(subject)} names ${points(Math.abs(difference.value))} patches in a hundred ${beyond} wrong than the reference (95${noBreak}% interval ${points(least ?? 0)} to ${points(most ?? 0)}; ${pValueEquation(adjustedPValue)} after Holm's correction)${basisNote(comparison)}.`;
}

function notShownWords(subject: string, comparison: Comparison): string {
  const { difference, smallestDetectable, adjustedPValue, pValue } = comparison;
  const alone =
    pValue <= level
      ? ` Taken alone it would pass (${pValueEquation(pValue)}); among this many comparisons one such is expected by chance.`
      : '';
  const missed =
    smallestDetectable < 1
      ? `A true difference under ${points(smallestDetectable)} points could well have been missed.`
      : 'Its runs lie so far apart that no difference could have been shown.';
  return `${capital(subject)} was not told apart from the reference: ${signedPoints(difference.value)} points, with 95${noBreak}% confidence between ${signedPoints(difference.low)} and ${signedPoints(difference.high)} (${pValueEquation(adjustedPValue)} after Holm's correction)${basisNote(comparison)}. ${missed}${alone}`;
}

function basisNote({ seeds }: Comparison): string {
  return seeds.length === 1 ? '; from one seed, so that another may say otherwise' : '';
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
