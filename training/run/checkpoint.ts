/**
 * Checkpoints: the complete state of a run, so that a resumed run equals an uninterrupted one. A checkpoint
 * is one safetensors file with a SHA-256 of its contents, written to a temporary file and renamed. The
 * previous one is kept, so that a corrupt newest file costs one checkpoint and not the run.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parameterSpecs } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import { parsedJson } from '../../model/issue-text.ts';
import { metricsRowSchema } from '../../model/metrics.ts';
import type { Network } from '../../model/network.ts';
import { checkState, type Parameters, type TrainingState } from '../../model/parameters.ts';
import { runFiles } from '../../model/run-file.ts';
import { decodeTensors, encodeTensors, type StoredTensor } from '../../model/safetensors.ts';
import { moveFile, writeFileAtomically } from '../../node/atomic-file.ts';
import { readIfThere } from '../../node/optional-file.ts';

/**
 * The sums of the current epoch are stored as sums, in float64, so that a resumed epoch continues them
 * exactly.
 */
const progressSchema = z.strictObject({
  /** Completed epochs, with their rows in `history`. */
  epochsDone: z.int().min(0),
  /** Steps taken in the current epoch. */
  stepsDone: z.int().min(0),
  sums: z.strictObject({
    count: z.int(),
    crossEntropy: z.number(),
    top1Errors: z.int(),
    top5Errors: z.int(),
  }),
  /** Seconds spent training in the current epoch, over all sessions. */
  seconds: z.number(),
  history: z.array(metricsRowSchema),
});
export type Progress = z.infer<typeof progressSchema>;

export interface Checkpoint {
  readonly progress: Progress;
  readonly state: TrainingState;
}

type CheckpointName = 'last' | 'previous' | 'best';

export function checkpointPath(directory: string, name: CheckpointName): string {
  return join(directory, runFiles.checkpoints, `${name}.safetensors`);
}

/** Whether a run has a checkpoint to resume from, intact or not. */
export function hasCheckpoint(directory: string): boolean {
  return resumable.some((name) => existsSync(checkpointPath(directory, name)));
}

/** The newest first. */
const resumable = ['last', 'previous'] as const;

/** Writes `last` and keeps the one that it replaces as `previous`; writes `best` too if `isBest`. */
export async function saveCheckpoint(
  directory: string,
  network: Network,
  checkpoint: Checkpoint,
  isBest: boolean,
): Promise<void> {
  const file = encodeCheckpoint(network, checkpoint);
  if (isBest) await writeFileAtomically(checkpointPath(directory, 'best'), file);
  const last = checkpointPath(directory, 'last');
  if (existsSync(last)) await moveFile(last, checkpointPath(directory, 'previous'));
  await writeFileAtomically(last, file);
}

/**
 * The newest intact checkpoint of a run, with a sentence for each corrupt one; undefined if there is none
 * yet. A corrupt `last` is removed if `previous` is intact, because the next save would move it over the only
 * intact one.
 * Errors: `file-damaged` if every existing checkpoint is corrupt.
 */
export async function newestCheckpoint(
  directory: string,
  network: Network,
): Promise<{ readonly checkpoint: Checkpoint; readonly damage: readonly string[] } | undefined> {
  const damage: string[] = [];
  for (const name of resumable) {
    try {
      const checkpoint = await readCheckpoint(directory, network, name);
      if (checkpoint === undefined) continue;
      if (damage.length > 0) await rm(checkpointPath(directory, 'last'));
      return { checkpoint, damage };
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage.push(error.message);
    }
  }
  if (damage.length > 0)
    throw new TexturaError(
      'file-damaged',
      `every checkpoint of the run is corrupt; to train it again from the start, delete ${directory}:\n${damage.join('\n')}`,
    );
  return undefined;
}

/**
 * The checkpoint of the best epoch, or the newest intact one if that is corrupt, with a sentence for each
 * corrupt one, and one if the newest is from the middle of an epoch; undefined if there is none.
 * Errors: `file-damaged` if every existing checkpoint is corrupt.
 */
export async function bestCheckpoint(
  directory: string,
  network: Network,
): Promise<{ readonly checkpoint: Checkpoint; readonly damage: readonly string[] } | undefined> {
  try {
    const checkpoint = await readCheckpoint(directory, network, 'best');
    return checkpoint && { checkpoint, damage: [] };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const found = await newestCheckpoint(directory, network);
    if (found === undefined) throw error;
    const { epochsDone, stepsDone } = found.checkpoint.progress;
    // A run that diverged may have saved it in its last epoch. Its own parameters give the results.
    const middle = `it is from the middle of epoch ${epochsDone + 1}; the results call it epoch ${epochsDone}`;
    const damage = [error.message, ...found.damage, ...(stepsDone === 0 ? [] : [middle])];
    return { checkpoint: found.checkpoint, damage };
  }
}

/** Reads one checkpoint; undefined if there is no such file. Errors: `file-unreadable`, `file-damaged`. */
export async function readCheckpoint(
  directory: string,
  network: Network,
  name: CheckpointName,
): Promise<Checkpoint | undefined> {
  const path = checkpointPath(directory, name);
  const file = await readIfThere(path);
  return file === undefined ? undefined : decodeCheckpoint(network, file, path);
}

/** A file that cannot be read now may be intact, so it does not count. */
function isDamage(error: unknown): error is TexturaError {
  return error instanceof TexturaError && error.code === 'file-damaged';
}

function encodeCheckpoint(network: Network, { progress, state }: Checkpoint): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  for (const group of ['parameters', 'momentum'] as const) {
    for (const { name, shape } of parameterSpecs(network)) {
      const data = state[group].get(name);
      if (data !== undefined) tensors.set(`${group}/${name}`, { shape, data });
    }
  }
  const text = JSON.stringify(progress);
  return encodeTensors({ tensors, metadata: { progress: text, sha256: digest(text, tensors) } });
}

function decodeCheckpoint(network: Network, file: Uint8Array, path: string): Checkpoint {
  const { tensors, metadata } = decodeTensors(file, path);
  const { progress: text = '', sha256 } = metadata;
  if (digest(text, tensors) !== sha256)
    throw new TexturaError(
      'file-damaged',
      `${path}: the file is corrupt: its contents do not match its checksum`,
    );
  const progress = parsedJson(progressSchema, text, `${path}: written by an incompatible version`);
  const state = {
    parameters: groupOf(['parameters'], tensors),
    momentum: groupOf(['momentum', 'momenta'], tensors),
  };
  checkState(network, state, path);
  return { progress, state };
}

/** The tensors `GROUP/NAME` by name. Further groups are the names that earlier versions used. */
function groupOf(groups: readonly string[], tensors: ReadonlyMap<string, StoredTensor>): Parameters {
  return new Map(
    [...tensors].flatMap(([key, { data }]): [string, Float32Array][] => {
      const [group = '', name = ''] = key.split('/');
      return groups.includes(group) ? [[name, data as Float32Array]] : [];
    }),
  );
}

function digest(text: string, tensors: ReadonlyMap<string, StoredTensor>): string {
  const hash = createHash('sha256').update(text);
  for (const [name, { data }] of tensors) hash.update(name).update(data);
  return hash.digest('hex');
}
