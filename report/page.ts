/**
 * The page that reports are made of: its shell, the parts of its sections, and its style. It is
 * self-contained: it loads nothing, so it can be mailed, archived and opened offline.
 */

import { count, moment } from '../model/format.ts';
import {
  type RecipeNetwork,
  type TrainingConfig,
  trainingConfigSchema,
  withRecipe,
} from '../model/training-config.ts';
import { counted } from '../model/words.ts';
import type { SkippedFile } from '../node/folder-walk.ts';
import { html, type Markup, nothing, trustedMarkup } from './markup.ts';
import { customProperties, darkPalette, lightPalette, serifFonts } from './palette.ts';

interface PageContent {
  readonly heading: Markup;
  readonly title: string;
  /** One sentence with the result. */
  readonly description: string;
  /** As ISO 8601. */
  readonly startedAt: string;
  /** Shown in large next to the heading. */
  readonly result: Markup;
  readonly sections: readonly Markup[];
  /** CSS in addition to that of all reports. */
  readonly style?: string;
}

/** The page's HTML. */
export function pageShell(content: PageContent): string {
  const { heading, title, description, startedAt, result, sections, style = '' } = content;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${description}">
<title>${title} – Textura</title>
<style>${trustedMarkup(pageStyle)}${trustedMarkup(style)}</style>
</head>
<body>
<main>
<header>
<div><h1>${heading}</h1><p class="date">${moment(startedAt)}</p></div>
${result}
</header>
${sections}
</main>
</body>
</html>
`.markup;
}

/** A section with its title and its note in the margin. */
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
  /** Names may break anywhere, prose between words, texts and numbers nowhere. */
  readonly kind: 'name' | 'text' | 'prose' | 'number' | 'bar';
}

/** A short class for numbers, because tables have many. */
const classOf = { name: 'name', text: 'text', prose: 'prose', number: 'n', bar: 'bar' } as const;

export interface TableRow {
  readonly cells: readonly (string | Markup)[];
  readonly isChosen?: boolean;
}

/** A table that scrolls sideways where the page is too narrow. The first cell of a row is its heading. */
export function table(
  label: string,
  columns: readonly Column[],
  rows: readonly TableRow[],
  total?: TableRow,
): Markup {
  const headings = columns.map(
    ({ heading, kind }) => html`<th scope="col" class="${classOf[kind]}">${heading}</th>`,
  );
  const foot = total === undefined ? nothing : html`<tfoot>${tableRow(total, columns)}</tfoot>`;
  return scrolling(
    label,
    html`<table>
${
  columns.every(({ heading }) => heading === '')
    ? nothing
    : html`<thead><tr>${headings}</tr></thead>
`
}<tbody>
${rows.map((row) => tableRow(row, columns))}</tbody>
${foot}</table>`,
  );
}

/** Content that is folded away until a reader opens it. */
export function folded(summary: string, content: Markup): Markup {
  return html`<details><summary>${summary}</summary>
${content}</details>`;
}

/** A folded table; nothing without rows. */
export function foldedTable(
  summary: string,
  label: string,
  columns: readonly Column[],
  rows: readonly TableRow[],
): Markup {
  return rows.length === 0 ? nothing : folded(summary, table(label, columns, rows));
}

const classesInFirstTable = 30;

/**
 * A table of `what`, such as `Errors`, with a row for each class; those after the first 30 are folded away.
 */
export function classTable(
  what: string,
  columns: readonly Column[],
  rows: readonly TableRow[],
  total?: TableRow,
): Markup {
  const others = rows.slice(classesInFirstTable);
  return html`${table(`${what} of each class`, columns, rows.slice(0, classesInFirstTable), total)}${foldedTable(counted(others.length, 'more class', 'more classes'), `${what} of the other classes`, columns, others)}`;
}

const propertyColumns: readonly Column[] = [
  { heading: '', kind: 'name' },
  { heading: '', kind: 'name' },
];

/** A table of names and values without headings. Numbers are counts; what is undefined is left out. */
export function propertyTable(
  label: string,
  properties: readonly (readonly [name: string, value: string | number | Markup | undefined])[],
): Markup {
  const rows = properties.flatMap(([name, value]) =>
    value === undefined ? [] : [{ cells: [name, typeof value === 'number' ? count(value) : value] }],
  );
  return table(label, propertyColumns, rows);
}

const fileColumns: readonly Column[] = [
  { heading: 'file', kind: 'name' },
  { heading: 'reason', kind: 'prose' },
];

/** A table of files with the reason why each was not used. */
export function fileTable(label: string, files: readonly SkippedFile[]): Markup {
  const rows = files.map(({ name, why }) => ({ cells: [name, why] }));
  return table(label, fileColumns, rows);
}

/** A folded table of skipped files; nothing without files. */
export function skippedTable(files: readonly SkippedFile[]): Markup {
  return files.length === 0
    ? nothing
    : folded('Skipped files and reasons', fileTable('Skipped files', files));
}

/**
 * A box that scrolls sideways where its content is wider than the page; shadows at its edges show that there
 * is more.
 */
export function scrolling(label: string, content: Markup): Markup {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${content}</div>
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
    const kind = classOf[columns[i]?.kind ?? 'text'];
    return i === 0
      ? html`<th scope="row" class="${kind}">${cell}</th>`
      : html`<td class="${kind}">${cell}</td>`;
  });
  return isChosen ? html`<tr class="chosen">${written}</tr>\n` : html`<tr>${written}</tr>\n`;
}

/**
 * A table of settings, a row for each key in their order; those that differ from the default recipe for the
 * network are tinted.
 */
export function settingsTable(
  config: Partial<TrainingConfig>,
  keys: readonly (keyof TrainingConfig)[],
  network: RecipeNetwork,
): Markup {
  const defaults = withRecipe(trainingConfigSchema.parse({}), { recipe: 'default', ...network }, new Set());
  const rows = keys.map((key): TableRow => {
    const value = config[key];
    // The network is what the recipe depends on, and has no other default.
    const isChosen = key !== 'variant' && value !== defaults[key];
    return {
      cells: [
        key === 'variant' ? 'network' : spaced(key),
        String(value ?? 'none'),
        trainingConfigSchema.shape[key].description ?? '',
      ],
      isChosen,
    };
  });
  const columns = [
    { heading: 'setting', kind: 'text' },
    { heading: 'value', kind: 'name' },
    { heading: 'description', kind: 'prose' },
  ] as const;
  return table('Settings', columns, rows);
}

/** `patchesPerEpoch` -> `patches per epoch`. */
function spaced(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/**
 * Looks like a laboratory notebook: notes in the left margin, entries right of a red line. On a narrow screen
 * notes are above entries.
 */
const pageStyle = `
:root{color-scheme:light dark;${customProperties(lightPalette)}--wash:#f3eee1;--shade:#0003}
@media (prefers-color-scheme:dark){:root{${customProperties(darkPalette)}--wash:#1e222a;--shade:#000c}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.5 ${serifFonts};-webkit-text-size-adjust:100%;text-size-adjust:100%}
main{max-width:1320px;margin:0 auto;padding:0 16px 64px}
header,section{display:grid;grid-template-columns:minmax(0,1fr);border-left:2px solid var(--wrong);padding:0 0 40px 16px}
header{padding-top:32px}
h1{font-weight:400;font-size:1.1rem;margin:0;overflow-wrap:anywhere}
h1 b{display:block;font-size:1.6rem;font-weight:600;line-height:1.2}
h2{font-size:1.25rem;font-weight:600;line-height:1.25;margin:0}
h3{font-size:1rem;font-weight:600;margin:28px 0 8px}
h2:last-child{margin-bottom:14px}
h2+p,.date{color:var(--muted);font-style:italic;font-size:.9rem;line-height:1.4;margin:4px 0 14px}
.entry{min-width:0}
.entry>:first-child{margin-top:0}
p{max-width:42em;margin:0 0 12px}
.result{display:flex;flex-wrap:wrap;gap:24px 40px;align-items:center}
.result>div{flex:1 1 17em;min-width:0}
.sentence{font-size:clamp(1.5rem,4vw,2.35rem);line-height:1.18;margin:0 0 16px;text-wrap:balance}
svg,img{display:block;max-width:100%;height:auto}
.hundred rect{fill:var(--validation)}
.hundred path{stroke:var(--wrong);stroke-width:2.5;stroke-linecap:round}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:20px;max-width:820px}
.scroll{overflow-x:auto;max-width:100%;scrollbar-width:thin;background:linear-gradient(90deg,var(--paper) 30%,transparent) local,linear-gradient(270deg,var(--paper) 30%,transparent) 100% local,linear-gradient(90deg,var(--shade),transparent),linear-gradient(270deg,var(--shade),transparent) 100%;background-repeat:no-repeat;background-size:40px 100%,40px 100%,14px 100%,14px 100%}
.scroll>svg{max-width:none}
table{border-collapse:collapse;font-size:.88rem;line-height:1.35;font-variant-numeric:lining-nums tabular-nums}
th,td{padding:4px 18px 4px 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule)}
th:last-child,td:last-child{padding-right:0}
thead th{font-weight:400;font-style:italic;color:var(--muted);white-space:nowrap;border-bottom-color:var(--ink)}
tbody th{font-weight:400}
tfoot th,tfoot td{border-bottom:0;border-top:1px solid var(--ink);font-weight:600}
.n{text-align:right}
.n,.text{white-space:nowrap}
.prose{min-width:16em}
.name{overflow-wrap:anywhere;min-width:8em}
.bar{width:130px;min-width:70px}
.bar i{display:block;height:.6em;background:var(--wrong)}
.chosen{background:var(--wash)}
code,pre{font:.82rem/1.5 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}
code{overflow-wrap:anywhere}
pre{background:var(--wash);border-left:3px solid var(--validation);margin:0 0 14px;padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;max-width:58em}
details,.after{margin-top:16px}
summary{cursor:pointer;color:var(--validation);margin-bottom:8px}
.alarm{color:var(--wrong)}
@media (max-width:600px){th,td{padding-right:12px}}
@media (min-width:900px){
main{padding:0 40px 96px}
header,section{grid-template-columns:12.5rem minmax(0,1fr);column-gap:56px;border:0;padding:0 0 52px;background:linear-gradient(var(--wrong),var(--wrong)) no-repeat calc(12.5rem + 24px) 0/1px 100%}
header{padding-top:48px}
h2,h2+p,h1,.date{text-align:right}
}
@media print{section{break-inside:avoid}}
`;
