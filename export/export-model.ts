/**
 * Exports a trained model to the folder of models: verified ONNX files, a report, a model card, and an entry
 * in the index that the service and the page read. A file that fails its check is removed, and an older file of
 * that name stays.
 */
import { readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Graph } from '../graph/builder.ts';
import { encodeModel } from '../graph/encode.ts';
import { forwardGraph } from '../graph/forward.ts';
import { describeModel } from '../graph/onnx/description.ts';
import { reducedGraph } from '../graph/reduced-precision.ts';
import { throughputGraph } from '../graph/throughput.ts';
import { noTemperatures, type Temperatures } from '../model/calibration.ts';
import { compareCodePoints } from '../model/code-point-order.ts';
import { describeLayers, totalsOf } from '../model/description.ts';
import { messageOf, TexturaError } from '../model/error.ts';
import { jsonOf, parsedJson } from '../model/issue-text.ts';
import {
  type GraphKind,
  graphKinds,
  type IndexEntry,
  indexFile,
  type ModelIndex,
  type ModelReport,
  metadataKeys,
  modelDocs,
  modelIndexSchema,
  modelInput,
  modelReportSchema,
  type Opset,
  reportFileName,
} from '../model/model-file.ts';
import type { Network } from '../model/network.ts';
import { selfCheckOf } from '../model/self-check.ts';
import { calibrationOf } from '../model/validation-logits.ts';
import {
  moveFile,
  temporaryName,
  withTemporaryFiles,
  writeFileAtomically,
  writeJson,
} from '../node/atomic-file.ts';
import { withFolderLock } from '../node/folder-lock.ts';
import { readIfThere, readTextIfThere } from '../node/optional-file.ts';
import { requireSpace, writingTo } from '../node/output.ts';
import { modelStamp } from '../node/product-version.ts';
import { sha256 } from '../node/sha256.ts';
import { verifyFile, verifyReducedFile } from './export-check.ts';
import { cardFileName, modelCard } from './model-card.ts';
import { replacedRun } from './replaced-run.ts';
import type { TrainedModel } from './trained-run.ts';

/**
 * The graphs worth writing: the throughput graph only for networks that it is faster for. The small kernels of
 * texture-net gain too little from tiles (docs/bench-infer.md).
 */
export function usefulGraphs({ layers }: Network): readonly GraphKind[] {
  return layers.some(({ kind }) => kind === 'globalStatistics') ? ['portable'] : graphKinds;
}

interface GraphOptions {
  readonly opset: Opset;
  readonly temperature: number;
}

const builders: { readonly [K in GraphKind]: (trained: TrainedModel, options: GraphOptions) => Graph } = {
  portable: ({ network, parameters, known, reduction }, options) =>
    reduction === undefined
      ? forwardGraph(network, parameters, { ...options, known })
      : reducedGraph(network, parameters, { ...options, known, reduction }),
  throughput: ({ network, parameters }, options) => throughputGraph(network, parameters, options),
};

const fileSuffixes: { readonly [K in GraphKind]: string } = {
  portable: '.onnx',
  throughput: '.throughput.onnx',
};

/** `reference.onnx`, `reference.throughput.onnx`. */
function modelFileName(name: string, kind: GraphKind): string {
  return name + fileSuffixes[kind];
}

export interface ExportSettings {
  /** The folder of models. */
  readonly out: string;
  readonly opset: Opset;
  readonly graphs: readonly GraphKind[];
}

/** How long to wait for other exports to the same folder, which take seconds. */
export const patienceMs = 120_000;

export interface ExportResult extends ModelReport {
  /** Whose model the export has replaced, if it is another run's. */
  readonly replaced: string | undefined;
}

/**
 * Writes a model's ONNX files, NAME.report.json, NAME.md and the entry in index.json, and returns the report on
 * these files. Files are written under temporary names; nothing else in the folder changes before all of them
 * are verified. Errors: `parity-failed` if a file's outputs differ from the training engine's; `file-damaged` if
 * the index is; `output-unwritable`; `usage` if the folder stays in use by other exports.
 */
export function exportModel(trained: TrainedModel, settings: ExportSettings): Promise<ExportResult> {
  return withFolderLock(settings.out, patienceMs, () => writeModel(trained, settings));
}

async function writeModel(trained: TrainedModel, settings: ExportSettings): Promise<ExportResult> {
  const { name, labels, best, network, reference } = trained;
  const { out, opset } = settings;
  // Before the work of an export that could not be listed.
  await readIndex(out);
  const calibration = trained.validation && calibrationOf(trained.validation);
  const temperatures = calibration?.temperatures ?? noTemperatures;
  const files = settings.graphs.map((kind) => {
    const path = join(out, modelFileName(name, kind));
    const bytes = modelBytes(trained, kind, settings, temperatures);
    return { kind, path, unverified: temporaryName(path), bytes };
  });
  const modelsBytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  await requireSpace(out, modelsBytes + maxReportBytes);
  const written: ModelReport['graphs'] = [];
  const verify = trained.reduction === undefined ? verifyFile : verifyReducedFile;
  // What the files are checked with where they are loaded.
  let checked = reference;
  let replaced: string | undefined;
  const unverifiedPaths = files.map(({ unverified }) => unverified);
  await withTemporaryFiles(unverifiedPaths, async () => {
    for (const { kind, path, unverified, bytes } of files) {
      await writeFileAtomically(unverified, bytes);
      const comparing = { reference, name: path, temperature: temperatures.patch };
      const { check: parity, logits } = await verify(resolve(unverified), comparing);
      if (trained.reduction !== undefined) checked = { ...reference, logits };
      const { irVersion, operators } = describeModel(bytes, path);
      const file = { kind, file: basename(path), sha256: sha256(bytes), bytes: bytes.length };
      written.push({ ...file, opset, irVersion, operators: [...operators], parity });
    }
    for (const kind of graphKinds)
      replaced ??= await replacedRun(join(out, modelFileName(name, kind)), trained.origin);
    for (const { unverified, path } of files) await moveFile(unverified, path);
  });
  const { parameters, multiplyAdds } = totalsOf(describeLayers(network));
  const model: Omit<ModelReport, 'graphs'> = {
    model: name,
    labels: [...labels],
    network: { variant: network.name, parameters, multiplyAdds },
    ...(best === undefined ? {} : { validation: best }),
    ...(calibration === undefined ? {} : { calibration }),
    selfCheck: selfCheckOf(checked),
  };
  const graphs = [...written, ...(await otherGraphs(out, model, settings.graphs))];
  const report = { ...model, graphs: graphs.sort((a, b) => graphOrder(a.kind) - graphOrder(b.kind)) };
  await writeJson(join(out, reportFileName(name)), report);
  const known = knownScoreIn(report.graphs[0]?.kind, trained);
  await writeFileAtomically(join(out, cardFileName(name)), modelCard({ ...trained, known }, report));
  await updateIndex(out, indexEntry(trained, report));
  return { ...report, graphs: written, replaced };
}

function graphOrder(kind: GraphKind): number {
  return graphKinds.indexOf(kind);
}

/**
 * The files of the other kinds that an earlier export of the same model wrote, as its report lists them. Those
 * of another model are removed: their report is replaced, so that nothing verifies them any more.
 */
async function otherGraphs(
  out: string,
  model: Omit<ModelReport, 'graphs'>,
  written: readonly GraphKind[],
): Promise<ModelReport['graphs']> {
  const { graphs = [], ...earlier } = (await earlierReport(out, model.model)) ?? {};
  const isSameModel = isDeepStrictEqual(earlier, JSON.parse(JSON.stringify(model)));
  const kept: ModelReport['graphs'] = [];
  for (const kind of graphKinds.filter((one) => !written.includes(one))) {
    const path = join(out, modelFileName(model.model, kind));
    const bytes = await readIfThere(path);
    const graph = graphs.find((one) => one.kind === kind);
    if (bytes !== undefined && graph !== undefined && isSameModel && graph.sha256 === sha256(bytes))
      kept.push(graph);
    else await writingTo(path, () => rm(path, { force: true }));
  }
  return kept;
}

/** The report of an earlier export; undefined if it is missing or invalid, because the export rewrites it. */
async function earlierReport(out: string, name: string): Promise<ModelReport | undefined> {
  const text = await readTextIfThere(join(out, reportFileName(name)));
  return modelReportSchema.safeParse(jsonOf(text ?? '')).data;
}

/** Disk space for the report, the card and the index. */
const maxReportBytes = 2 ** 20;

function indexEntry(trained: TrainedModel, { graphs, calibration }: ModelReport): IndexEntry {
  const { name, labels, patchPx, top1err, top1errInterval } = trained;
  const [first] = graphs;
  const known = knownScoreIn(first?.kind, trained);
  return {
    name,
    files: Object.fromEntries(graphs.map(({ kind, file }) => [kind, file])),
    report: reportFileName(name),
    sha256: first?.sha256 ?? '',
    bytes: first?.bytes ?? 0,
    labels: [...labels],
    input: modelInput(patchPx),
    ...(top1err === undefined ? {} : { top1err }),
    ...(top1errInterval && { top1errInterval }),
    ...(calibration === undefined ? {} : { temperatures: calibration.temperatures }),
    ...(known && { threshold: known.thresholds }),
    ...(trained.reduction && { precision: trained.reduction.precision }),
  };
}

/** Adds or replaces an entry, and drops entries whose files are gone. Models are sorted by name. */
async function updateIndex(out: string, entry: IndexEntry): Promise<void> {
  const present = new Set(await readdir(out));
  const others = (await readIndex(out)).filter(
    ({ name, files, report }) =>
      name !== entry.name && [report, ...Object.values(files)].every((file) => present.has(file)),
  );
  const models = [...others, entry].sort((a, b) => compareCodePoints(a.name, b.name));
  await writeJson(join(out, indexFile), { models } satisfies ModelIndex);
}

/**
 * The listed models; none without an index. Errors: `file-damaged` for an invalid index, because a new one would
 * lack the other models.
 */
async function readIndex(out: string): Promise<ModelIndex['models']> {
  const path = join(out, indexFile);
  const text = await readTextIfThere(path);
  if (text === undefined) return [];
  try {
    return parsedJson(modelIndexSchema, text, path).models;
  } catch (cause) {
    const remedy = 'correct it, or delete it and export the models of the folder again';
    throw new TexturaError('file-damaged', `${messageOf(cause)}; ${remedy}`, { cause });
  }
}

/** The bytes of one of a model's ONNX files. The same model gives the same bytes. */
function modelBytes(
  trained: TrainedModel,
  kind: GraphKind,
  { opset }: ExportSettings,
  temperatures: Temperatures,
): Uint8Array {
  const { name, labels, patchPx } = trained;
  const known = knownScoreIn(kind, trained);
  return encodeModel(builders[kind](trained, { opset, temperature: temperatures.patch }), {
    ...modelStamp(),
    metadata: modelMetadata({ ...trained, known }, temperatures),
    docs: modelDocs(name, labels, { patchPx, hasKnownScore: known !== undefined, temperatures }),
  });
}

/** Only the portable graph computes known scores. */
export function knownScoreIn(kind: GraphKind | undefined, { known }: TrainedModel): TrainedModel['known'] {
  return kind === 'portable' ? known : undefined;
}

function modelMetadata(
  { labels, patchPx, origin, network, validation, known, reduction }: TrainedModel,
  temperatures: Temperatures,
): Record<string, string> {
  return {
    [metadataKeys.labels]: JSON.stringify(labels),
    [metadataKeys.input]: JSON.stringify(modelInput(patchPx)),
    [metadataKeys.network]: JSON.stringify(network),
    [metadataKeys.run]: JSON.stringify(origin),
    ...(validation === undefined
      ? {}
      : {
          [metadataKeys.temperature]: String(temperatures.patch),
          [metadataKeys.photographTemperature]: String(temperatures.photograph),
        }),
    ...(known && { [metadataKeys.threshold]: JSON.stringify(known.thresholds) }),
    ...(reduction && { [metadataKeys.precision]: reduction.precision }),
  };
}
