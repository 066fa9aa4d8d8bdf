/** report.html of an inspection: one self-contained page, made from inspection.json and thumbnails. */
import { basename } from 'node:path';
import { count, percent } from '../model/format.ts';
import { groupBy } from '../model/group-by.ts';
import type {
  DuplicateSet,
  InspectedLabel,
  Inspection,
  LabelCheck,
  Oddity,
} from '../model/inspection-file.ts';
import { counted, joinedWithAnd } from '../model/words.ts';
import { commandText } from '../node/shell.ts';
import { html, type Markup, nameText, nothing } from './markup.ts';
import { command, fileTable, folded, foldedTable, pageShell, section, type TableRow, table } from './page.ts';
import { photographSheetStyle } from './photograph-sheet.ts';

/** Pictures of a section; tables have the rest. */
const picturedLabels = 24;
const picturedSets = 12;
const picturedOfSet = 4;
const picturedOddities = 12;

/** The files whose thumbnails the page shows. */
export function picturedFiles({ data, labels, duplicates, oddities }: Inspection): readonly string[] {
  const listed = labels?.listed.slice(0, picturedLabels) ?? [];
  const classes = new Set(listed.flatMap(({ label, suggestion }) => [label, suggestion]));
  const files = [
    ...listed.map(({ file }) => file),
    ...data.classes.flatMap(({ label, typical = '' }) => (classes.has(label) ? [typical] : [])),
    ...duplicates
      .slice(0, picturedSets)
      .flatMap(({ photographs }) => photographs.slice(0, picturedOfSet).map(({ file }) => file)),
    ...firstOfKinds(oddities).map(({ file }) => file),
  ];
  return [...new Set(files)].filter((file) => file !== '');
}

function firstOfKinds(oddities: readonly Oddity[]): readonly Oddity[] {
  return [...groupBy(oddities, ({ kind }) => kind).values()].flatMap((own) => own.slice(0, picturedOddities));
}

type Pictures = ReadonlyMap<string, string>;

/**
 * The page's HTML. `pictures` are data URLs of thumbnails, by file; `groups` is the path of groups.csv, if there
 * is one.
 */
export function inspectionPage(
  inspection: Inspection,
  pictures: Pictures,
  groups: string | undefined,
): string {
  const { data, labels, startedAt, oddities } = inspection;
  const sentence = resultSentence(inspection);
  return pageShell({
    heading: html`Textura, inspection of <b>${nameText(basename(data.source))}</b>`,
    title: `Inspection of ${basename(data.source)}`,
    description: sentence,
    startedAt,
    result: html`<div class="entry result"><div>
<p class="sentence">${sentence}</p>
${data.notes.map((note) => html`<p>${note}</p>\n`)}<p class="after">No file was changed.</p></div></div>`,
    sections: [
      ...(labels === undefined ? [] : [labelsSection(labels, data, pictures)]),
      duplicatesSection(inspection, pictures, groups),
      odditiesSection(oddities, pictures),
      ...(data.unusable.length === 0 ? [] : [unusableSection(data.unusable)]),
      dataSection(inspection),
    ],
    style: `${photographSheetStyle}${inspectionStyle}`,
  });
}

function resultSentence({ data, labels, duplicates, oddities }: Inspection): string {
  const suspicious = labels?.suspicious ?? 0;
  const odd = new Set(oddities.map(({ file }) => file)).size;
  const parts = [
    ...(labels === undefined
      ? []
      : [suspicious === 0 ? 'no suspicious labels' : counted(suspicious, 'suspicious label')]),
    duplicates.length === 0 ? 'no near duplicates' : counted(duplicates.length, 'duplicated picture'),
    odd === 0 ? 'no odd pictures' : counted(odd, 'odd picture'),
  ];
  return `${counted(data.photographs, 'photograph')}: ${joinedWithAnd(parts)}.`;
}

/** `suspicious` labels are shown before the others. */
function othersTitle(suspicious: number, others: number): string {
  if (others === 1)
    return `The ${suspicious === 0 ? 'least certain' : 'next'} label, which is probably right`;
  const which = suspicious === 0 ? `${count(others)} least certain` : `next ${count(others)}`;
  return `The ${which} labels, which are probably right`;
}

function labelsSection(
  { run, checked, disagreement, suspicious, listed }: LabelCheck,
  { classes }: Inspection['data'],
  pictures: Pictures,
): Markup {
  const typical = new Map(classes.map(({ label, typical: file }) => [label, pictures.get(file ?? '')]));
  const shown = listed.slice(0, picturedLabels);
  const marked = shown.filter(({ isSuspicious }) => isSuspicious);
  const others = shown.filter(({ isSuspicious }) => !isSuspicious);
  const rest = listed.slice(picturedLabels);
  const figures = (own: readonly InspectedLabel[]) =>
    html`<div class="sheet wide">${own.map((one) => labelFigure(one, pictures.get(one.file), typical))}</div>`;
  const by =
    run === undefined
      ? 'texture features, learned from the other photographs'
      : html`the networks of <code>${run}</code> that had not seen it`;
  const entry = html`<p>Each photograph was classified by ${by}. For ${percent(disagreement)} of ${counted(checked, 'photograph')} another class is likelier than the label. The small pictures are typical photographs of the label and of the other class.</p>
${suspicious === 0 ? html`<p>No label is suspicious.</p>` : figures(marked)}${
  others.length === 0 ? nothing : folded(othersTitle(marked.length, others.length), figures(others))
}${foldedTable(`${count(rest.length)} more`, 'More labels', labelColumns, rest.map(labelRow))}`;
  return section(
    'Suspicious labels',
    'The label that is most likely wrong first. Look at each photograph before you move it: a rare appearance of the class looks the same as a mistake.',
    entry,
  );
}

function labelFigure(
  { file, label, suggestion, probability, suggestionProbability, isSuspicious }: InspectedLabel,
  picture: string | undefined,
  typical: ReadonlyMap<string, string | undefined>,
): Markup {
  const small = (name: string) => {
    const source = typical.get(name);
    return source === undefined ? nothing : html`<img src="${source}" alt="typical ${name}">`;
  };
  return html`<figure>${imageOf(file, picture)}<figcaption>${
    isSuspicious
      ? html`<b class="mistake">labelled ${nameText(label)}</b>`
      : html`<b>labelled ${nameText(label)}</b>`
  } ${probabilityText(probability)}<br>looks like ${nameText(suggestion)} ${percent(suggestionProbability)}<span class="typical">${small(label)}${small(suggestion)}</span><span>${nameText(file)}</span></figcaption></figure>
`;
}

const labelColumns = [
  { heading: 'file', kind: 'name' },
  { heading: 'label', kind: 'name' },
  { heading: 'looks like', kind: 'name' },
  { heading: 'probability of the label', kind: 'number' },
] as const;

function labelRow({ file, label, suggestion, probability }: InspectedLabel): TableRow {
  return { cells: [file, label, suggestion, probabilityText(probability)] };
}

const duplicateTitles: { readonly [K in DuplicateSet['kind']]: string } = {
  labels: 'With several labels',
  sides: 'On several sides of the split',
  same: 'With one label',
};

function duplicatesSection(
  { duplicates, data }: Inspection,
  pictures: Pictures,
  groups: string | undefined,
): Markup {
  const shown = duplicates.slice(0, picturedSets);
  const rest = duplicates.slice(picturedSets);
  const parts = [...groupBy(shown, ({ kind }) => kind)].map(
    ([kind, sets]) => html`<h3>${duplicateTitles[kind]}</h3>
${sets.map((set) => duplicateFigures(set, pictures))}`,
  );
  const rows = rest.map(({ kind, photographs }): TableRow => {
    return { cells: [duplicateTitles[kind], photographs.map(({ file }) => file).join(', ')] };
  });
  const columns = [
    { heading: '', kind: 'text' },
    { heading: 'files', kind: 'name' },
  ] as const;
  const entry =
    duplicates.length === 0
      ? html`<p>No picture occurs more than once.</p>`
      : html`${parts}${foldedTable(`${count(rest.length)} more`, 'More near duplicates', columns, rows)}${
          groups === undefined
            ? nothing
            : html`<p class="after">To keep the copies on one side of every split:</p>
${command(commandText('train', '--data', data.source, '--group', groups))}`
        }`;
  return section(
    'Near duplicates',
    'Copies of a picture that were scaled, compressed again or made brighter. Cropped and rotated copies are not found.',
    entry,
  );
}

function duplicateFigures({ photographs }: DuplicateSet, pictures: Pictures): Markup {
  const shown = photographs.slice(0, picturedOfSet);
  const isDivided = new Set(photographs.map(({ label }) => label)).size > 1;
  const figures = shown.map(({ file, label, side }) => {
    const name = nameText(label);
    const where = side === undefined ? nothing : html`, ${side}`;
    return html`<figure>${imageOf(file, pictures.get(file))}<figcaption><b class="${isDivided ? 'mistake' : 'plain'}">${name}</b>${where}<br><span>${nameText(file)}</span></figcaption></figure>
`;
  });
  const more = photographs.length - shown.length;
  return html`<div class="sheet set">${figures}</div>${
    more === 0 ? nothing : html`<p>and ${counted(more, 'more copy', 'more copies')}</p>`
  }
`;
}

const oddityTitles: { readonly [K in Oddity['kind']]: string } = {
  flat: 'Flat: almost one grey level',
  clipped: 'Clipped: a tenth or more is black or white',
  blurred: 'Blurred, compared with the class',
  size: 'Unusual size',
};

function odditiesSection(oddities: readonly Oddity[], pictures: Pictures): Markup {
  const columns = [
    { heading: 'file', kind: 'name' },
    { heading: 'label', kind: 'name' },
    { heading: '', kind: 'prose' },
  ] as const;
  const parts = [...groupBy(oddities, ({ kind }) => kind)].map(([kind, own]) => {
    const figures = own.slice(0, picturedOddities).map(
      ({ file, label, what }) =>
        html`<figure>${imageOf(file, pictures.get(file))}<figcaption><b>${nameText(label)}</b><br>${what}<br><span>${nameText(file)}</span></figcaption></figure>
`,
    );
    const rest = own.slice(picturedOddities);
    const rows = rest.map(({ file, label, what }): TableRow => ({ cells: [file, label, what] }));
    return html`<h3>${oddityTitles[kind]} (${count(own.length)})</h3>
<div class="sheet">${figures}</div>${foldedTable(`${count(rest.length)} more`, oddityTitles[kind], columns, rows)}`;
  });
  const entry =
    oddities.length === 0
      ? html`<p>No picture is flat, clipped, blurred or of an unusual size.</p>`
      : html`${parts}`;
  return section('Odd pictures', 'They may be right, but look at them.', entry);
}

function unusableSection(unusable: Inspection['data']['unusable']): Markup {
  const title = 'Files that cannot be used';
  return section(
    title,
    'Training skips them. If they are more than a tenth of a class, it refuses the data.',
    fileTable(title, unusable),
  );
}

function dataSection({ data, textura }: Inspection): Markup {
  const columns = [
    { heading: 'class', kind: 'name' },
    { heading: 'photographs', kind: 'number' },
  ] as const;
  const rows = data.classes.map(
    ({ label, photographs }): TableRow => ({ cells: [label, count(photographs)] }),
  );
  const total = { cells: ['all', count(data.photographs)] };
  return section(
    'Data',
    `Textura ${textura}.`,
    html`<p><code>${data.source}</code></p>
${table('Classes', columns, rows, total)}`,
  );
}

/** A small probability is not 0. */
export function probabilityText(probability: number): string {
  return probability < 0.0005 ? `< ${percent(0.001)}` : percent(probability);
}

function imageOf(file: string, picture: string | undefined): Markup {
  return picture === undefined ? nothing : html`<img src="${picture}" alt="${file}">`;
}

const inspectionStyle = `
.wide{grid-template-columns:repeat(auto-fill,minmax(min(200px,45%),1fr));margin-bottom:16px}
.set{margin-bottom:18px}
.typical{display:grid;grid-template-columns:1fr 1fr;gap:4px;margin:6px 0 4px}
.sheet .typical img{aspect-ratio:2/1}
figcaption>span{display:block}
`;
