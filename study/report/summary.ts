/**
 * summary.csv and summary.md of a study. Nothing in them depends on the machine or the clock: a study that
 * was killed and resumed gives the same bytes as one that was not.
 */
import { markdownTable } from 'markdown-table';
import { csvText } from '../../model/csv.ts';
import { count } from '../../model/format.ts';
import { meanOf } from '../../model/statistics/descriptive.ts';
import { studiedNetworkOf } from '../families.ts';
import type { Basis, Estimate } from '../statistics/study-statistics.ts';
import { divergence } from './findings.ts';
import { type ArmResults, type StudyResults, type StudyRunResults, tally } from './results.ts';
import { ablations, studySentence, verdictTable } from './section-findings.ts';
import {
  divergedShare,
  oneSeedCaveat,
  paperWords,
  sentenceOf,
  statisticsTexts,
  untestedText,
} from './sentences.ts';

type Cell = string | number | undefined;

/**
 * A row of summary.csv for each network. Errors are shares, 0..1; differences are of the network minus the
 * reference.
 */
export function summaryCsv({ arms, study }: StudyResults): string {
  const rows = arms.map((arm) => summaryRow(arm, study.config.learningRate));
  const header = Object.keys(rows[0] ?? {});
  return csvText([header, ...rows.map((row) => Object.values(row).map(cellText))]);
}

function summaryRow(
  { arm, runs, statistics, cost }: ArmResults,
  commonRate: number,
): Readonly<Record<string, Cell>> {
  const comparison = statistics?.comparison;
  const { diverged, ended, interval: diverging } = divergence(runs);
  return {
    network: arm.name,
    variant: arm.variant,
    width: arm.width,
    learning_rate: arm.learningRate ?? commonRate,
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
    top5err: meanBest(runs, 'top5err'),
    objective: meanBest(runs, 'objective'),
    photograph_top1err: meanBest(runs, 'photographTop1err'),
    diverged_runs: diverged,
    ended_runs: ended,
    diverged_share_low: diverging?.low,
    diverged_share_high: diverging?.high,
    compared_seeds: comparison?.seeds.length,
    ...estimateCells('difference', comparison?.difference),
    ...estimateCells('improvement_probability', comparison?.improvement),
    ...estimateCells('seed_correlation', comparison?.correlation),
    p: comparison?.test?.pValue,
    p_holm: comparison?.test?.adjustedPValue,
    smallest_detectable: comparison?.test?.smallestDetectable,
    margin: comparison?.test?.margin,
    within_margin_probability: comparison?.test?.withinMargin,
  };
}

function estimateCells(name: string, estimate: Estimate | undefined): Readonly<Record<string, Cell>> {
  const { value, interval: ends } = estimate ?? {};
  return { [name]: value, [`${name}_low`]: ends?.low, [`${name}_high`]: ends?.high };
}

function reasonCell(basis: Basis | undefined): Cell {
  return basis && `none: ${untestedText(basis)}`;
}

/** Of the best models; undefined if there is none. */
function meanBest(
  runs: readonly StudyRunResults[],
  measure: 'top5err' | 'objective' | 'photographTop1err',
): number | undefined {
  const known = runs.flatMap(({ results }) => results?.run.best?.[measure] ?? []);
  return known.length === 0 ? undefined : meanOf(known);
}

/** Twelve digits, which is the precision of the sums. */
function cellText(cell: Cell): string {
  return typeof cell === 'number' ? String(Number(cell.toPrecision(12))) : (cell ?? '');
}

const headings = [
  'network',
  'top-1 error, %',
  'interquartile mean, %',
  'difference, points',
  'p (Holm)',
  'within the margin',
  'better on, %',
  "seeds' correlation",
  'detectable, points',
  'parameters',
  'multiply-adds',
  'runs',
  'diverged',
  'in the paper',
] as const;

/** summary.md: the findings in sentences, the verdicts, and the numbers as a table with links to the runs. */
export function summaryMarkdown(results: StudyResults): string {
  const verdicts = verdictTable(results);
  return `# ${results.name}

${studySentence(results)}

${sentenceList(results)}

## ${verdicts.title}

${markdownTable([verdicts.headings, ...verdicts.rows])}

## Numbers

${results.study.seeds.length === 1 ? oneSeedText : columnsText(results.study.marginPoints)}

${summaryTable(results, 'linked')}`;
}

/** The sentence of each network, as a Markdown list. */
export function sentenceList(results: StudyResults): string {
  return ablations(results)
    .map((arm) => `- **${arm.arm.name}**: ${sentenceOf(arm)}`)
    .join('\n');
}

const oneSeedText = `**${oneSeedCaveat}**

Top-1 error of validation patches, where each photograph counts the same; differences are from the reference, above 0 is worse.`;

const columnsText = (
  marginPoints: number,
) => `Top-1 error of validation patches, where each photograph counts the same, with 95 % intervals; differences are from
the reference, above 0 is worse. There is no interval if a network has one seed, or if all seeds and photographs agree.
"Within the margin" is the probability that the true difference is less than ${marginPoints} points. "Better on" is the share
of photographs on which the network is better than the reference, ties counting half.
"Seeds' correlation" is that of the network's errors with the reference's over the seeds; above 0, pairing helps. "Diverged" has
the share of diverged runs with its 95 % interval (Clopper and Pearson 1934).
"Detectable" is the smallest difference that four of five studies with these seeds and photographs would find.
"Parameters" include those of batch normalisation if the study uses it.`;

/** The table; runs are named by their seeds, with links to their reports if `linked`. */
export function summaryTable({ arms, study }: StudyResults, links: 'linked' | 'unlinked'): string {
  const rows = [headings, ...arms.map((arm) => markdownCells(arm, links))];
  // The last column is what the paper says.
  const isOfPaper = studiedNetworkOf(study.arms) === 'reference';
  return `${markdownTable(isOfPaper ? rows : rows.map((row) => row.slice(0, -1)))}\n`;
}

function markdownCells(arm: ArmResults, links: 'linked' | 'unlinked'): readonly string[] {
  const { runs, cost } = arm;
  const { mean, interquartileMean, difference, p, within, better, correlation, detectable } =
    statisticsTexts(arm);
  const named = runs.map(({ seed, link }) =>
    link === undefined || links === 'unlinked' ? `s${seed}` : `[s${seed}](${link})`,
  );
  return [
    ...[arm.arm.name, mean, interquartileMean, difference, p, within, better, correlation, detectable],
    cost ? count(cost.parameters) : '',
    cost ? count(cost.multiplyAdds) : '',
    `${tally(runs.map(({ outcome }) => outcome))} (${named.join(', ')})`,
    divergedShare(runs),
    paperWords(arm.arm),
  ];
}
