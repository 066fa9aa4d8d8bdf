/** Sentences about a dataset that a person should read before trusting a result. */
import type { DatasetImage } from './dataset-image.ts';
import { groupByContent } from './split.ts';

/** Groups that a note names before it only counts. */
const namedGroups = 5;

/** Files of equal bytes: harmless copies within a class in one line, bytes under two labels by path. */
export function copyNotes(images: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const groups = [...groupByContent(images).values()].filter((group) => group.length > 1);
  const hasTwoLabels = (group: readonly DatasetImage[]) =>
    group.some(({ label }) => label !== group[0]?.label);
  const contradicting = groups.filter(hasTwoLabels);
  const copies = groups.filter((group) => !hasTwoLabels(group));
  const classesOf = (group: readonly DatasetImage[]) =>
    [...new Set(group.map(({ label }) => labels[label]))].join(' and ');
  return [
    ...contradicting
      .slice(0, namedGroups)
      .map((group) => `the same bytes are labelled ${classesOf(group)}: ${namesOf(group)}`),
    ...moreNote(contradicting.length, 'more images have two labels'),
    ...copies
      .slice(0, namedGroups)
      .map((group) => `equal files, kept on one side of the split: ${namesOf(group)}`),
    ...moreNote(copies.length, 'more groups of equal files'),
  ];
}

/** From this ratio of the largest class to the smallest on, a person should know. */
const unequalRatio = 5;

export function inequalityNote(train: readonly DatasetImage[], labels: readonly string[]): readonly string[] {
  const counts = labels.map((label, index) => ({
    label,
    count: train.filter((image) => image.label === index).length,
  }));
  const [smallest, largest] = [counts.reduce(smaller), counts.reduce(larger)];
  if (largest.count < unequalRatio * smallest.count) return [];
  return [
    `classes are unequal: ${largest.label} has ${largest.count} training images, ${smallest.label} has ` +
      `${smallest.count}; each class is given the same number of patches`,
  ];
}

interface ClassCount {
  readonly label: string;
  readonly count: number;
}

const smaller = (a: ClassCount, b: ClassCount) => (b.count < a.count ? b : a);
const larger = (a: ClassCount, b: ClassCount) => (b.count > a.count ? b : a);

function namesOf(group: readonly DatasetImage[]): string {
  return group.map(({ name }) => name).join(', ');
}

function moreNote(count: number, text: string): readonly string[] {
  return count > namedGroups ? [`${count - namedGroups} ${text}`] : [];
}
