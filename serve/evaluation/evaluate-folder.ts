/** Evaluates a model, or two, on a labelled folder. */
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import {
  byKnownClass,
  comparedModels,
  type EvaluatedModel,
  evaluationResults,
  recognitionOf,
  rejectedOf,
  unknownClasses,
} from '../../model/evaluation.ts';
import { type Evaluation, type EvaluationComparison, evaluationFiles } from '../../model/evaluation-file.ts';
import { maxImagePixelsOption } from '../../model/image-options.ts';
import { counted, oneLine } from '../../model/words.ts';
import { callerPath, callerPathHelp } from '../../node/caller-path.ts';
import type { SkippedFile } from '../../node/folder-walk.ts';
import { realPathOf, requireOutside, withWritableFolder } from '../../node/output.ts';
import { productVersion } from '../../node/product-version.ts';
import { readRun } from '../../node/records.ts';
import { commandText, quoted } from '../../node/shell.ts';
import { defaultModel, defaultModelHelp, Model } from '../model.ts';
import { exportedFrom, originOf, runOfModel } from './exported-run.ts';
import {
  heldOutFiles,
  type LabelledFile,
  type LabelledFolder,
  labelledFolder,
  splitChoices,
  unknownFolder,
} from './labelled-folder.ts';
import { readPhotographs } from './read-photographs.ts';
import { writeEvaluation } from './write-evaluation.ts';

export const evaluateOptions = z.strictObject({
  model: z
    .string()
    .min(1)
    .optional()
    .describe(`ONNX file made by ${commandText('export')} (default: ${defaultModelHelp('--models')})`),
  run: z
    .string()
    .min(1)
    .optional()
    .describe('instead of --model: a run directory, whose exported model is in --models'),
  data: z
    .string()
    .min(1)
    .optional()
    .describe(
      `folder with one sub-folder for each class, or a CSV file (.csv) with the columns file,label[,split][,group] (${callerPathHelp}; default with --run: the photographs that the run held out)`,
    ),
  split: z
    .enum(splitChoices)
    .optional()
    .describe(
      'part of data that has train, val and test folders or a column split (default: test, or else val)',
    ),
  heldOut: z
    .string()
    .min(1)
    .optional()
    .describe('a run directory: only the photographs that this run did not train on'),
  unknown: z
    .string()
    .min(1)
    .optional()
    .describe('folder of photographs of other surfaces: how well the model tells them from its own classes'),
  compare: z.string().min(1).optional().describe('another ONNX file, evaluated on the same photographs'),
  models: z.string().min(1).default('models').describe('folder of exported models, without --model'),
  out: z
    .string()
    .min(1)
    .optional()
    .describe(
      'folder for report.html, evaluation.json and predictions.csv (default: evaluations/MODEL-DATA, with a suffix for a split, held-out photographs, --unknown and --compare)',
    ),
  json: z.boolean().default(false).describe('print evaluation.json instead of a summary'),
  maxImagePixels: maxImagePixelsOption,
});
export type EvaluateOptions = z.infer<typeof evaluateOptions>;

/**
 * Evaluates and writes report.html, evaluation.json and predictions.csv. Errors: `usage`, `data-unusable`,
 * `model-not-found`, `model-unusable`, `output-unwritable`.
 */
export async function evaluateFolder(
  given: EvaluateOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<{ readonly evaluation: Evaluation; readonly out: string }> {
  const startedAt = new Date().toISOString();
  const subject = await subjectOf(given);
  const out = given.out ?? join('evaluations', nameOf(given, subject));
  for (const data of [subject.root, ...(given.unknown === undefined ? [] : [callerPath(given.unknown)])])
    await requireOutside(out, data, Object.values(evaluationFiles));
  return withWritableFolder(out, () => evaluateSubject(given, { subject, out, startedAt, onProgress }));
}

interface Evaluating {
  readonly subject: Subject;
  readonly out: string;
  readonly startedAt: string;
  readonly onProgress: (done: number, total: number) => void;
}

async function evaluateSubject(
  given: EvaluateOptions,
  { subject, out, startedAt, onProgress }: Evaluating,
): Promise<{ readonly evaluation: Evaluation; readonly out: string }> {
  const { folder, root, others } = subject;
  const paths = [subject.model, ...(given.compare === undefined ? [] : [callerPath(given.compare)])];
  const models: Model[] = [];
  try {
    for (const path of paths) models.push(await Model.load(path));
    await requireUnknown(subject, models);
    const read = await readPhotographs([...folder.files, ...others.files], models, {
      maxPixels: given.maxImagePixels,
      onProgress,
    });
    const [model, other] = models;
    const [photographs = [], otherPhotographs = []] = read.photographs;
    if (model === undefined) throw new TexturaError('internal', 'no model was loaded');
    requireUsable(root, folder, read.skipped);
    if (given.unknown !== undefined) requireUsable(callerPath(given.unknown), others, read.skipped);
    const skipped = [...folder.skipped, ...others.skipped, ...read.skipped];
    const evaluated = evaluatedModel(model);
    const { known, unknown } = byKnownClass(photographs, evaluated);
    const evaluation: Evaluation = {
      textura: productVersion(),
      startedAt,
      model: modelRecord(model, subject.model),
      data: {
        folder: root,
        ...(folder.split === undefined ? {} : { split: folder.split }),
        ...(subject.heldOut === undefined ? {} : { heldOut: subject.heldOut.run }),
        ...(given.unknown === undefined ? {} : { unknown: callerPath(given.unknown) }),
        skipped,
        notes: [...subject.notes, ...heldOutNotes(subject, models), ...unknownNotes(given, model)],
      },
      photographs: known.length,
      patches: known.reduce((sum, { logits }) => sum + logits.length / model.labels.length, 0),
      ...rejectedOf(known),
      ...(known.length === 0 ? {} : { results: evaluationResults(known, evaluated) }),
      unknown: unknownClasses(unknown, evaluated),
      ...recognitionOf(known, unknown),
      speed: read.speed,
      ...(other === undefined
        ? {}
        : comparisonOf(
            { model: evaluated, photographs },
            { model: evaluatedModel(other), photographs: otherPhotographs },
            modelRecord(other, paths[1] ?? ''),
          )),
    };
    const files = { files: folder.files, photographs, model: evaluated, maxPixels: given.maxImagePixels };
    await writeEvaluation(out, evaluation, files);
    return { evaluation, out };
  } finally {
    for (const model of models) await model.close();
  }
}

/** What is evaluated on what. */
interface Subject {
  /** Path of the ONNX file. */
  readonly model: string;
  /** The data folder. */
  readonly root: string;
  readonly folder: LabelledFolder;
  /** All files of the data, also those that the run of `heldOut` was trained on. */
  readonly dataFiles: readonly LabelledFile[];
  /** Photographs of other surfaces. */
  readonly others: LabelledFolder;
  /** The run whose held-out photographs are evaluated, and the fingerprint of its data. */
  readonly heldOut?: { readonly run: string; readonly fingerprint: string };
  readonly notes: readonly string[];
}

async function subjectOf(given: EvaluateOptions): Promise<Subject> {
  if (given.model !== undefined && given.run !== undefined)
    throw new TexturaError('usage', '--model and --run cannot be used together');
  const runPath = given.run === undefined ? undefined : callerPath(given.run);
  const exported = runPath === undefined ? undefined : await exportedFrom(runPath, given.models);
  const data = given.data === undefined ? exported?.run.data.source : callerPath(given.data);
  if (data === undefined)
    throw new TexturaError('usage', `expected --data DIR${given.model === undefined ? ' or --run RUN' : ''}`);
  if (data === 'generated' && given.data === undefined) {
    throw new TexturaError(
      'usage',
      `${given.run} was trained on generated textures, of which there are no files; name a folder of photographs of the same classes with --data`,
    );
  }
  const named = given.model === undefined ? undefined : callerPath(given.model);
  const model = exported?.path ?? named ?? (await defaultModel(given.models));
  const others =
    given.unknown === undefined ? { files: [], skipped: [] } : await unknownFolder(callerPath(given.unknown));
  const ownHeldOut = given.data === undefined && given.split === undefined ? runPath : undefined;
  const heldOut = given.heldOut === undefined ? ownHeldOut : callerPath(given.heldOut);
  if (heldOut === undefined) {
    const folder = await labelledFolder(data, given.split);
    const isOfTraining = folder.split === undefined || folder.split === 'train' || folder.split === 'all';
    const origin =
      exported === undefined ? await runOfModel(model) : { run: exported.run, directory: given.run ?? '' };
    const notes =
      isOfTraining && origin !== undefined && resolve(origin.run.data.source) === resolve(data)
        ? [trainedOnNote(origin.directory)]
        : [];
    return { model, root: data, folder, dataFiles: folder.files, others, notes };
  }
  if (given.split !== undefined)
    throw new TexturaError('usage', '--split and --held-out cannot be used together');
  const everything = await labelledFolder(data, 'all');
  const files = await heldOutFiles(everything.files, heldOut, data);
  const { fingerprint } = (await readRun(heldOut)).data;
  return {
    model,
    root: data,
    folder: { files, skipped: [] },
    dataFiles: everything.files,
    others,
    heldOut: { run: heldOut, fingerprint },
    notes: [],
  };
}

function trainedOnNote(run: string): string {
  return `The model was trained on most of these photographs. For the error on photographs that it never met, add --held-out ${quoted(run)}.`;
}

/** A note on each model that was trained on another split than the run whose held-out photographs are used. */
function heldOutNotes({ heldOut }: Subject, models: readonly Model[]): readonly string[] {
  if (heldOut === undefined) return [];
  return models
    .filter(({ metadata }) => originOf(metadata).data !== heldOut.fingerprint)
    .map(
      ({ name }) =>
        `${name} was not trained on the split of ${heldOut.run}: it may have been trained on some of these photographs.`,
    );
}

function unknownNotes({ unknown }: EvaluateOptions, { name, threshold }: Model): readonly string[] {
  if (unknown === undefined || threshold !== undefined) return [];
  return [`${name} cannot tell unknown surfaces from its classes: only models of texture-net can.`];
}

/**
 * Errors: `data-unusable` if a folder of other surfaces, at any depth, has the name of a class of a model, or if
 * one of their photographs is also in the data.
 */
async function requireUnknown({ dataFiles, others }: Subject, models: readonly Model[]): Promise<void> {
  const refused = (name: string, why: string) =>
    new TexturaError('data-unusable', `--unknown: ${name} ${why}: expected photographs of other surfaces`);
  for (const model of models) {
    const { labels } = evaluatedModel(model);
    for (const { name } of others.files)
      if (
        dirname(name.normalize('NFC'))
          .split('/')
          .some((part) => labels.includes(part))
      )
        throw refused(oneLine(name), `is in a folder named like a class of ${model.name}`);
  }
  if (others.files.length === 0) return;
  const own = new Set(await Promise.all(dataFiles.map(({ path }) => realPathOf(resolve(path)))));
  const repeated = others.files.find(({ path }) => own.has(path));
  if (repeated !== undefined) throw refused(oneLine(repeated.name), 'is also in the data');
}

/** The default name of the output folder, which differs if other photographs or models are evaluated. */
function nameOf({ split, heldOut, unknown, compare }: EvaluateOptions, subject: Subject): string {
  const name = (path: string) => basename(resolve(callerPath(path))).replace(/\.(onnx|csv)$/i, '');
  return [
    name(subject.model),
    name(subject.root),
    ...(split === undefined ? [] : [split]),
    ...(subject.heldOut === undefined ? [] : ['held-out']),
    ...(heldOut === undefined ? [] : [name(heldOut)]),
    ...(unknown === undefined ? [] : ['unknown', name(unknown)]),
    ...(compare === undefined ? [] : ['compare', name(compare)]),
  ].join('-');
}

/** Errors: `data-unusable` if all files of a folder are among the `unreadable` ones. */
function requireUsable(
  root: string,
  { files, skipped }: LabelledFolder,
  unreadable: readonly SkippedFile[],
): void {
  const faults = new Map(unreadable.map((file) => [file.name, file]));
  const unusable = files.flatMap(({ name }) => faults.get(name) ?? []);
  if (unusable.length < files.length) return;
  const all = [...skipped, ...unusable];
  const why = all.slice(0, 1).map((first) => `, such as ${oneLine(`${first.name}: ${first.why}`)}`);
  throw new TexturaError(
    'data-unusable',
    `${root}: none of its ${counted(all.length, 'file')} can be used${why.join('')}`,
  );
}

function evaluatedModel({ labels, temperatures }: Model): EvaluatedModel {
  return { labels: labels.map((label) => label.normalize('NFC')), temperatures };
}

function modelRecord({ name, sha256, metadata }: Model, file: string): Evaluation['model'] {
  const { name: run } = originOf(metadata);
  return { name, file, sha256, ...(run === undefined ? {} : { run }) };
}

/** Errors: `data-unusable` if there is no photograph of a class that both models know. */
function comparisonOf(
  own: Parameters<typeof comparedModels>[0],
  other: Parameters<typeof comparedModels>[1],
  model: Evaluation['model'],
): { readonly comparison: EvaluationComparison } {
  const compared = comparedModels(own, other);
  if (compared !== undefined) return { comparison: { model, ...compared } };
  throw new TexturaError(
    'data-unusable',
    `--compare ${model.file}: no photograph is of a class that both know`,
  );
}
