/** Sentences about a dataset that a person should read before trusting a result. */
import type { StretchedBits } from '../../model/image.ts';
import { stretchText } from '../../model/sample-depth.ts';
import { counted } from '../../model/words.ts';
import type { DatasetImage } from './dataset-image.ts';
import type { ReadImage } from './intake.ts';
import { groupByContent } from './split.ts';

/**
 * Files of equal bytes, a note for each group: first those under two labels, then harmless copies within a
 * class.
 */
export function copyNotes(images: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const groups = [...groupByContent(images).values()].filter((group) => group.length > 1);
  const hasTwoLabels = (group: readonly DatasetImage[]) =>
    group.some(({ label }) => label !== group[0]?.label);
  const classesOf = (group: readonly DatasetImage[]) =>
    [...new Set(group.map(({ label }) => labels[label]))].join(' and ');
  return [
    ...groups
      .filter(hasTwoLabels)
      .map((group) => `the same bytes are labelled ${classesOf(group)}: ${namesOf(group)}`),
    ...groups
      .filter((group) => !hasTwoLabels(group))
      .map((group) => `equal files, kept on one side of the split: ${namesOf(group)}`),
  ];
}

/** From this ratio of the largest class to another on, a person should know. */
const unequalRatio = 5;

export function inequalityNote(train: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const counts = labels.map((label) => ({ label, count: 0 }));
  for (const { label } of train) (counts[label] as ClassCount).count++;
  const largest = counts.reduce((a, b) => (b.count > a.count ? b : a));
  const small = counts.filter(({ count }) => unequalRatio * count <= largest.count);
  if (small.length === 0) return [];
  return [
    `classes are unequal: ${largest.label} has ${counted(largest.count, 'training image')}, ` +
      `${small.map(({ label, count }) => `${label} ${count}`).join(', ')}; each class is given the same number of patches, ` +
      'and the best epoch is chosen by balanced error, the mean over the classes',
  ];
}

interface ClassCount {
  readonly label: string;
  count: number;
}

/** Files that a note names before it only counts. */
const namedFiles = 5;

/** Files of 16 bits that hold fewer, for each number of bits. */
export function stretchNotes(images: readonly ReadImage[]): readonly string[] {
  const groups = new Map<StretchedBits, DatasetImage[]>();
  for (const { image, stretchedFromBits } of images) {
    if (stretchedFromBits === undefined) continue;
    const group = groups.get(stretchedFromBits);
    if (group === undefined) groups.set(stretchedFromBits, [image]);
    else group.push(image);
  }
  return [...groups].map(([bits, group]) => {
    const more = group.length > namedFiles ? ` and ${group.length - namedFiles} more` : '';
    return `${stretchText(bits)}: ${namesOf(group.slice(0, namedFiles))}${more}`;
  });
}

function namesOf(group: readonly DatasetImage[]): string {
  return group.map(({ name }) => name).join(', ');
}
