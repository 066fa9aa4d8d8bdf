/** The report's first half: the result, the course of the run, and the classes that go wrong. */
import type { MetricsRow } from '../model/metrics.ts';
import { type ClassScore, classScores, errorShare, mistakes, totalScore } from './class-scores.ts';
import { confusionFigure } from './confusion-figure.ts';
import { curvePanels } from './curves.ts';
import { svgElement } from './drawing.ts';
import { courseOf, headlineOf } from './headline.ts';
import { html, type Markup, nothing, shortened } from './markup.ts';
import { count, duration, measure, percent, significant } from './numerals.ts';
import { bar, type Column, section, type TableRow, table } from './page-parts.ts';
import { pagePalette } from './palette.ts';
import type { RunRecord } from './run-directory.ts';

const classesInFirstTable = 30;
const mistakesShown = 12;
const longestName = 80;

export function resultEntry(record: RunRecord): Markup {
  const { sentence, meaning, wrongOfHundred } = headlineOf(record);
  return html`<div class="entry result">
<div>
<p class="sentence">${sentence}</p>
${meaning.map((text) => html`<p>${text}</p>\n`)}</div>
${wrongOfHundred === undefined ? nothing : hundredPatches(wrongOfHundred)}
</div>`;
}

/** A hundred patches as squares; those that are named wrong come last and are crossed out. */
function hundredPatches(wrong: number): Markup {
  const squarePx = 22;
  const squares = Array.from({ length: 100 }, (_, i) => {
    const x = (i % 10) * squarePx + 2.5;
    const y = Math.floor(i / 10) * squarePx + 2.5;
    return i < 100 - wrong
      ? html`<rect x="${x}" y="${y}" width="17" height="17"/>`
      : html`<path d="M${x + 2},${y + 2}l13,13m0,-13l-13,13"/>`;
  });
  return html`<svg width="220" height="220" viewBox="0 0 220 220" role="img" aria-label="${wrong} of 100 squares are crossed out" class="hundred">${squares}</svg>`;
}

export function courseSection(record: RunRecord): Markup {
  const { run, metrics } = record;
  const alarm = run.status === 'diverged' ? html` class="alarm"` : nothing;
  const entry = html`<p><span${alarm}>${courseOf(record)}</span> ${timeOf(metrics)}</p>
${metrics.length === 0 ? nothing : curves(record)}`;
  return section('How it went', 'Error and objective after each epoch.', entry);
}

function curves(record: RunRecord): Markup {
  const panels = curvePanels({ ...record.run, metrics: record.metrics }, pagePalette);
  return html`<div class="panels">
${panels.map(({ drawing, label }) => html`${svgElement(drawing, label, pagePalette)}\n`)}</div>
<details><summary>The values</summary>
${epochTable(record)}</details>`;
}

function timeOf(metrics: readonly MetricsRow[]): string {
  if (metrics.length === 0) return '';
  const seconds = metrics.reduce((sum, row) => sum + row.seconds, 0);
  return `Its epochs took ${duration(seconds)}.`;
}

const epochColumns: readonly Column[] = [
  { heading: 'epoch', kind: 'number' },
  { heading: 'split', kind: 'text' },
  { heading: 'objective', kind: 'number' },
  { heading: 'top-1 error', kind: 'number' },
  { heading: 'top-5 error', kind: 'number' },
  { heading: 'balanced error', kind: 'number' },
  { heading: 'images/s', kind: 'number' },
  { heading: 'learning rate', kind: 'number' },
  { heading: 'seconds', kind: 'number' },
];

function epochTable({ run, metrics }: RunRecord): Markup {
  const rows = metrics.map((row): TableRow => {
    const rate = significant(row.learning_rate);
    const speed = count(row.images_per_second);
    const cells = [String(row.epoch), row.split, measure(row.objective), measure(row.top1err)];
    const balanced = row.balanced_top1err === undefined ? '' : measure(row.balanced_top1err);
    return {
      cells: [...cells, measure(row.top5err), balanced, speed, rate, row.seconds.toFixed(1)],
      isChosen: row.epoch === run.best?.epoch,
    };
  });
  return table('Values of each epoch', epochColumns, rows);
}

const classColumns: readonly Column[] = [
  { heading: 'class', kind: 'name' },
  { heading: 'patches', kind: 'number' },
  { heading: 'wrong', kind: 'number' },
  { heading: 'error', kind: 'number' },
  { heading: '', kind: 'bar' },
  { heading: 'most often taken for', kind: 'name' },
  { heading: 'others taken for it', kind: 'number' },
];

export function classesSection({ confusion }: RunRecord): Markup {
  if (confusion === undefined) return nothing;
  const scores = classScores(confusion);
  const { patches, wrong } = totalScore(confusion);
  const total = { cells: ['all', count(patches), count(wrong), percent(wrong / patches), '', '', ''] };
  const first = scores.slice(0, classesInFirstTable).map(classRow);
  const rest = scores.slice(classesInFirstTable).map(classRow);
  const entry = html`${table('Errors of each class', classColumns, first, patches === 0 ? undefined : total)}${
    rest.length === 0
      ? nothing
      : html`<details><summary>The other ${count(rest.length)} classes</summary>
${table('Errors of the other classes', classColumns, rest)}</details>`
  }`;
  return section('Class by class', 'Validation patches, the worst class first.', entry);
}

function classRow(score: ClassScore): TableRow {
  const { label, patches, wrong, takenInstead, worstMistake } = score;
  const share = errorShare(score);
  const confused =
    worstMistake === undefined ? '' : `${nameOf(worstMistake.namedAs)} (${count(worstMistake.count)})`;
  const error = patches === 0 ? ['no patches', ''] : [percent(share), bar(share)];
  return { cells: [nameOf(label), count(patches), count(wrong), ...error, confused, count(takenInstead)] };
}

const mistakeColumns: readonly Column[] = [
  { heading: 'true class', kind: 'name' },
  { heading: 'named as', kind: 'name' },
  { heading: 'patches', kind: 'number' },
  { heading: 'of the class', kind: 'number' },
];

export function mistakesSection({ confusion }: RunRecord): Markup {
  if (confusion === undefined) return nothing;
  const rows = mistakes(confusion)
    .slice(0, mistakesShown)
    .map(({ trueLabel, namedAs, count: patches, of }): TableRow => {
      return { cells: [nameOf(trueLabel), nameOf(namedAs), count(patches), percent(patches / of)] };
    });
  const figure = svgElement(confusionFigure(confusion, pagePalette), 'confusion matrix', pagePalette);
  const pairs =
    rows.length === 0
      ? html`<p>Nothing was mistaken for anything else.</p>`
      : html`<h3>Most confused</h3>
${table('Most confused pairs', mistakeColumns, rows)}`;
  const entry = html`<div class="scroll" role="region" tabindex="0" aria-label="Confusion matrix">${figure}</div>
${pairs}`;
  return section(
    'What is taken for what',
    'Each row in per cent of the patches of its class. Blue is right, red is wrong.',
    entry,
  );
}

/** A class's name, cut where it would make a page of its own. */
function nameOf(label: string): string {
  return shortened(label, longestName);
}
