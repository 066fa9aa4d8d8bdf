/** The study report's first half: the forest plot, the verdicts, a sentence a network, and the numbers. */
import { counted } from '../../model/words.ts';
import { svgElement } from '../../report/drawing.ts';
import { html, type Markup, nothing } from '../../report/markup.ts';
import { type Column, section, type TableRow, table } from '../../report/page-parts.ts';
import { pagePalette } from '../../report/palette.ts';
import { type ForestLayout, forestFigure, forestLabel } from './forest-figure.ts';
import type { ArmResults, StudyResults, StudyRunResults } from './study-results.ts';
import {
  certaintyWords,
  detectableText,
  displayName,
  divergedWords,
  findingWords,
  interval,
  oneSeedCaveat,
  sentenceOf,
  signedInterval,
  testText,
} from './study-words.ts';
import { paperWords } from './summary.ts';
import { agreementOf, type Finding, findingOf, trainsAfterAll } from './verdict.ts';

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
    [number('worse'), 'worse than the reference'],
    [number('better'), 'better'],
    [number('not shown'), 'not told apart from it'],
    [number('untested'), 'without a verdict'],
    [number('did not train'), 'did not train'],
    [number('unknown'), 'without a result yet'],
  ] as const;
  const told = parts.filter(([n]) => n > 0).map(([n, words]) => `${n} ${words}`);
  if (told.length === 0) return 'Only the reference is in this study.';
  const diverged = found
    .filter(({ arm, kind }) => kind !== 'did not train' && divergedWords(arm) !== '')
    .map(({ arm }) => ` Of ${displayName(arm.arm)}, ${divergedWords(arm)}.`);
  return `Of ${counted(others.length, 'network')} beside the reference: ${told.join(', ')}.${diverged.join('')}`;
}

export function resultEntry(results: StudyResults): Markup {
  const others = ablations(results);
  const [reference] = results.arms;
  const level = reference?.statistics;
  const base =
    level === undefined
      ? nothing
      : html`<p>The reference names ${interval(level.mean)} % of validation patches wrong (a photograph counts once${level.mean.interval === undefined ? '' : '; in brackets the 95 % interval'}), over ${counted(level.seeds.length, 'seed')} and ${counted(level.photographs, 'photograph')}. ${runLinks(reference?.runs ?? [])}</p>`;
  const figures = (['wide', 'narrow'] as const).map((layout) => forestElement(others, layout));
  return html`<div class="entry">
<p class="sentence">${studySentence(results)}</p>
${base}
${others.length === 0 ? nothing : html`${figures}${results.study.seeds.length === 1 ? oneSeedNote : forestNote}`}
</div>`;
}

function forestElement(others: readonly ArmResults[], layout: ForestLayout): Markup {
  return html`<div class="${layout}">${svgElement(forestFigure(others, pagePalette, layout), forestLabel(others), pagePalette)}</div>
`;
}

const oneSeedNote = html`<p class="after">Dots are the differences of the one seed (rings lead to its runs). <b>${oneSeedCaveat}</b></p>`;

const forestNote = html`<p class="after">Dots are means, lines 95 % intervals, small rings the seeds (each leads to its run). Red and blue are differences that hold after Holm's correction for the number of networks. The grey bar is what this many seeds and photographs would probably have missed: a difference inside it is not shown, which does not mean that it is not there.</p>`;

export const verdictHeadings = [
  'network',
  'the paper said',
  'we found',
  'with what certainty',
  'so it is',
] as const;
const verdictColumns = verdictHeadings.map((heading): Column => ({ heading, kind: 'name' }));

export function verdictSection(results: StudyResults): Markup {
  const rows = ablations(results).map((arm): TableRow => {
    return { cells: [networkCell(arm), ...verdictCells(arm, results).slice(1)] };
  });
  return section(
    'Verdicts',
    'What the paper said of each network, and what this study can say. "Open" is neither yes nor no.',
    table('Verdicts', verdictColumns, rows),
  );
}

/** Network, the paper's words, ours, how certain, and whether the two agree. */
export function verdictCells(arm: ArmResults, { arms, labels }: StudyResults): readonly string[] {
  const finding = findingOf(arm);
  const agreement = agreementOf(arm, arms[0], labels?.length ?? 2);
  const found = [
    trainsAfterAll(arm, agreement) ? 'it trains' : '',
    findingWords(finding),
    finding.kind === 'did not train' ? '' : divergedWords(arm),
  ];
  return [
    displayName(arm.arm),
    paperWords(arm.arm),
    found.filter((words) => words !== '').join('; '),
    certaintyWords(finding),
    agreement === 'no claim' ? '' : agreement,
  ];
}

export function sentencesSection(results: StudyResults): Markup {
  const classes = results.labels?.length;
  const guessing = classes === undefined ? undefined : 1 - 1 / classes;
  const sentences = ablations(results).map(
    (arm) => html`<p><b>${arm.arm.name}</b>. ${sentenceOf(arm, guessing)} ${runLinks(arm.runs)}</p>
`,
  );
  return section('In words', 'As much as the numbers support, and no more.', html`${sentences}`);
}

const numberColumns: readonly Column[] = [
  { heading: 'network', kind: 'name' },
  { heading: 'top-1 error, %', kind: 'number' },
  { heading: 'interquartile mean, %', kind: 'number' },
  { heading: 'difference, points', kind: 'number' },
  { heading: 'p', kind: 'number' },
  { heading: 'does better on, %', kind: 'number' },
  { heading: 'could show', kind: 'number' },
];

export function numbersSection({ study, arms }: StudyResults): Markup {
  const explanation =
    study.seeds.length < 2
      ? 'With one seed there are no intervals and no p-values: the numbers show this seed only.'
      : 'Brackets are 95 % intervals over seeds and photographs; p is corrected by Holm for the number of networks. "Could show" is the ' +
        'smallest difference, in points, that four of five such studies would have found at the 5 % level, before that correction.';
  const entry = html`${table('Numbers of each network', numberColumns, arms.map(numberRow))}
<p class="after">${explanation} "Does better on" is the share of photographs on which the network does better than the reference, ties counting half.</p>`;
  return section('The numbers', 'Of validation patches, a photograph counting once.', entry);
}

function numberRow(results: ArmResults): TableRow {
  const { statistics } = results;
  const comparison = statistics?.comparison;
  const difference = comparison
    ? [
        signedInterval(comparison.difference),
        testText(comparison),
        interval(comparison.improvement),
        comparison.test ? detectableText(comparison.test.smallestDetectable) : '',
      ]
    : ['', '', '', ''];
  const errors = statistics ? [interval(statistics.mean), interval(statistics.interquartileMean)] : ['', ''];
  return { cells: [networkCell(results), ...errors, ...difference] };
}

/** The network's name over links to its runs. */
export function networkCell({ arm, runs }: ArmResults): Markup {
  return html`${displayName(arm)}<br>${runLinks(runs)}`;
}

/** `s1 s2 s3`, each leading to the run's report where it has one. */
export function runLinks(runs: readonly StudyRunResults[]): Markup {
  const links = runs.map(({ seed, link, name }) =>
    link === undefined ? html`s${seed} ` : html`<a href="${link}" title="${name}">s${seed}</a> `,
  );
  return html`<span class="runs">${links}</span>`;
}
