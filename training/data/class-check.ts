/** Whether the classes of a data folder can be trained on, once each file has been read. */
import { TexturaError } from '../../model/error.ts';
import type { BadFile, Intake, ReadImage } from './intake.ts';

/** More bad files than this share of a class mean that something is wrong with the data, not with a file. */
const acceptedBadShare = 0.1;

/** Files that a message names before it only counts. */
const namedFiles = 5;

/**
 * Errors: `data-unusable` with a line for each class that has no image, one image, or too many bad files (the first ones named,
 * with why).
 */
export function requireUsableClasses(root: string, labels: readonly string[], { images, bad }: Intake): void {
  const imagesOf = groupByLabel(images);
  const badOf = groupByLabel(bad);
  const problems = labels.flatMap((label) =>
    classProblem(label, imagesOf.get(label)?.length ?? 0, badOf.get(label) ?? []),
  );
  if (problems.length > 0) throw new TexturaError('data-unusable', [`${root}:`, ...problems].join('\n  '));
}

function classProblem(label: string, images: number, bad: readonly BadFile[]): readonly string[] {
  if (bad.length > acceptedBadShare * (images + bad.length)) {
    const more = bad.length > namedFiles ? [`  and ${bad.length - namedFiles} more`] : [];
    return [
      `class ${label}: ${bad.length} of ${images + bad.length} images cannot be used (expected a tenth at most):`,
      ...bad.slice(0, namedFiles).map(({ file, why }) => `  ${file.name}: ${why}`),
      ...more,
    ];
  }
  if (images === 0) return [`class ${label}: expected two images or more, got none`];
  if (images === 1) return [`class ${label}: expected two images or more, got one`];
  return [];
}

function groupByLabel<T extends BadFile | ReadImage>(files: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of files) {
    const group = groups.get(entry.file.label);
    if (group === undefined) groups.set(entry.file.label, [entry]);
    else group.push(entry);
  }
  return groups;
}
