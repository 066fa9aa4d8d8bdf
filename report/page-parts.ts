/** What the report's sections are built of. */
import { html, type Markup, nothing } from './markup.ts';

/** A numbered entry of the notebook, with its note in the margin. */
export function section(title: string, note: string, entry: Markup): Markup {
  return html`<section>
<div><h2>${title}</h2>${note === '' ? nothing : html`<p>${note}</p>`}</div>
<div class="entry">
${entry}
</div>
</section>
`;
}

export interface Column {
  readonly heading: string;
  /** Names may break anywhere, prose between words, texts and numbers not at all. */
  readonly kind: 'name' | 'text' | 'prose' | 'number' | 'bar';
}

export interface TableRow {
  readonly cells: readonly (string | Markup)[];
  readonly isChosen?: boolean;
}

/** A table in a box of its own that scrolls where the page is too narrow. The first cell of a row is its heading. */
export function table(
  label: string,
  columns: readonly Column[],
  rows: readonly TableRow[],
  total?: TableRow,
): Markup {
  const headings = columns.map(({ heading, kind }) => html`<th scope="col"${classOf(kind)}>${heading}</th>`);
  const foot = total === undefined ? nothing : html`<tfoot>${tableRow(total, columns)}</tfoot>`;
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}"><table>
${
  columns.every(({ heading }) => heading === '')
    ? nothing
    : html`<thead><tr>${headings}</tr></thead>
`
}<tbody>
${rows.map((row) => tableRow(row, columns))}</tbody>
${foot}</table></div>
`;
}

/** A bar for a share in 0..1. */
export function bar(share: number): Markup {
  return html`<i style="width:${(share * 100).toFixed(1)}%"></i>`;
}

export function command(text: string): Markup {
  return html`<pre>${text}</pre>
`;
}

function tableRow({ cells, isChosen = false }: TableRow, columns: readonly Column[]): Markup {
  const written = cells.map((cell, i) => {
    const kind = classOf(columns[i]?.kind ?? 'text');
    return i === 0 ? html`<th scope="row"${kind}>${cell}</th>` : html`<td${kind}>${cell}</td>`;
  });
  return isChosen ? html`<tr class="chosen">${written}</tr>\n` : html`<tr>${written}</tr>\n`;
}

function classOf(kind: Column['kind']): Markup {
  switch (kind) {
    case 'name':
      return html` class="name"`;
    case 'number':
      return html` class="n"`;
    case 'prose':
      return html` class="prose"`;
    case 'bar':
      return html` class="bar"`;
    case 'text':
      return html` class="text"`;
    default:
      return kind satisfies never;
  }
}
