/** The table of models, with one row each. Its cells are updated with every patch. */
import { variants } from '../../../model/network.ts';
import { element } from '../dom/element.ts';
import type { ListedModel } from '../inference/model-list.ts';
import {
  formatFileSize,
  formatNumber,
  formatPercent,
  language,
  setText,
  type TextKey,
  textElement,
  textOf,
} from '../language/language.ts';

/** How often a model's prediction is that of the baseline, over the patches of this view. */
export interface Agreement {
  readonly same: number;
  readonly count: number;
}

/** Whether a prediction is that of the baseline. Models of other classes cannot agree with it. */
export type Agrees = 'baseline' | 'otherClasses' | 'same' | 'differs';

/** A model's prediction for the latest patch, and its agreement so far. */
export interface ComparedRow {
  readonly label: string;
  readonly probability: number;
  readonly agrees: Agrees;
  readonly agreement: Agreement;
  /** Of one patch, in a run on its own. */
  readonly runMs: number;
}

const columns = {
  model: 'model.choose',
  top: 'page.prediction',
  probability: 'page.probability',
  latency: 'compare.latency',
  size: 'compare.size',
  error: 'compare.error',
  agrees: 'compare.agrees',
} as const satisfies Record<string, TextKey>;
type Column = keyof typeof columns;
const columnNames = Object.keys(columns) as Column[];

/**
 * A table whose headings sort it; a second press reverses the order. Narrow pages lay out rows as blocks; the
 * roles keep the table for screen readers.
 */
export function compareTable() {
  let rows: readonly ReturnType<typeof tableRow>[] = [];
  const body = element('tbody', { role: 'rowgroup' });
  let latest: readonly (ComparedRow | 'unusable' | undefined)[] = [];
  let order: { readonly column: Column; readonly sign: 1 | -1 } | undefined;

  const headings = columnNames.map((column) => {
    const button = textElement('button', columns[column], { class: 'sort' });
    const heading = element('th', { scope: 'col', role: 'columnheader', class: column }, button);
    button.addEventListener('click', () => {
      order = { column, sign: order?.column === column && order.sign === 1 ? -1 : 1 };
      headings.forEach((other, i) => {
        if (columnNames[i] !== column) other.removeAttribute('aria-sort');
      });
      heading.setAttribute('aria-sort', order.sign === 1 ? 'ascending' : 'descending');
      sort();
    });
    return heading;
  });

  /** Rows without a value stay at the end. */
  function sort(): void {
    if (order === undefined) return;
    const { column, sign } = order;
    const sorted = rows
      .map(({ model, root: row }, i) => ({ row, value: sortValue(column, model, latest[i]) }))
      .sort((a, b) => {
        if (a.value === undefined || b.value === undefined)
          return Number(a.value === undefined) - Number(b.value === undefined);
        return sign * (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
      });
    const next = sorted.map(({ row }) => row);
    if (next.some((row, i) => body.children[i] !== row)) body.replaceChildren(...next);
  }

  const translate = () => {
    for (const row of rows) row.translate();
  };
  language.subscribe(translate);

  return {
    root: element(
      'table',
      { class: 'compare-table', role: 'table', 'aria-labelledby': 'compare-heading' },
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...headings)),
      body,
    ),
    /** Makes a row for each model, without values. */
    list(models: readonly ListedModel[]): void {
      rows = models.map(tableRow);
      latest = [];
      body.replaceChildren(...rows.map(({ root: row }) => row));
      translate();
      sort();
    },
    show(compared: readonly (ComparedRow | 'unusable' | undefined)[]): void {
      latest = compared;
      rows.forEach(({ show }, i) => {
        show(compared[i]);
      });
      sort();
    },
  };
}

/** What a column is sorted by; undefined if there is none. */
function sortValue(
  column: Column,
  { name, bytes, top1err }: ListedModel,
  given: ComparedRow | 'unusable' | undefined,
): string | number | undefined {
  const row = given === 'unusable' ? undefined : given;
  switch (column) {
    case 'model':
      return name;
    case 'top':
      return row?.label;
    case 'probability':
      return row?.probability;
    case 'latency':
      return row?.runMs;
    case 'size':
      return bytes;
    case 'error':
      return top1err;
    case 'agrees':
      return row && isCompared(row) ? row.agreement.same / row.agreement.count : undefined;
    default:
      throw column satisfies never;
  }
}

function tableRow(model: ListedModel) {
  const cells = Object.fromEntries(columnNames.map((column) => [column, cellOf(column)])) as Readonly<
    Record<Column, HTMLElement>
  >;
  const lacks = element('small', {});
  const probability = element('span', {});
  const bar = element('span', { class: 'meter', 'aria-hidden': 'true' });
  const interval = element('small', {});
  const error = element('span', {});
  const agrees = element('span', {});
  const share = element('small', {});
  cells.model.append(element('strong', {}, model.name), ' ', lacks);
  cells.probability.append(probability, bar);
  cells.error.append(error, ' ', interval);
  cells.agrees.append(agrees, ' ', share);
  const translate = () => {
    // The style sheet shows them on narrow pages, which have no row of headings.
    for (const column of columnNames) cells[column].dataset.heading = textOf(columns[column]);
    lacks.textContent = lacksText(model.name);
    cells.size.textContent = formatFileSize(model.bytes);
    error.textContent = model.top1err === undefined ? '–' : formatPercent(model.top1err, 1);
    const { low, high } = model.top1errInterval ?? {};
    if (low !== undefined && high !== undefined)
      setText(interval, 'compare.interval', {
        low: formatNumber(100 * low, 1),
        high: formatNumber(100 * high, 1),
      });
  };

  function show(given: ComparedRow | 'unusable' | undefined): void {
    const row = given === 'unusable' ? undefined : given;
    cells.top.textContent = given === 'unusable' ? textOf('compare.unusable') : (row?.label ?? '…');
    cells.top.classList.toggle('unusable', given === 'unusable');
    probability.textContent = row === undefined ? '' : formatPercent(row.probability);
    bar.hidden = row === undefined;
    bar.style.setProperty('--share', String(row?.probability ?? 0));
    agrees.textContent = row === undefined ? '' : textOf(`compare.${row.agrees}`);
    share.textContent = row === undefined ? '' : shareText(row);
    cells.agrees.classList.toggle('differs', row?.agrees === 'differs');
    cells.latency.textContent = row === undefined ? '' : `${formatNumber(row.runMs, 1)} ms`;
  }
  show(undefined);
  const root = element('tr', { role: 'row' }, ...columnNames.map((column) => cells[column]));
  return { model, root, show, translate };
}

function cellOf(column: Column): HTMLElement {
  if (column === 'model') return element('th', { scope: 'row', role: 'rowheader', class: column });
  const isResult = ['top', 'probability', 'agrees', 'latency'].includes(column);
  return element('td', { role: 'cell', class: isResult ? `${column} result` : column });
}

function lacksText(name: string): string {
  const removed: readonly string[] = name in variants ? variants[name as keyof typeof variants].removes : [];
  return removed.length === 0 ? '' : textOf('compare.lacks', { layers: removed.join(', ') });
}

function isCompared({ agrees }: ComparedRow): boolean {
  return agrees === 'same' || agrees === 'differs';
}

function shareText(row: ComparedRow): string {
  const { same, count } = row.agreement;
  if (count < 2 || !isCompared(row)) return '';
  return textOf('compare.agreement', { share: formatPercent(same / count), count });
}
