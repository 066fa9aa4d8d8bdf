/**
 * Checkpoints: everything that a run needs to go on as if it had never stopped. A checkpoint is one safetensors file, written
 * beside its place and renamed, with a SHA-256 over its contents; the one before it is kept until the next, so that a damaged
 * newest file costs one checkpoint and not the run.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parameterSpecs } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import { parsedJson } from '../../model/issue-text.ts';
import { metricsRowSchema } from '../../model/metrics.ts';
import type { Network } from '../../model/network.ts';
import { checkParameters, type Parameters, type TrainingState } from '../../model/parameters.ts';
import { runFiles } from '../../model/run-file.ts';
import { decodeTensors, encodeTensors, type StoredTensor } from '../../model/safetensors.ts';
import { moveFile, writeFileAtomically } from '../../node/atomic-file.ts';

/** Where a run stands. Sums of the epoch under way are kept as sums, in float64, so that they go on exactly. */
export const progressSchema = z.strictObject({
  /** Epochs that are complete, with their rows in `history`. */
  epochsDone: z.int().min(0),
  /** Steps taken in the epoch after them. */
  stepsDone: z.int().min(0),
  sums: z.strictObject({
    count: z.int(),
    crossEntropy: z.number(),
    top1Errors: z.int(),
    top5Errors: z.int(),
  }),
  /** Seconds spent training in the epoch under way, over all stretches. */
  seconds: z.number(),
  history: z.array(metricsRowSchema),
});
export type Progress = z.infer<typeof progressSchema>;

export interface Checkpoint {
  readonly progress: Progress;
  readonly state: TrainingState;
}

export type CheckpointName = 'last' | 'previous' | 'best';

export function checkpointPath(directory: string, name: CheckpointName): string {
  return join(directory, runFiles.checkpoints, `${name}.safetensors`);
}

/** Writes `last`, keeping the one that it replaces as `previous`; and `best` too where this one is. */
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
 * The newest whole checkpoint of a run, with a sentence for each that was damaged; undefined where there is none yet. A damaged
 * `last` is removed where `previous` is whole, or the next save would move it over the only whole one.
 * Errors: `file-damaged` where every checkpoint that exists is damaged.
 */
export async function newestCheckpoint(
  directory: string,
  network: Network,
): Promise<{ readonly checkpoint: Checkpoint; readonly damage: readonly string[] } | undefined> {
  const damage: string[] = [];
  for (const name of ['last', 'previous'] as const) {
    try {
      const checkpoint = await readCheckpoint(directory, network, name);
      if (checkpoint === undefined) continue;
      if (damage.length > 0) await rm(checkpointPath(directory, 'last'));
      return { checkpoint, damage };
    } catch (error) {
      if (!(error instanceof TexturaError)) throw error;
      damage.push(error.message);
    }
  }
  if (damage.length > 0)
    throw new TexturaError('file-damaged', `no whole checkpoint is left:\n${damage.join('\n')}`);
  return undefined;
}

/**
 * The checkpoint of the best epoch, or where that is damaged the newest whole one, with a sentence for each that was; undefined where there is none.
 * Errors: `file-damaged` where every checkpoint that exists is damaged.
 */
export async function bestCheckpoint(
  directory: string,
  network: Network,
): Promise<{ readonly checkpoint: Checkpoint; readonly damage: readonly string[] } | undefined> {
  try {
    const checkpoint = await readCheckpoint(directory, network, 'best');
    return checkpoint && { checkpoint, damage: [] };
  } catch (error) {
    if (!(error instanceof TexturaError)) throw error;
    const found = await newestCheckpoint(directory, network);
    if (found === undefined) throw error;
    return { checkpoint: found.checkpoint, damage: [error.message, ...found.damage] };
  }
}

/** Reads one checkpoint; undefined where there is no such file. Errors: `file-damaged`. */
export async function readCheckpoint(
  directory: string,
  network: Network,
  name: CheckpointName,
): Promise<Checkpoint | undefined> {
  const path = checkpointPath(directory, name);
  const file = await readFile(path).catch(unlessMissing);
  return file === undefined ? undefined : decodeCheckpoint(network, file, path);
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
    throw new TexturaError('file-damaged', `${path}: its contents do not match its checksum`);
  const progress = parsedJson(progressSchema, text, `${path}: written by another version`);
  const state = {
    parameters: groupOf(['parameters'], tensors),
    momentum: groupOf(['momentum', 'momenta'], tensors),
  };
  checkParameters(network, state.parameters, path);
  checkParameters(network, state.momentum, path);
  return { progress, state };
}

/** The tensors `GROUP/NAME` by name. Of several groups, the later ones are names from earlier versions. */
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

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
