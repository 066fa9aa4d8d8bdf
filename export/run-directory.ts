/** What the exporter reads of a finished run: its record, its best weights, and the trainer's own answers to check against. */
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { foldBatchNorm } from '../model/fold-batch-norm.ts';
import { type Network, type NetworkName, networkNames } from '../model/network.ts';
import { checkParameters, type Parameters } from '../model/parameters.ts';
import { patchBytes } from '../model/patch.ts';
import { networkOfRun, type Run, runFiles } from '../model/run-file.ts';
import { decodeTensors, type TensorFile } from '../model/safetensors.ts';
import { readRun } from '../node/run-record.ts';
import { npmRun } from '../node/shell.ts';
import { controlRuns } from './study-runs.ts';

/** Validation patches with the logits that the training engine gave them. */
export interface ParityPatches {
  /** The engine, e.g. `tfjs cpu`. */
  readonly engine: string;
  readonly count: number;
  /** `[count,64,64]`, grey 0..255. */
  readonly patches: Uint8Array;
  /** `[count,C]`. */
  readonly logits: Float32Array;
  /** What is likely behind a file that differs from them, and how to fix it. */
  readonly suspicion?: string;
}

export interface TrainedRun {
  readonly directory: string;
  readonly run: Run;
  /** As it is exported: without batch normalisation. */
  readonly network: Network;
  /** Of the best epoch. */
  readonly parameters: Parameters;
  readonly parity: ParityPatches;
}

/**
 * Reads a run directory. A run that was stopped or diverged is accepted as long as it has a best epoch.
 * Errors: `file-unreadable` or `file-damaged`, naming the file and what to do.
 */
export async function readTrainedRun(directory: string): Promise<TrainedRun> {
  const run = await readRun(directory);
  const trained = networkOfRun(run);
  const modelPath = join(directory, runFiles.model);
  const { tensors } = decodeTensors(await readRunPart(directory, run, runFiles.model), modelPath);
  const values = new Map([...tensors].map(([name, { data }]) => [name, new Float32Array(data)]));
  checkParameters(trained, values, modelPath);
  const { network, parameters } = foldBatchNorm({ network: trained, parameters: values });
  const parityPath = join(directory, runFiles.parity);
  const parityFile = decodeTensors(await readRunPart(directory, run, runFiles.parity), parityPath);
  const suspicion = tf32Suspicion(directory, run);
  const parity = { ...parityPatches(parityFile, network, parityPath), ...(suspicion && { suspicion }) };
  return { directory, run, network, parameters, parity };
}

/** Of the answers of a GPU by a version of ours that did not turn TensorFloat-32 off, which recorded no precision either. */
function tf32Suspicion(directory: string, { stretches }: Run): string | undefined {
  const last = stretches.at(-1);
  if (last === undefined || last.precision !== undefined) return undefined;
  if (last.device !== 'gpu' && last.device !== 'cuda') return undefined;
  return [
    `A GPU trained this run (${last.engine} on ${last.device}), probably in TensorFloat-32, which rounds to 10 bits:`,
    `that is the likely reason. To compute the answers again in float32, delete ${join(directory, runFiles.parity)}`,
    `and run ${npmRun('train', '--out', directory, '--resume')}`,
  ].join(' ');
}

/**
 * Of each variant the finished run that ended last, in the order of the variants. `roots` are folders of run directories; one
 * that does not exist has none; a study's controls are passed over. `note` gets a sentence for every directory that is passed over because it can't be read.
 */
export async function newestFinishedRuns(
  roots: readonly string[],
  note: (sentence: string) => void,
): Promise<readonly string[]> {
  const newest = new Map<NetworkName, { readonly directory: string; readonly endedAt: string }>();
  const directories = (await Promise.all(roots.map(runDirectoriesIn))).flat();
  const controls = new Set((await Promise.all(roots.map((root) => controlRuns(dirname(root))))).flat());
  for (const directory of directories.filter((path) => !controls.has(path))) {
    const run = await readRun(directory).catch((error: unknown) => {
      if (!(error instanceof TexturaError)) throw error;
      note(`skipped ${directory}: ${error.message}`);
    });
    if (run?.status !== 'finished') continue;
    const endedAt = run.endedAt ?? run.startedAt;
    const known = newest.get(run.config.variant);
    if (known === undefined || endedAt > known.endedAt)
      newest.set(run.config.variant, { directory, endedAt });
  }
  return networkNames.flatMap((variant) => newest.get(variant)?.directory ?? []);
}

/** Folders that hold run directories: `runs` itself and `runs` of each study. */
export async function runRoots(runs: string, studies: string): Promise<readonly string[]> {
  const names = (await foldersIn(studies)).map(({ name }) => join(studies, name, 'runs'));
  return [runs, ...names];
}

async function runDirectoriesIn(root: string): Promise<readonly string[]> {
  const folders = (await foldersIn(root)).map(({ name }) => join(root, name));
  const contents = await Promise.all(folders.map((folder) => readdir(folder)));
  return folders.filter((_, i) => contents[i]?.includes(runFiles.run));
}

async function foldersIn(path: string): Promise<readonly Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new TexturaError('file-unreadable', `${path}: cannot be listed: ${error.message}`, {
      cause: error,
    });
  });
  return entries.filter((entry) => entry.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readRunPart(directory: string, run: Run, file: string): Promise<Uint8Array> {
  const path = join(directory, file);
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ENOENT' ? whyMissing(directory, run, path) : `${path}: cannot be read (${cause.code})`;
    throw new TexturaError('file-unreadable', why, { cause });
  });
}

function whyMissing(
  directory: string,
  { status, best, divergedAtEpoch, failure }: Run,
  path: string,
): string {
  const resume = npmRun('train', '--out', directory, '--resume');
  switch (status) {
    case 'running':
      return `${directory} has no model yet: the run is training, or was killed; a model is written when it ends. To resume it: ${resume}`;
    case 'stopped':
      return `${directory} has no model yet: the run was stopped; a model is written when it ends. To resume it: ${resume}`;
    case 'failed':
      return `${directory} has no model yet: the run failed (${failure?.message ?? 'no reason recorded'}); a model is written when it ends. To resume it: ${resume}`;
    case 'diverged':
      if (best === undefined) {
        return (
          `${directory} has no model: the run diverged in epoch ${divergedAtEpoch ?? 1}, before any epoch was complete. ` +
          'Train again into another directory with a lower --learning-rate'
        );
      }
      break;
    case 'finished':
      return `${path} is missing: copy the whole run directory, or compute it again: ${resume}`;
    default:
      status satisfies never;
  }
  return `${path} is missing: copy the whole run directory, or train again into another one`;
}

function parityPatches({ tensors, metadata }: TensorFile, network: Network, where: string): ParityPatches {
  const patches = tensors.get('patches')?.data;
  const logits = tensors.get('logits')?.data;
  if (!(patches instanceof Uint8Array) || !(logits instanceof Float32Array)) {
    throw new TexturaError('file-damaged', `${where}: expected patches U8 [n,64,64] and logits F32 [n,C]`);
  }
  const count = patches.length / patchBytes;
  if (count < 1 || logits.length !== count * network.classes) {
    const expected = `logits [${count},${network.classes}]`;
    throw new TexturaError(
      'file-damaged',
      `${where}: ${count} patches: expected 1 or more and ${expected}, got ${logits.length} logits`,
    );
  }
  return { engine: metadata.engine ?? 'the training engine', count, patches, logits };
}
