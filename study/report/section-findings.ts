/**
 * The study report's sections about findings: the forest plot, the verdicts, a sentence for each network, the
 * statistics.
 */
import { count } from '../../model/format.ts';
import { meanOf } from '../../model/statistics/descriptive.ts';
import { counted } from '../../model/words.ts';
import type { ErrorMeasure } from '../../report/curve-panel.ts';
import { svgElement } from '../../report/drawing.ts';
import { html, type Markup, nothing } from '../../report/markup.ts';
import { type Column, section, type TableRow, table } from '../../report/page.ts';
import { pagePalette } from '../../report/palette.ts';
import { studiedNetworkOf } from '../families.ts';
import type { Comparison } from '../statistics/study-statistics.ts';
import { type Finding, findingOf, trainsAfterAll, verdictMeanings, verdictOf } from './findings.ts';
import { type ForestLayout, forestFigure, forestLabel } from './forest-figure.ts';
import { type ArmResults, finishedEpochs, type StudyResults, type StudyRunResults } from './results.ts';
import {
  displayName,
  divergedWords,
  evidenceWords,
  findingWords,
  interval,
  oneSeedCaveat,
  paperWords,
  sentenceOf,
  signedInterval,
  statisticsTexts,
} from './sentences.ts';

/** All networks but the reference. */
export function ablations({ arms }: StudyResults): readonly ArmResults[] {
  return arms.slice(1);
}

/** The result in one sentence. */
export function studySentence(results: StudyResults): string {
  const others = ablations(results);
  const found = others.map((arm) => ({ arm, kind: findingOf(arm).kind }));
  const number = (kind: Finding['kind']) => found.filter((one) => one.kind === kind).length;
  const parts = [
    [number('worse'), 'worse'],
    [number('better'), 'better'],
    [number('equivalent'), `equivalent within ${results.study.marginPoints} points`],
    [number('undecided'), 'undecided'],
    [number('untested'), 'not tested'],
    [number('did not train'), 'did not train'],
    [number('unknown'), 'without a result yet'],
  ] as const;
  const counts = parts.filter(([n]) => n > 0).map(([n, words]) => `${n} ${words}`);
  if (counts.length === 0) return `This study has only ${wholeNetwork(results)}.`;
  const diverged = found
    .filter(({ arm, kind }) => kind !== 'did not train' && divergedWords(arm) !== '')
    .map(({ arm }) => ` ${displayName(arm.arm)}: ${divergedWords(arm)}.`);
  return `${counted(others.length, 'network')} compared with ${wholeNetwork(results)}: ${counts.join(', ')}.${diverged.join('')}`;
}

/** The network whose parts are removed, to which all texts refer as the reference. */
function wholeNetwork({ study }: StudyResults): string {
  const network = studiedNetworkOf(study.arms);
  return network === 'reference' ? 'the reference' : `${network}, the reference of this study`;
}

export function resultEntry(results: StudyResults): Markup {
  const others = ablations(results);
  const [reference] = results.arms;
  const level = reference?.statistics;
  const base =
    level === undefined
      ? nothing
      : html`<p>The reference has a top-1 error of ${interval(level.mean)} % of validation patches (each photograph counts the same${level.mean.interval === undefined ? '' : '; brackets are the 95 % interval'}) over ${counted(level.seeds.length, 'seed')} and ${counted(level.photographs, 'photograph')}. ${runLinks(reference?.runs ?? [])}</p>`;
  const { marginPoints } = results.study;
  const figures = (['wide', 'narrow'] as const).map((layout) => forestElement(others, marginPoints, layout));
  return html`<div class="entry">
<p class="sentence">${studySentence(results)}</p>
${base}
${others.length === 0 ? nothing : html`${figures}${results.study.seeds.length === 1 ? oneSeedNote : forestNote}`}
</div>`;
}

function forestElement(others: readonly ArmResults[], marginPoints: number, layout: ForestLayout): Markup {
  return html`<div class="${layout}">${svgElement(forestFigure(others, marginPoints, pagePalette, layout), forestLabel(others), pagePalette)}</div>
`;
}

/** How to read the forest plot. */
export const forestExplanation =
  "Dots are means, lines 95 % intervals, small rings the seeds. The grey band is the margin of equivalence. Red networks are worse and blue ones better than the reference, significantly after Holm's correction for the number of networks; black ones are equivalent to it, and grey ones undecided: the study shows neither.";

const oneSeedNote = html`<p class="after">Dots are the differences of the only seed; rings link to its runs. <b>${oneSeedCaveat}</b></p>`;

const forestNote = html`<p class="after">${forestExplanation}</p>`;

const verdictHeadings = [
  'network',
  'verdict',
  'in the paper',
  "in this study, in the paper's form",
  'in this study',
  'difference, points; p (Holm); probability',
] as const;

/** Those that a study of texture-net has, which is not in the paper. */
const headingsOfParts: readonly string[] = [
  'network',
  'verdict',
  'in this study',
  'difference, points; p (Holm); probability',
] satisfies (typeof verdictHeadings)[number][];

/** The verdict on each network as a table with a row for each, and what the verdicts mean. */
export function verdictTable(results: StudyResults) {
  const network = studiedNetworkOf(results.study.arms);
  const isOfPaper = network === 'reference';
  const isShown = verdictHeadings.map((heading) => isOfPaper || headingsOfParts.includes(heading));
  const shown = (cells: readonly string[]) => cells.filter((_, i) => isShown[i]);
  return {
    title: isOfPaper ? 'Comparison with the paper' : 'Verdicts',
    note: isOfPaper
      ? "What the paper says of each network, and what this study finds. The paper's form is the mean over the seeds at the last epoch, as in the curves."
      : `Which changes make texture-net worse, and with which it is as good.`,
    headings: shown(verdictHeadings),
    rows: results.arms.map((arm) => shown(verdictCells(arm, results))),
    meanings: verdictMeanings(network),
  };
}

export function verdictSection(results: StudyResults): Markup {
  const { title, note, headings, rows, meanings } = verdictTable(results);
  const columns = headings.map((heading): Column => ({ heading, kind: 'name' }));
  const linked = results.arms.map((arm, i): TableRow => {
    return { cells: [networkCell(arm), ...(rows[i] ?? []).slice(1)] };
  });
  const explained = html`<dl class="after">${meanings.map(([verdict, meaning]) => html`<dt>${verdict}</dt><dd>${meaning}</dd>`)}</dl>`;
  return section(
    title,
    `${note} "Within" is the probability that the difference lies within the margin.`,
    html`${table(title, columns, linked)}
${results.study.seeds.length === 1 ? nothing : explained}`,
  );
}

/** The cells under `verdictHeadings`. */
function verdictCells(arm: ArmResults, { arms }: StudyResults): readonly string[] {
  const [reference] = arms;
  const form = paperForm(arm, reference);
  if (arm === reference) return [displayName(arm.arm), '', paperWords(arm.arm), form, '', ''];
  const finding = findingOf(arm);
  const verdict = verdictOf(arm, reference);
  const found = [
    trainsAfterAll(arm, verdict) ? 'it trains' : '',
    findingWords(finding),
    finding.kind === 'did not train' ? '' : divergedWords(arm),
  ];
  return [
    displayName(arm.arm),
    verdict ?? '',
    paperWords(arm.arm),
    form,
    found.filter((words) => words !== '').join('; '),
    evidenceWords(finding),
  ];
}

/**
 * The numbers that the paper gives, of this study: for the reference `epoch 5: objective 1.21, top-1 error
 * 0.36, top-5 error 0.15`; for others `0.41 at epoch 5 against 0.36`. Means over the seeds at the last epoch
 * that all of them reached; empty if there is none.
 */
function paperForm(arm: ArmResults, reference: ArmResults | undefined): string {
  const lastEpochs = arm.runs.flatMap((run) => finishedEpochs(run, 'val').at(-1)?.epoch ?? []);
  if (lastEpochs.length === 0) return '';
  const epoch = Math.min(...lastEpochs);
  const mean = (from: ArmResults, measure: ErrorMeasure) => {
    const rows = from.runs.flatMap((run) => finishedEpochs(run, 'val')).filter((row) => row.epoch === epoch);
    return meanOf(rows.map((row) => row[measure])).toFixed(2);
  };
  if (reference === undefined || arm === reference)
    return `epoch ${epoch}: objective ${mean(arm, 'objective')}, top-1 error ${mean(arm, 'top1err')}, top-5 error ${mean(arm, 'top5err')}`;
  const other = mean(reference, 'top1err');
  return `${mean(arm, 'top1err')} at epoch ${epoch}${other === 'NaN' ? '' : ` against ${other}`}`;
}

const controlColumns: readonly Column[] = [
  { heading: 'network', kind: 'name' },
  { heading: 'control', kind: 'name' },
  { heading: 'parameters', kind: 'number' },
  { heading: 'multiply-adds', kind: 'number' },
  { heading: 'network against reference, points', kind: 'number' },
  { heading: 'control against reference, points', kind: 'number' },
  { heading: 'network against control, points', kind: 'number' },
];

/** Whether an ablation differs from the reference because of the layer or because of its size. */
export function controlsSection({ arms }: StudyResults): Markup {
  const controls = arms.filter(({ arm }) => arm.controls !== undefined);
  if (controls.length === 0) return nothing;
  const rows = controls.map((control): TableRow => {
    const network = arms.find(({ arm }) => arm.name === control.arm.controls?.variant);
    const points = (comparison: Comparison | undefined) =>
      comparison === undefined ? '' : signedInterval(comparison.difference);
    return {
      cells: [
        network === undefined ? '' : networkCell(network),
        html`reference, width ${control.arm.width}<br>${runLinks(control.runs)}`,
        sizesText(network?.cost?.parameters, control.cost?.parameters),
        sizesText(network?.cost?.multiplyAdds, control.cost?.multiplyAdds),
        points(network?.statistics?.comparison),
        points(control.statistics?.comparison),
        points(control.ablation),
      ],
    };
  });
  return section(
    'Controls',
    'Each control is the whole reference with fewer or more filters, so that it has as many parameters or multiply-adds as the network. If the network is worse than its control, the layer matters; if both are equally worse than the reference, the size does.',
    table('Controls', controlColumns, rows),
  );
}

/** `438,595 / 440,012`: of the network and of its control. */
function sizesText(network: number | undefined, control: number | undefined): string {
  return network === undefined || control === undefined ? '' : `${count(network)} / ${count(control)}`;
}

export function summarySection(results: StudyResults): Markup {
  const sentences = ablations(results).map(
    (arm) => html`<p><b>${arm.arm.name}</b>. ${sentenceOf(arm)} ${runLinks(arm.runs)}</p>
`,
  );
  return section('Summary', 'What the statistics support.', html`${sentences}`);
}

const numberColumns: readonly Column[] = [
  { heading: 'network', kind: 'name' },
  { heading: 'top-1 error, %', kind: 'number' },
  { heading: 'interquartile mean, %', kind: 'number' },
  { heading: 'difference, points', kind: 'number' },
  { heading: 'p', kind: 'number' },
  { heading: 'within the margin', kind: 'number' },
  { heading: 'better on, %', kind: 'number' },
  { heading: "seeds' correlation", kind: 'number' },
  { heading: 'detectable, points', kind: 'number' },
];

export function statisticsSection({ study, arms }: StudyResults): Markup {
  const explanation =
    study.seeds.length < 2
      ? 'With one seed there are no intervals and no p-values: the numbers are those of this seed.'
      : 'Brackets are 95 % intervals over seeds and photographs; p has Holm\'s correction for the number of networks. "Detectable" is the ' +
        'smallest difference that four of five such studies would find at the 5 % level, before that correction. ' +
        `"Within the margin" is the probability that the true difference is less than ${study.marginPoints} points.`;
  const entry = html`${table('Statistics of each network', numberColumns, arms.map(numberRow))}
<p class="after">${explanation} "Better on" is the share of photographs on which the network is better than the reference, ties counting half. "Seeds' correlation" is that of the network's errors with the reference's over the seeds: above 0, comparing the same seeds makes the interval of the difference shorter.</p>`;
  return section('Statistics', 'Of validation patches; each photograph counts the same.', entry);
}

function numberRow(arm: ArmResults): TableRow {
  const { mean, interquartileMean, difference, p, within, better, correlation, detectable } =
    statisticsTexts(arm);
  const cells = [mean, interquartileMean, difference, p, within, better, correlation, detectable];
  return { cells: [networkCell(arm), ...cells] };
}

/** The network's name and links to its runs. */
export function networkCell({ arm, runs }: ArmResults): Markup {
  return html`${displayName(arm)}<br>${runLinks(runs)}`;
}

/** `s1 s2 s3`, linked to the runs' reports. */
export function runLinks(runs: readonly StudyRunResults[]): Markup {
  const links = runs.map(({ seed, link, name }) =>
    link === undefined ? html`s${seed} ` : html`<a href="${link}" title="${name}">s${seed}</a> `,
  );
  return html`<span class="runs">${links}</span>`;
}
