/**
 * An exported model, loaded only after its file has the expected signature. For `npm run classify`; the
 * service uses workers.
 */

import { existsSync } from 'node:fs';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { describeModel } from '../graph/onnx/description.ts';
import type { Temperatures } from '../model/calibration.ts';
import { messageOf, TexturaError } from '../model/error.ts';
import { parsedJson } from '../model/issue-text.ts';
import type { KnownThresholds } from '../model/known-score.ts';
import { type ModelInput, reportFileName } from '../model/model-file.ts';
import { preferredModel } from '../model/network.ts';
import { sha256Schema } from '../model/sha256.ts';
import { classifyPatches, InferenceSession, type PatchOutputs } from '../node/onnxruntime.ts';
import { sha256 } from '../node/sha256.ts';
import { commandText } from '../node/shell.ts';
import { checkSignature, type ModelSignature } from './model-signature.ts';

/** An exported file whose signature is checked, without a session. */
export interface ModelFile extends ModelSignature {
  /** The file's name without its extension, e.g. `reference`. */
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  /** Unchecked. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Whether a file of a folder of models is one that every tool loads. */
export function isPortable(file: string): boolean {
  return file.endsWith('.onnx') && !file.endsWith('.throughput.onnx');
}

/** For `--help`: the file that `defaultModel` chooses. */
export function defaultModelHelp(folder: string): string {
  return `in ${folder}, texture-net.onnx, otherwise reference.onnx or the first by name`;
}

/** The path of the model that is used if none is named. Errors: `model-not-found`, with the commands for one. */
export async function defaultModel(folder: string): Promise<string> {
  const files = await readdir(folder).catch(() => []);
  const name = preferredModel(files.filter(isPortable).map((file) => basename(file, '.onnx')));
  if (name !== undefined) return join(folder, `${name}.onnx`);
  const todo = `train one with ${commandText('train')}, then write it with ${commandText('export')}`;
  throw new TexturaError('model-not-found', `there is no model in ${folder}/: ${todo}`);
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'expected an ONNX file, got a folder',
};

/**
 * Errors: `model-not-found`; `model-unusable`, naming the file and what is wrong with its signature;
 * `file-damaged` if its report, in the same folder, is damaged or describes another file.
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = unreadable[cause.code ?? ''] ?? `it cannot be read (${cause.code})`;
    throw new TexturaError('model-not-found', `${path}: ${why}`, { cause });
  });
  const description = describeModel(bytes, path);
  const file = {
    ...checkSignature(description, path),
    name: basename(path).replace(/\.onnx$/i, ''),
    path,
    bytes,
    sha256: sha256(bytes),
    metadata: description.metadata,
  };
  await requireVerified(file);
  return file;
}

/** What verifies a file. The rest of a report may be of another version. */
const reportedFilesSchema = z.object({ graphs: z.array(z.object({ sha256: sha256Schema })) });

/**
 * Weights that were changed or damaged leave a valid graph, which only its hash or its answers give away. The
 * report may name another file, because a model and its report can be renamed together. That of a link may be
 * where the link leads.
 */
async function requireVerified({ path, sha256 }: ModelFile): Promise<void> {
  // A pipe has no real path.
  const target = await realpath(path).catch(() => path);
  const report = [path, target].map(reportPathOf).find((file) => existsSync(file));
  if (report === undefined) return;
  const rejected = (why: string, options?: ErrorOptions) => {
    const remedy = 'export it again, or delete the report to use the file as it is';
    return new TexturaError('file-damaged', `${path}: ${why}; ${remedy}`, options);
  };
  const text = await readFile(report, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw rejected(`cannot be verified: ${report} cannot be read (${cause.code})`, { cause });
  });
  try {
    const { graphs } = parsedJson(reportedFilesSchema, text, report);
    if (graphs.some((graph) => graph.sha256 === sha256)) return;
  } catch (cause) {
    throw rejected(`cannot be verified: ${messageOf(cause)}`, { cause });
  }
  throw rejected(`is not the file that its export verified: its SHA-256 is not in ${report}`);
}

function reportPathOf(file: string): string {
  return join(dirname(file), reportFileName(basename(file).replace(/(\.throughput)?\.onnx$/i, '')));
}

/** A loaded model. Close it: garbage collection does not free a session's memory. */
export class Model {
  /** The file's name without its extension, e.g. `reference`. */
  readonly name: string;
  /** In output order. */
  readonly labels: readonly string[];
  readonly input: ModelInput;
  readonly temperatures: Temperatures;
  readonly threshold: KnownThresholds | undefined;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  /** Its metadata, unchecked. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #session: InferenceSession;

  private constructor(file: ModelFile, session: InferenceSession) {
    this.name = file.name;
    this.labels = file.labels;
    this.input = file.input;
    this.temperatures = file.temperatures;
    this.threshold = file.threshold;
    this.sha256 = file.sha256;
    this.metadata = file.metadata;
    this.#session = session;
  }

  /**
   * `threads` of one run: by default those of onnxruntime. Errors: those of `readModelFile`; `model-unusable` if
   * onnxruntime cannot load it.
   */
  static async load(path: string, { threads }: { readonly threads?: number } = {}): Promise<Model> {
    const file = await readModelFile(path);
    const options = threads === undefined ? {} : { intraOpNumThreads: threads };
    const session = await InferenceSession.create(file.bytes, options).catch((cause: unknown) => {
      const why = messageOf(cause);
      throw new TexturaError('model-unusable', `${path}: onnxruntime cannot load it: ${why}`, { cause });
    });
    return new Model(file, session);
  }

  /** Runs patches `[count,64,64]`, grey 0..255. */
  run(patches: Uint8Array): Promise<PatchOutputs> {
    return classifyPatches(this.#session, patches);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
