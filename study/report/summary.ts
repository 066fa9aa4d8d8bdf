/**
 * summary.csv and summary.md of a study. Both hold nothing that depends on the machine or the clock: a study that was killed and
 * resumed gives the same bytes as one that was not.
 */
import { markdownTable } from 'markdown-table';
import { csvText } from '../../model/csv.ts';
import { type VariantName, variants } from '../../model/network.ts';
import { count } from '../../report/numerals.ts';
import type { Basis, Estimate } from '../statistics/study-statistics.ts';
import { tally } from './outcome.ts';
import type { ArmResults, StudyResults } from './study-results.ts';
import {
  detectableText,
  interval,
  oneSeedCaveat,
  signedInterval,
  testText,
  untestedText,
} from './study-words.ts';

type Cell = string | number | undefined;

/** A row of summary.csv for each network. Errors are shares, 0..1; differences are of the network minus the reference. */
export function summaryCsv({ arms }: StudyResults): string {
  const rows = arms.map(summaryRow);
  const header = Object.keys(rows[0] ?? {});
  return csvText([header, ...rows.map((row) => Object.values(row).map(cellText))]);
}

function summaryRow({ arm, runs, statistics, cost }: ArmResults): Readonly<Record<string, Cell>> {
  const comparison = statistics?.comparison;
  return {
    network: arm.name,
    variant: arm.variant,
    width: arm.width,
    control_of: arm.controls?.variant,
    control_measure: arm.controls?.measure,
    runs: runs.map(({ seed, outcome }) => `seed ${seed} ${outcome.words}`).join('; '),
    parameters: cost?.parameters,
    multiply_adds: cost?.multiplyAdds,
    seeds: statistics?.seeds.length ?? 0,
    photographs: statistics?.photographs,
    interval_basis:
      statistics?.basis === 'seeds and photographs' ? statistics.basis : reasonCell(statistics?.basis),
    ...estimateCells('top1err', statistics?.mean),
    ...estimateCells('top1err_iqm', statistics?.interquartileMean),
    top5err: meanOf(runs.map(({ results }) => results?.run.best?.top5err)),
    objective: meanOf(runs.map(({ results }) => results?.run.best?.objective)),
    photograph_top1err: meanOf(runs.map(({ results }) => results?.run.best?.photographTop1err)),
    compared_seeds: comparison?.seeds.length,
    ...estimateCells('difference', comparison?.difference),
    ...estimateCells('improvement_probability', comparison?.improvement),
    p: comparison?.test?.pValue,
    p_holm: comparison?.test?.adjustedPValue,
    smallest_detectable: comparison?.test?.smallestDetectable,
  };
}

function estimateCells(name: string, estimate: Estimate | undefined): Readonly<Record<string, Cell>> {
  const { value, interval: ends } = estimate ?? {};
  return { [name]: value, [`${name}_low`]: ends?.low, [`${name}_high`]: ends?.high };
}

function reasonCell(basis: Basis | undefined): Cell {
  return basis && `none: ${untestedText(basis)}`;
}

/** Of the kept models; undefined where there is none. */
function meanOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Twelve digits: no more than the sums have. */
function cellText(cell: Cell): string {
  return typeof cell === 'number' ? String(Number(cell.toPrecision(12))) : (cell ?? '');
}

const headings = [
  'network',
  'top-1 error, %',
  'interquartile mean, %',
  'difference, points',
  'p (Holm)',
  'chance to do better',
  'could have shown',
  'parameters',
  'multiply-adds',
  'runs',
  'the paper saw',
] as const;

/** summary.md: the same in a table for people, with links to the runs. */
export function summaryMarkdown(results: StudyResults): string {
  return `# ${results.name}

${results.study.seeds.length === 1 ? oneSeedText : intervalText}

${summaryTable(results, 'linked')}`;
}

const oneSeedText = `**${oneSeedCaveat}**

Top-1 error of validation patches, a photograph counting once; differences are from the reference, more than 0 is worse.`;

const intervalText = `Top-1 error of validation patches, a photograph counting once, with 95 % intervals; differences are from
the reference, more than 0 is worse. There is no interval where a network has one seed, or where all seeds and
photographs agree. "Could have shown" is the smallest difference that this many seeds and photographs would have told
from none in four studies of five.`;

/** The table alone; runs are named by their seeds, which lead to their reports where wished. */
export function summaryTable({ arms }: StudyResults, links: 'linked' | 'unlinked'): string {
  return `${markdownTable([headings, ...arms.map((arm) => markdownCells(arm, links))])}\n`;
}

function markdownCells({ arm, runs, statistics, cost }: ArmResults, links: 'linked' | 'unlinked') {
  const comparison = statistics?.comparison;
  const named = runs.map(({ seed, link }) =>
    link === undefined || links === 'unlinked' ? `s${seed}` : `[s${seed}](${link})`,
  );
  return [
    arm.name,
    statistics ? interval(statistics.mean) : '',
    statistics ? interval(statistics.interquartileMean) : '',
    comparison ? signedInterval(comparison.difference) : '',
    comparison ? testText(comparison) : '',
    comparison ? comparison.improvement.value.toFixed(2) : '',
    comparison?.test ? detectableText(comparison.test.smallestDetectable) : '',
    cost ? count(cost.parameters) : '',
    cost ? count(cost.multiplyAdds) : '',
    `${tally(runs.map(({ outcome }) => outcome))} (${named.join(', ')})`,
    paperWords(arm),
  ];
}

/** What the paper says of a network; controls are ours. */
export function paperWords({ variant, controls }: ArmResults['arm']): string {
  return controls === undefined ? variants[variant satisfies VariantName].paperSaw : '';
}
