/**
 * The folder of exported models: verified files, a report for each network, and the index that the service and the page list. A file
 * that fails its check is removed, and an older file of that name stays.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { describeModel } from '../graph/onnx/description.ts';
import { describeLayers, totalsOf } from '../model/description.ts';
import {
  type ModelIndex,
  type ModelReport,
  modelIndexSchema,
  modelInput,
  type Opset,
} from '../model/model-file.ts';
import { patchBytes } from '../model/patch.ts';
import { softmaxRows } from '../model/scores.ts';
import { moveFile, writeFileAtomically } from '../node/atomic-file.ts';
import { requireSpace } from '../node/output.ts';
import { type ExportedGraph, modelBytes, modelFileName } from './model-graph.ts';
import { proveParity } from './parity.ts';
import type { ParityPatches, TrainedRun } from './run-directory.ts';

export interface ExportSettings {
  /** The folder of models. */
  readonly out: string;
  readonly opset: Opset;
  readonly graphs: readonly ExportedGraph[];
  /** Of this product, for the files. */
  readonly version: string;
}

const indexFile = 'index.json';
const selfCheckPatches = 8;

/**
 * Exports one run: its ONNX files, NAME.report.json, and its place in index.json. Gives the report. Nothing in the folder changes before
 * every file is written under a temporary name and verified.
 * Errors: `parity-failed` for a file that does not compute what was trained; `output-unwritable`.
 */
export async function exportRun(trained: TrainedRun, settings: ExportSettings): Promise<ModelReport> {
  const { run, network, parity } = trained;
  const { out, opset, version } = settings;
  const files = settings.graphs.map((kind) => {
    const path = join(out, modelFileName(network.name, kind));
    const bytes = modelBytes(trained, kind, opset, version);
    return { kind, path, unverified: `${path}.${process.pid}.unverified`, bytes };
  });
  const modelsBytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  await requireSpace(out, modelsBytes + reportsBytes);
  const graphs: ModelReport['graphs'] = [];
  try {
    for (const { kind, path, unverified, bytes } of files) {
      await writeFileAtomically(unverified, bytes);
      const parity = await proveParity(resolve(unverified), trained.parity, path);
      const { irVersion, operators } = describeModel(bytes, path);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const file = basename(path);
      graphs.push({
        kind,
        file,
        sha256,
        bytes: bytes.length,
        opset,
        irVersion,
        operators: [...operators],
        parity,
      });
    }
    for (const { unverified, path } of files) await moveFile(unverified, path);
  } finally {
    for (const { unverified } of files) await rm(unverified, { force: true }).catch(() => {});
  }
  const { parameters, multiplyAdds } = totalsOf(describeLayers(network));
  const report: ModelReport = {
    model: network.name,
    graphs,
    labels: run.labels,
    network: { variant: run.config.variant, parameters, multiplyAdds },
    ...(run.best === undefined ? {} : { validation: run.best }),
    selfCheck: selfCheckOf(parity, network.classes),
  };
  await writeFileAtomically(join(out, reportFileName(network.name)), jsonText(report));
  await updateIndex(out, indexEntry(trained, report));
  return report;
}

/** Room for the report and the index. */
const reportsBytes = 2 ** 20;

/** Patches spread over the parity patches, with the probabilities that the training engine gave them. */
function selfCheckOf({ patches, logits, count }: ParityPatches, classes: number): ModelReport['selfCheck'] {
  const probabilities = softmaxRows(logits, classes);
  const checks = Math.min(selfCheckPatches, count);
  return Array.from({ length: checks }, (_, i) => {
    const index = Math.floor((i * count) / checks);
    return {
      patch: Buffer.from(patches.subarray(index * patchBytes, (index + 1) * patchBytes)).toString('base64'),
      probabilities: Array.from(probabilities.subarray(index * classes, (index + 1) * classes)),
    };
  });
}

type IndexEntry = ModelIndex['models'][number];

function indexEntry({ run, network }: TrainedRun, { graphs }: ModelReport): IndexEntry {
  const [first] = graphs;
  return {
    name: network.name,
    files: Object.fromEntries(graphs.map(({ kind, file }) => [kind, file])),
    report: reportFileName(network.name),
    sha256: first?.sha256 ?? '',
    bytes: first?.bytes ?? 0,
    labels: run.labels,
    input: modelInput(run.config.patchPx),
    ...(run.best === undefined ? {} : { top1err: run.best.top1err }),
  };
}

/** Puts an entry into the index; others stay as long as their files are there. Models are listed by name. */
async function updateIndex(out: string, entry: IndexEntry): Promise<void> {
  const present = new Set(await readdir(out));
  const others = (await readIndex(out)).filter(
    ({ name, files, report }) =>
      name !== entry.name && [report, ...Object.values(files)].every((file) => present.has(file)),
  );
  const models = [...others, entry].sort((a, b) => (a.name < b.name ? -1 : 1));
  await writeFileAtomically(join(out, indexFile), jsonText({ models } satisfies ModelIndex));
}

/** The models listed so far. An index that is missing or damaged lists none: exporting writes it anew. */
async function readIndex(out: string): Promise<ModelIndex['models']> {
  try {
    return modelIndexSchema.parse(JSON.parse(await readFile(join(out, indexFile), 'utf8'))).models;
  } catch {
    return [];
  }
}

function reportFileName(variant: string): string {
  return `${variant}.report.json`;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
