/** The summary of an inspection for a terminal of 80 columns. */
import { join } from 'node:path';
import { count, percent, textTable, wrapped } from '../../model/format.ts';
import { groupBy } from '../../model/group-by.ts';
import {
  type DuplicateSet,
  inspectionFiles,
  type LabelCheck,
  type Oddity,
} from '../../model/inspection-file.ts';
import { counted, oneLine, withoutMiddle } from '../../model/words.ts';
import { commandText } from '../../node/shell.ts';
import { probabilityText } from '../../report/inspection-page.ts';
import type { FinishedInspection } from './inspect-data.ts';

/** Rows of a list; the report has more. */
const shown = 10;
const shownSets = 5;
const longestName = 34;

export function inspectionText({ inspection, out, groups }: FinishedInspection): string {
  const { data, labels, duplicates, oddities } = inspection;
  const usable = `${counted(data.photographs, 'photograph')} of ${counted(data.classes.length, 'class', 'classes')}`;
  const unusable =
    data.unusable.length === 0 ? '' : `, ${counted(data.unusable.length, 'file')} that cannot be used`;
  const paragraphs = [
    [
      wrapped(`${oneLine(data.source)}: ${usable}${unusable}`),
      ...data.notes.map((note) => wrapped(`Note: ${note}`)),
    ],
    labels === undefined ? [] : labelLines(labels),
    duplicateLines(duplicates, data.source, groups),
    oddityLines(oddities),
    [`Report: ${oneLine(join(out, inspectionFiles.report))}`],
  ];
  return paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function labelLines({ run, suspicious, listed, checked, disagreement }: LabelCheck): readonly string[] {
  const by = run === undefined ? 'texture features' : `the networks of ${oneLine(run)}`;
  const found =
    suspicious === 0
      ? 'No label is suspicious'
      : `${counted(suspicious, 'label is', 'labels are')} suspicious`;
  const how = `${found}, by ${by}, for which ${percent(disagreement)} of ${counted(checked, 'photograph')} look like another class.`;
  const rows = listed
    .filter(({ isSuspicious }) => isSuspicious)
    .slice(0, shown)
    .map(({ file, label, suggestion, probability }) => [
      withoutMiddle(oneLine(file), longestName),
      withoutMiddle(oneLine(label), 14),
      withoutMiddle(oneLine(suggestion), 14),
      probabilityText(probability).replace('\u00a0', ' '),
    ]);
  const lines = [wrapped(how.replaceAll('\u00a0', ' '))];
  return rows.length === 0
    ? lines
    : [...lines, textTable(['suspicious labels', 'label', 'looks like', 'p(label)'], rows, 3)];
}

const duplicateTexts: { readonly [K in DuplicateSet['kind']]: string } = {
  labels: 'with several labels',
  sides: 'on several sides of the split',
  same: 'with one label',
};

function duplicateLines(
  duplicates: readonly DuplicateSet[],
  source: string,
  groups: string | undefined,
): readonly string[] {
  if (duplicates.length === 0) return ['No near duplicates.'];
  const kinds = [...groupBy(duplicates, ({ kind }) => kind)].map(
    ([kind, sets]) => `${count(sets.length)} ${duplicateTexts[kind]}`,
  );
  const list = duplicates.slice(0, shownSets).map(({ photographs }) => {
    const files = photographs.map(({ file }) => withoutMiddle(oneLine(file), longestName)).join(' = ');
    return wrapped(`  ${files}`, '    ');
  });
  const more = duplicates.length > shownSets ? [`  and ${count(duplicates.length - shownSets)} more`] : [];
  return [
    `${counted(duplicates.length, 'picture occurs', 'pictures occur')} more than once: ${kinds.join(', ')}`,
    ...list,
    ...more,
    ...(groups === undefined
      ? []
      : [
          'To keep the copies on one side of a split:',
          `  ${commandText('train', '--data', source, '--group', groups)}`,
        ]),
  ];
}

const oddityTexts: { readonly [K in Oddity['kind']]: string } = {
  flat: 'flat',
  clipped: 'clipped',
  blurred: 'blurred',
  size: 'of an unusual size',
};

function oddityLines(oddities: readonly Oddity[]): readonly string[] {
  if (oddities.length === 0) return ['No flat, clipped or blurred pictures, and no unusual sizes.'];
  return [...groupBy(oddities, ({ kind }) => kind)].map(([kind, members]) => {
    const [first] = members;
    const example = first === undefined ? '' : `, such as ${withoutMiddle(oneLine(first.file), longestName)}`;
    return `${counted(members.length, 'picture is', 'pictures are')} ${oddityTexts[kind]}${example}`;
  });
}
