/** The table of models, with one row each. Its cells are updated with every patch. */
import { variants } from '../../../model/network.ts';
import { element } from '../dom/element.ts';
import type { ListedModel } from '../inference/model-list.ts';
import {
  formatNumber,
  formatPercent,
  language,
  type TextKey,
  textElement,
  textOf,
} from '../language/language.ts';

/** How often a model's prediction is that of the reference, over the patches of this view. */
export interface Agreement {
  readonly same: number;
  readonly count: number;
}

/** A model's prediction for the latest patch, and its agreement so far. */
export interface ComparedRow {
  readonly label: string;
  readonly probability: number;
  /** Undefined for the reference itself. */
  readonly agrees: boolean | undefined;
  readonly agreement: Agreement;
  readonly inferMs: number;
}

const columns = {
  model: 'compare.model',
  top: 'compare.top',
  probability: 'compare.probability',
  agrees: 'compare.agrees',
  latency: 'compare.latency',
  size: 'compare.size',
  error: 'compare.error',
} as const satisfies Record<string, TextKey>;
type Column = keyof typeof columns;
const columnNames = Object.keys(columns) as Column[];

/** Narrow pages lay out rows as blocks; the roles keep the table for screen readers. */
export function compareTable(models: readonly ListedModel[]) {
  const head = element(
    'tr',
    { role: 'row' },
    ...columnNames.map((column) =>
      textElement('th', columns[column], { scope: 'col', role: 'columnheader', class: column }),
    ),
  );
  const rows = models.map(tableRow);
  const root = element(
    'table',
    { class: 'compare-table', role: 'table', 'aria-labelledby': 'compare-heading' },
    element('thead', { role: 'rowgroup' }, head),
    element('tbody', { role: 'rowgroup' }, ...rows.map(({ root: row }) => row)),
  );
  return {
    root,
    show(compared: readonly (ComparedRow | 'unusable' | undefined)[]): void {
      rows.forEach(({ show }, i) => {
        show(compared[i]);
      });
    },
  };
}

function tableRow(model: ListedModel) {
  const cells = Object.fromEntries(columnNames.map((column) => [column, cellOf(column)])) as Readonly<
    Record<Column, HTMLElement>
  >;
  const lacks = element('small', {});
  cells.model.append(element('strong', {}, model.name), ' ', lacks);
  language.subscribe(() => {
    lacks.textContent = lacksText(model.name);
    cells.size.textContent = `${formatNumber(model.bytes / 1e6, 1)} MB`;
    cells.error.textContent = model.top1err === undefined ? '–' : formatPercent(model.top1err, 1);
  });

  function show(given: ComparedRow | 'unusable' | undefined): void {
    const row = given === 'unusable' ? undefined : given;
    cells.top.textContent = given === 'unusable' ? textOf('compare.unusable') : (row?.label ?? '…');
    cells.top.classList.toggle('unusable', given === 'unusable');
    cells.probability.textContent = row === undefined ? '' : formatPercent(row.probability);
    cells.probability.style.setProperty('--share', String(row?.probability ?? 0));
    cells.agrees.textContent = row === undefined ? '' : agreementText(row);
    cells.agrees.dataset.agrees = String(row?.agrees ?? '');
    cells.latency.textContent = row === undefined ? '' : `${formatNumber(row.inferMs, 1)} ms`;
  }
  show(undefined);
  return { root: element('tr', { role: 'row' }, ...columnNames.map((column) => cells[column])), show };
}

function cellOf(column: Column): HTMLElement {
  if (column === 'model') return element('th', { scope: 'row', role: 'rowheader', class: column });
  const isResult = ['top', 'probability', 'agrees', 'latency'].includes(column);
  const cell = element('td', { role: 'cell', class: isResult ? `${column} result` : column });
  // The style sheet shows it on narrow pages, which have no row of headings.
  language.subscribe(() => {
    cell.dataset.heading = textOf(columns[column]);
  });
  return cell;
}

function lacksText(name: string): string {
  const removed: readonly string[] = name in variants ? variants[name as keyof typeof variants].removes : [];
  return removed.length === 0 ? '' : textOf('compare.lacks', { layers: removed.join(', ') });
}

function agreementText({ agrees, agreement }: ComparedRow): string {
  if (agrees === undefined) return '–';
  const now = textOf(agrees ? 'compare.same' : 'compare.differs');
  if (agreement.count < 2) return now;
  const share = formatPercent(agreement.same / agreement.count);
  return `${now} · ${textOf('compare.agreement', { share, count: formatNumber(agreement.count) })}`;
}
