/** Inspects a data folder: reads every photograph once and writes the files of the inspection. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { csvText } from '../../model/csv.ts';
import { TexturaError } from '../../model/error.ts';
import { groupBy } from '../../model/group-by.ts';
import { maxImagePixelsOption } from '../../model/image-options.ts';
import {
  type DuplicateSet,
  type Inspection,
  inspectionFiles,
  type LabelCheck,
} from '../../model/inspection-file.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { counted, listed } from '../../model/words.ts';
import { writeFileAtomically, writeJson } from '../../node/atomic-file.ts';
import { callerPath, callerPathHelp } from '../../node/caller-path.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { readImageFile, unlessFileFault } from '../../node/image-file.ts';
import { availableMemoryBytes } from '../../node/machine.ts';
import { requireOutside, withWritableFolder, writingTo } from '../../node/output.ts';
import { productVersion } from '../../node/product-version.ts';
import { inspectionPage, picturedFiles } from '../../report/inspection-page.ts';
import { thumbnail } from '../../report/pictures.ts';
import { type DataFolder, scanData } from '../data/folder.ts';
import { generatedSource } from '../data/generated.ts';
import { type CheckedImage, checkImages, skippedOf } from '../data/image-check.ts';
import { heldOutLogits } from './held-out-logits.ts';
import { type HeldOutRun, readHeldOutRun } from './held-out-run.ts';
import { nearDuplicates, type PictureFingerprint, pictureFingerprint } from './near-duplicates.ts';
import { isFlat, type MeasuredPicture, odditiesOf, pictureQuality, sizeNotes } from './picture-quality.ts';
import { type CheckedLabel, checkedLabels } from './suspicious-labels.ts';
import { textureFeatures } from './texture-features.ts';

export const inspectOptions = z.strictObject({
  data: z
    .string()
    .min(1)
    .describe(
      `folder of photographs with one sub-folder per class, or a CSV file (.csv) with the columns file,label[,split][,group]; ${callerPathHelp}`,
    ),
  run: z
    .string()
    .min(1)
    .optional()
    .describe(
      'a run, or the folder of train --folds N: its networks check the labels of photographs that they did not train on (default: texture features do, in a minute or two)',
    ),
  out: z
    .string()
    .min(1)
    .optional()
    .describe('folder for report.html, inspection.json and groups.csv (default: inspections/DATA)'),
  patchPx: trainingConfigSchema.shape.patchPx,
  json: z.boolean().default(false).describe('print inspection.json instead of a summary'),
  maxImagePixels: maxImagePixelsOption,
});
type InspectOptions = z.infer<typeof inspectOptions>;

export interface FinishedInspection {
  readonly inspection: Inspection;
  readonly out: string;
  /** Path of groups.csv, if it was written. */
  readonly groups: string | undefined;
}

/**
 * Inspects and writes report.html, inspection.json and, if there are near duplicates, groups.csv. Nothing else
 * is changed. Errors: `usage`, `data-unusable`, `file-unreadable`, `file-damaged`, `output-unwritable`.
 */
export async function inspectData(
  given: InspectOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<FinishedInspection> {
  const startedAt = new Date().toISOString();
  if (given.data === generatedSource)
    throw new TexturaError('usage', '--data generated: expected a folder of photographs or a CSV file');
  const data = callerPath(given.data);
  const out = given.out ?? join('inspections', basename(resolve(data)).replace(/\.csv$/i, ''));
  await requireOutside(out, data, Object.values(inspectionFiles));
  return withWritableFolder(out, () => inspected(given, { data, out, startedAt, onProgress }));
}

interface Inspecting {
  readonly data: string;
  readonly out: string;
  readonly startedAt: string;
  readonly onProgress: (done: number, total: number) => void;
}

async function inspected(
  given: InspectOptions,
  { data, out, startedAt, onProgress }: Inspecting,
): Promise<FinishedInspection> {
  const run = given.run === undefined ? undefined : await readHeldOutRun(callerPath(given.run));
  const folder = await scanData(data);
  const { photographs, unusable } = await measurePhotographs(folder, given, onProgress);
  if (photographs.length === 0)
    throw new TexturaError(
      'data-unusable',
      `${data}: none of its ${counted(unusable.length, 'file')} can be used`,
    );
  const duplicates = nearDuplicates(photographs.map(({ fingerprint }) => fingerprint));
  const checked =
    run === undefined
      ? checkedByFeatures(photographs, folder.labels, duplicates)
      : checkedByRun(photographs, folder.labels, run);
  const typical = new Map(checked.map(({ photograph }) => [photographs[photograph]?.label, photograph]));
  const counts = groupBy(photographs, ({ label }) => label);
  const inspection: Inspection = {
    textura: productVersion(),
    startedAt,
    data: {
      source: data,
      photographs: photographs.length,
      classes: folder.labels.map((label) => {
        const file = photographs[typical.get(label) ?? -1]?.name;
        const count = counts.get(label)?.length ?? 0;
        return { label, photographs: count, ...(file === undefined ? {} : { typical: file }) };
      }),
      unusable,
      notes: [
        ...folder.notes,
        ...(run?.notes ?? []),
        ...uncheckedNote(photographs, checked),
        ...sizeNotes(photographs),
        ...fewNote(folder.labels, counts),
      ],
    },
    ...(checked.length === 0 ? {} : { labels: labelCheck(checked, photographs, folder.labels, given.run) }),
    duplicates: duplicateSets(duplicates, photographs, run),
    oddities: odditiesOf(photographs),
  };
  const pictures = await picturesOf(picturedFiles(inspection), photographs, given.maxImagePixels);
  // Groups that the data have must not be lost: --group replaces them.
  const hasGroups = inspection.duplicates.length > 0 && folder.groups === undefined;
  const groupsFile = join(out, inspectionFiles.groups);
  const groups = hasGroups ? groupsFile : undefined;
  // An inspection replaces the files of an earlier one, and no other groups.csv.
  if (!hasGroups && existsSync(join(out, inspectionFiles.inspection)))
    await writingTo(groupsFile, () => rm(groupsFile, { force: true }));
  await writeJson(join(out, inspectionFiles.inspection), inspection);
  await writeFileAtomically(join(out, inspectionFiles.report), inspectionPage(inspection, pictures, groups));
  if (groups !== undefined) await writeFileAtomically(groups, groupsCsv(photographs, inspection.duplicates));
  return { inspection, out, groups };
}

/** Classes that cannot be trained: a split needs two photographs. */
function fewNote(
  labels: readonly string[],
  counts: ReadonlyMap<string, readonly unknown[]>,
): readonly string[] {
  const few = labels.filter((label) => (counts.get(label)?.length ?? 0) < 2);
  if (few.length === 0) return [];
  return [`${listed(few)}: a class needs two photographs or more before it can be trained`];
}

/** A photograph that was read, with what was measured. */
interface MeasuredPhotograph extends MeasuredPicture {
  readonly path: string;
  readonly split: 'train' | 'validation' | undefined;
  readonly features: Float32Array;
  readonly fingerprint: PictureFingerprint;
}

type Measures = Pick<MeasuredPhotograph, 'features' | 'fingerprint' | 'quality'>;

async function measurePhotographs(
  folder: DataFolder,
  { patchPx, maxImagePixels }: InspectOptions,
  onProgress: (done: number, total: number) => void,
) {
  const measures = new Map<string, Measures>();
  const check = await checkImages(folder.files, {
    labels: folder.labels,
    patchPx,
    maxImagePixels,
    decodingBytes: availableMemoryBytes() / 4,
    onPixels({ name }, grey) {
      measures.set(name, {
        features: textureFeatures(grey),
        fingerprint: pictureFingerprint(grey),
        quality: pictureQuality(grey),
      });
    },
    onProgress,
  });
  const photographs = check.images.flatMap(({ file, image }: CheckedImage): readonly MeasuredPhotograph[] => {
    const own = measures.get(image.name);
    const { name, label: classIndex, width, height } = image;
    const { path, label, split } = file;
    return own === undefined ? [] : [{ name, path, label, classIndex, split, width, height, ...own }];
  });
  const unusable = [
    ...folder.skipped.map(({ name, why }) => ({ name, why })),
    ...[...check.unusable, ...check.notImages].map(skippedOf),
  ];
  return { photographs, unusable };
}

function checkedByFeatures(
  photographs: readonly MeasuredPhotograph[],
  labels: readonly string[],
  duplicates: ReturnType<typeof nearDuplicates>,
): readonly CheckedLabel[] {
  const clusters = [...photographs.keys()];
  for (const set of duplicates) for (const i of set.photographs) clusters[i] = set.photographs[0] ?? i;
  const textured = [...photographs.keys()].filter((i) => !isFlat(photographs[i]));
  const own = textured.map((i) => photographs[i]?.classIndex ?? 0);
  const features = textured.flatMap((i) => photographs[i]?.features ?? []);
  const classes = labels.length;
  const data = { features, labels: own, classes, clusters: textured.map((i) => clusters[i] ?? i) };
  return checkedLabels(heldOutLogits(data), own, classes).map((one) => ({
    ...one,
    photograph: textured[one.photograph] ?? one.photograph,
  }));
}

/** The classes are those of the run; a class that only the data have cannot be checked. */
function checkedByRun(
  photographs: readonly MeasuredPhotograph[],
  labels: readonly string[],
  run: HeldOutRun,
): readonly CheckedLabel[] {
  const classes = run.labels.length;
  const logits = new Float32Array(photographs.length * classes).fill(Number.NaN);
  const own = photographs.map(({ label }) => run.labels.indexOf(label));
  let found = 0;
  photographs.forEach(({ name }, i) => {
    const row = run.logits.get(name);
    if (row === undefined) return;
    found++;
    if ((own[i] ?? -1) >= 0) logits.set(row, i * classes);
  });
  if (found === 0) {
    const [first = ''] = run.logits.keys();
    throw new TexturaError(
      'data-unusable',
      `the run held out none of these photographs; it has names such as ${first}: use the data that it was trained on`,
    );
  }
  const indexOf = run.labels.map((label) => labels.indexOf(label));
  // A class of the run that the data no longer have is no suggestion.
  photographs.forEach((_, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const lowest = Math.min(...row);
    indexOf.forEach((index, c) => {
      if (index === -1) row[c] = lowest;
    });
  });
  return checkedLabels(logits, own, classes).map((checked) => ({
    ...checked,
    suggestion: indexOf[checked.suggestion] ?? -1,
  }));
}

function uncheckedNote(
  photographs: readonly MeasuredPhotograph[],
  checked: readonly CheckedLabel[],
): readonly string[] {
  const done = new Set(checked.map(({ photograph }) => photograph));
  const missing = photographs.filter((_, i) => !done.has(i)).map(({ name }) => name);
  return missing.length === 0
    ? []
    : [`the labels of ${counted(missing.length, 'photograph')} were not checked: ${listed(missing)}`];
}

/** Photographs that are listed at least, suspicious or not, and at most. */
const leastListed = 12;
const mostListed = 200;

function labelCheck(
  checked: readonly CheckedLabel[],
  photographs: readonly MeasuredPhotograph[],
  labels: readonly string[],
  run: string | undefined,
): LabelCheck {
  const suspicious = checked.filter(({ isSuspicious }) => isSuspicious).length;
  const wanted = Math.min(mostListed, Math.max(leastListed, suspicious));
  return {
    ...(run === undefined ? {} : { run }),
    checked: checked.length,
    disagreement: checked.filter(({ logOdds }) => logOdds < 0).length / checked.length,
    suspicious,
    listed: checked.slice(0, wanted).map((one) => {
      const { name = '', label = '' } = photographs[one.photograph] ?? {};
      const { probability, suggestionProbability, isSuspicious } = one;
      const suggestion = labels[one.suggestion] ?? '';
      return { file: name, label, probability, suggestion, suggestionProbability, isSuspicious };
    }),
  };
}

const kindOrder: readonly DuplicateSet['kind'][] = ['labels', 'sides', 'same'];

function duplicateSets(
  duplicates: ReturnType<typeof nearDuplicates>,
  photographs: readonly MeasuredPhotograph[],
  run: HeldOutRun | undefined,
): DuplicateSet[] {
  return duplicates
    .map((set): DuplicateSet => {
      const members = set.photographs.flatMap((i) => photographs[i] ?? []);
      const files = members.map(({ name, label, split }) => {
        const side = run === undefined ? split : (run.sides.get(name) ?? run.otherSide);
        return { file: name, label, ...(side === undefined ? {} : { side }) };
      });
      const isDivided = new Set(files.map(({ side }) => side)).size > 1;
      const kind =
        new Set(files.map(({ label }) => label)).size > 1 ? 'labels' : isDivided ? 'sides' : 'same';
      return { kind, similarity: set.similarity, photographs: files };
    })
    .sort((a, b) => kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind));
}

/** A file that can no longer be read has no picture. */
async function picturesOf(
  files: readonly string[],
  photographs: readonly MeasuredPhotograph[],
  maxPixels: number,
): Promise<ReadonlyMap<string, string>> {
  const byName = new Map(photographs.map((photograph) => [photograph.name, photograph]));
  const pictures = new Map<string, string>();
  for (const file of files) {
    const found = byName.get(file);
    if (found === undefined) continue;
    const image = await unlessFileFault(async () =>
      decodeImage(await readImageFile(found.path, file), file, { maxPixels }),
    );
    if (image !== undefined) pictures.set(file, await thumbnail(image));
  }
  return pictures;
}

/** Each set of near duplicates is a group; every other photograph is its own. */
function groupsCsv(photographs: readonly MeasuredPhotograph[], duplicates: readonly DuplicateSet[]): string {
  const groups = new Map(
    duplicates.flatMap((set) => {
      const [first] = set.photographs;
      return set.photographs.map(({ file }) => [file, first?.file ?? file] as const);
    }),
  );
  return csvText([['file', 'group'], ...photographs.map(({ name }) => [name, groups.get(name) ?? name])]);
}
