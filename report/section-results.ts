/** The report's sections about results: the error, the curves, the classes and the confusion matrix. */

import { count, duration, measure, percent, significant } from '../model/format.ts';
import type { MetricsRow } from '../model/metrics.ts';
import { type ClassScore, classScores, errorShare, mistakes, totalScore } from './confusion.ts';
import { confusionFigure } from './confusion-figure.ts';
import { curvePanels } from './curves.ts';
import { svgElement } from './drawing.ts';
import { html, type Markup, nameText, nothing } from './markup.ts';
import { bar, type Column, classTable, folded, scrolling, section, type TableRow, table } from './page.ts';
import { pagePalette } from './palette.ts';
import type { RunRecord } from './run-directory.ts';
import { statusText, summaryOf } from './run-summary.ts';

const mistakesShown = 12;

export function resultEntry(record: RunRecord): Markup {
  const { sentence, meaning, wrongOfHundred } = summaryOf(record);
  return html`<div class="entry result">
<div>
<p class="sentence">${sentence}</p>
${meaning.map((text) => html`<p>${text}</p>\n`)}</div>
${wrongOfHundred === undefined ? nothing : hundredPatches(wrongOfHundred)}
</div>`;
}

/** 100 patches as squares; the misclassified ones are crossed out. */
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

export function curvesSection(record: RunRecord): Markup {
  const { run, metrics } = record;
  const alarm = run.status === 'diverged' ? html` class="alarm"` : nothing;
  const entry = html`<p><span${alarm}>${statusText(record)}</span> ${timeOf(metrics)}</p>
${metrics.length === 0 ? nothing : curves(record)}`;
  return section('Training', 'Loss and error after each epoch.', entry);
}

function curves(record: RunRecord): Markup {
  const panels = curvePanels({ ...record.run, metrics: record.metrics }, pagePalette);
  return html`<div class="panels">
${panels.map(({ drawing, label }) => html`${svgElement(drawing, label, pagePalette)}\n`)}</div>
${folded('Values', epochTable(record))}`;
}

function timeOf(metrics: readonly MetricsRow[]): string {
  if (metrics.length === 0) return '';
  const seconds = metrics.reduce((sum, row) => sum + row.seconds, 0);
  return `The epochs took ${duration(seconds)}.`;
}

const epochColumns: readonly Column[] = [
  { heading: 'epoch', kind: 'number' },
  { heading: 'split', kind: 'text' },
  { heading: 'loss', kind: 'number' },
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
  { heading: 'most often predicted as', kind: 'name' },
  { heading: 'false positives', kind: 'number' },
];

export function classesSection({ confusion }: RunRecord): Markup {
  if (confusion === undefined) return nothing;
  const scores = classScores(confusion);
  const { patches, wrong } = totalScore(confusion);
  const total = { cells: ['all', count(patches), count(wrong), percent(wrong / patches), '', '', ''] };
  const entry = classTable('Errors', classColumns, scores.map(classRow), patches === 0 ? undefined : total);
  return section('Errors by class', 'Of validation patches, the worst class first.', entry);
}

function classRow(score: ClassScore): TableRow {
  const { label, patches, wrong, falsePositives, worstMistake } = score;
  const share = errorShare(score);
  const confused =
    worstMistake === undefined ? '' : `${nameText(worstMistake.predicted)} (${count(worstMistake.count)})`;
  const error = patches === 0 ? ['no patches', ''] : [percent(share), bar(share)];
  return {
    cells: [nameText(label), count(patches), count(wrong), ...error, confused, count(falsePositives)],
  };
}

const mistakeColumns: readonly Column[] = [
  { heading: 'true class', kind: 'name' },
  { heading: 'predicted', kind: 'name' },
  { heading: 'patches', kind: 'number' },
  { heading: 'of the true class', kind: 'number' },
];

export function confusionSection({ confusion }: RunRecord): Markup {
  if (confusion === undefined) return nothing;
  const rows = mistakes(confusion)
    .slice(0, mistakesShown)
    .map(({ trueLabel, predicted, count: patches, of }): TableRow => {
      return { cells: [nameText(trueLabel), nameText(predicted), count(patches), percent(patches / of)] };
    });
  const figure = svgElement(confusionFigure(confusion, pagePalette), 'confusion matrix', pagePalette);
  const pairs =
    rows.length === 0
      ? html`<p>No patch was misclassified.</p>`
      : html`<h3>Most confused pairs</h3>
${table('Most confused pairs', mistakeColumns, rows)}`;
  const entry = html`${scrolling('Confusion matrix', figure)}${pairs}`;
  return section(
    'Confusion matrix',
    'Rows are true classes, columns predictions, in per cent of the patches of the true class. Blue is right, red is wrong.',
    entry,
  );
}
