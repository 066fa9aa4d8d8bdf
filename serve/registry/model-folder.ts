/**
 * Reads the folder of models: its index, and the state of each model's files, by which the registry detects
 * changes.
 */
import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { parsedJson } from '../../model/issue-text.ts';
import {
  type GraphKind,
  graphKinds,
  type IndexEntry,
  indexFile,
  type ModelReport,
  modelIndexSchema,
  modelName,
  modelReportSchema,
} from '../../model/model-file.ts';
import { commandText } from '../../node/shell.ts';

export interface FileState {
  readonly path: string;
  readonly bytes: number;
  /** Changes when the file is written. */
  readonly stamp: string;
}

/** A model in the folder; its files have not been checked. */
export interface ModelSource {
  readonly entry: IndexEntry;
  readonly report: FileState;
  readonly graphs: readonly { readonly kind: GraphKind; readonly file: FileState }[];
  /** Changes when any part of the model changes. */
  readonly stamp: string;
}

/** A model in the index whose files cannot be used. */
export interface BrokenSource {
  readonly name: string;
  readonly stamp: string;
  readonly fault: TexturaError;
}

const maxTextBytes = 16 * 1024 * 1024;

/**
 * Lists the folder, each name once. Errors: `file-unreadable` without index.json, `file-damaged` for an invalid
 * one.
 */
export async function listModelFolder(folder: string): Promise<readonly (ModelSource | BrokenSource)[]> {
  const index = await readFileText(await fileStateOf(join(folder, indexFile)));
  const { models } = parsedJson(modelIndexSchema, index, indexFile);
  const names = models.map(({ name }) => name);
  const repeated = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  const entries = models.filter(({ name }, i) => names.indexOf(name) === i);
  return Promise.all(
    entries.map(async (entry) => {
      try {
        if (repeated.has(entry.name))
          throw new TexturaError('file-damaged', `${indexFile}: ${entry.name} is listed twice`);
        return await sourceOf(folder, entry);
      } catch (error) {
        if (!(error instanceof TexturaError)) throw error;
        return { name: entry.name, stamp: `${JSON.stringify(entry)} ${error.message}`, fault: error };
      }
    }),
  );
}

/** Why a folder gives the service no model. */
export async function missingModels(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => undefined);
  if (names?.some((name) => name.endsWith('.onnx')) && !names.includes(indexFile))
    return `${folder}: it has no ${indexFile}, which lists the models; copy all files of an export`;
  const why = names === undefined ? 'there is no such folder' : 'it has no model that can be served';
  return `${folder}: ${why}; ${commandText('export')} writes models`;
}

/** Errors: `file-unreadable`, `file-damaged`. */
export async function readReport({ report, entry }: ModelSource): Promise<ModelReport> {
  return parsedJson(modelReportSchema, await readFileText(report), entry.report);
}

async function sourceOf(folder: string, entry: IndexEntry): Promise<ModelSource> {
  if (!modelName.test(entry.name)) {
    throw new TexturaError('file-damaged', `${indexFile}: a model has an invalid name`);
  }
  const report = await fileStateOf(join(folder, ownFile(entry.report)));
  const graphs = await Promise.all(
    graphKinds
      .flatMap((kind) => {
        const file = entry.files[kind];
        return file === undefined ? [] : [{ kind, path: join(folder, ownFile(file)) }];
      })
      .map(async ({ kind, path }) => ({ kind, file: await fileStateOf(path) })),
  );
  if (graphs.length === 0) throw new TexturaError('file-damaged', `${indexFile}: ${entry.name} has no file`);
  const stamps = [report, ...graphs.map(({ file }) => file)].map(({ stamp }) => stamp);
  return { entry, report, graphs, stamp: [JSON.stringify(entry), ...stamps].join(' ') };
}

/** Refuses paths, which could leave the folder. */
function ownFile(name: string): string {
  if (name === basename(name) && !/[\\/\0]/.test(name) && !name.startsWith('.')) return name;
  throw new TexturaError('file-damaged', `${indexFile}: expected file names in its own folder, got a path`);
}

async function fileStateOf(path: string): Promise<FileState> {
  const name = basename(path);
  const found = await stat(path).catch((cause: unknown) => {
    throw new TexturaError('file-unreadable', `${name}: cannot be read`, { cause });
  });
  if (!found.isFile()) throw new TexturaError('file-unreadable', `${name}: expected a file`);
  return { path, bytes: found.size, stamp: stampOf(found) };
}

export function stampOf({ ino, size, mtimeMs }: Stats): string {
  return `${ino}:${size}:${mtimeMs}`;
}

async function readFileText({ path, bytes }: FileState): Promise<string> {
  if (bytes > maxTextBytes) {
    throw new TexturaError(
      'file-damaged',
      `${basename(path)}: expected ${maxTextBytes} bytes or fewer, got ${bytes}`,
    );
  }
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new TexturaError('file-unreadable', `${basename(path)}: cannot be read`, { cause });
  });
}
