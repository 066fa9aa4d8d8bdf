/**
 * Reads a run directory for the export: its record, the best weights, and the engine's reference outputs for
 * the export check.
 */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Reduction } from '../graph/reduced-precision.ts';
import { TexturaError } from '../model/error.ts';
import { foldBatchNorm } from '../model/fold-batch-norm.ts';
import { type KnownScore, knownScoreFromTensors } from '../model/known-score.ts';
import type { Network } from '../model/network.ts';
import { type Parameters, storedParameters } from '../model/parameters.ts';
import { patchBytes } from '../model/patch.ts';
import { networkOfRun, type Run, runFiles } from '../model/run-file.ts';
import { decodeTensors, type TensorFile } from '../model/safetensors.ts';
import type { PatchLogits } from '../model/self-check.ts';
import type { Interval } from '../model/statistics/replicates.ts';
import {
  patchErrorInterval,
  type ValidationLogits,
  validationLogitsFrom,
} from '../model/validation-logits.ts';
import { readIfThere } from '../node/optional-file.ts';
import { readRun } from '../node/records.ts';
import { commandText } from '../node/shell.ts';

/** Patches with the logits of the engine that trained. */
export interface ReferencePatches extends PatchLogits {
  /** Class of each patch, if it is known. */
  readonly labels?: Int32Array;
  /** The engine, e.g. `tfjs cpu`. */
  readonly engine: string;
  /** The likely reason for a failed export check, and how to fix it. */
  readonly suspicion?: string;
}

/** What is exported, whatever trained it. */
export interface TrainedModel {
  /** Of its files, without the ending. */
  readonly name: string;
  readonly labels: readonly string[];
  /** Side in source pixels of the square that a patch is averaged from. */
  readonly patchPx: number;
  /** Where it comes from: the value of `textura.run`. */
  readonly origin: Readonly<Record<string, unknown>>;
  /** Share of single validation patches that are classified wrong. */
  readonly top1err: number | undefined;
  /** The 95 % interval of `top1err`. */
  readonly top1errInterval: Interval | undefined;
  /** Undefined for a model that no run trained. */
  readonly run: Run | undefined;
  /** The validation of the exported epoch; undefined for a model that no run trained. */
  readonly best: Run['best'];
  /** As it is exported, without batch normalisation. */
  readonly network: Network;
  /** Of the best epoch. */
  readonly parameters: Parameters;
  readonly reference: ReferencePatches;
  /** Undefined for a run without validation photographs, and for one of an earlier version. */
  readonly validation: ValidationLogits | undefined;
  /** Undefined for networks without it, and for runs of earlier versions. */
  readonly known: KnownScore | undefined;
  /** How its file computes with fewer bits. */
  readonly reduction?: Reduction;
}

interface TrainedRun extends TrainedModel {
  readonly run: Run;
}

/**
 * A stopped or diverged run is accepted if it has a best epoch.
 * Errors: `file-unreadable` or `file-damaged`, naming the file and what to do.
 */
export async function readTrainedRun(directory: string): Promise<TrainedRun> {
  const run = await readRun(directory);
  const trained = networkOfRun(run);
  const modelPath = join(directory, runFiles.model);
  const file = await readRunPart(directory, run, runFiles.model);
  const stored = storedParameters(file, trained, modelPath);
  const { network, parameters } = foldBatchNorm({ network: trained, parameters: stored });
  const referencePath = join(directory, runFiles.parity);
  const referenceFile = decodeTensors(await readRunPart(directory, run, runFiles.parity), referencePath);
  const suspicion = tf32Suspicion(directory, run);
  const reference = {
    ...referencePatches(referenceFile, network, referencePath),
    ...(suspicion && { suspicion }),
  };
  const validationPath = join(directory, runFiles.validationLogits);
  const validationFile = await readIfThere(validationPath);
  const validation = validationFile && validationLogitsFrom(validationFile, network.classes, validationPath);
  const knownPath = join(directory, runFiles.known);
  const knownFile = await readIfThere(knownPath);
  const known = knownFile && knownScoreFromTensors(decodeTensors(knownFile, knownPath), knownPath);
  const { labels, config, best } = run;
  return {
    name: network.name,
    labels,
    patchPx: config.patchPx,
    origin: trainedOrigin(directory, run),
    top1err: best?.top1err,
    top1errInterval: validation && patchErrorInterval(validation),
    best,
    network,
    parameters,
    reference,
    validation,
    known,
    run,
  };
}

function trainedOrigin(
  directory: string,
  { config, best, stretches, data, startedAt, textura }: Run,
): TrainedModel['origin'] {
  return {
    name: basename(resolve(directory)),
    variant: config.variant,
    seed: config.seed,
    epoch: best?.epoch,
    engine: stretches.at(-1)?.engine,
    data: data.fingerprint,
    startedAt,
    textura,
  };
}

/**
 * For runs that an earlier version trained on a GPU: it did not turn TensorFloat-32 off, and recorded no
 * precision.
 */
function tf32Suspicion(directory: string, { stretches }: Run): string | undefined {
  const last = stretches.at(-1);
  if (last === undefined || last.precision !== undefined) return undefined;
  if (last.device !== 'gpu' && last.device !== 'cuda') return undefined;
  return [
    `A GPU trained this run (${last.engine} on ${last.device}), probably in TensorFloat-32, which rounds to 10 bits:`,
    `that is the likely reason. To compute the outputs again in float32, delete ${join(directory, runFiles.parity)}`,
    `and run ${commandText('train', '--out', directory, '--resume')}`,
  ].join(' ');
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
  const resume = commandText('train', '--out', directory, '--resume');
  const noModelYet = (why: string) =>
    `${directory} has no model yet: ${why}; a model is written when it ends. To resume it: ${resume}`;
  switch (status) {
    case 'running':
      return noModelYet('the run is training or was killed');
    case 'stopped':
      return noModelYet('the run was stopped');
    case 'failed':
      return noModelYet(`the run failed (${failure?.message ?? 'no reason recorded'})`);
    case 'diverged':
      if (best === undefined) {
        return (
          `${directory} has no model: the run diverged in epoch ${divergedAtEpoch ?? 1}, before any epoch was complete. ` +
          'Train again with a lower --learning-rate, into another directory'
        );
      }
      break;
    case 'finished':
      return `${path} is missing: copy the whole run directory, or compute the file again: ${resume}`;
    default:
      status satisfies never;
  }
  return `${path} is missing: copy the whole run directory, or train again into another directory`;
}

function referencePatches(
  { tensors, metadata }: TensorFile,
  network: Network,
  where: string,
): ReferencePatches {
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
      `${where}: expected 1 or more patches and ${expected}, got ${count} patches and ${logits.length} logits`,
    );
  }
  const labels = tensors.get('labels')?.data;
  return {
    engine: metadata.engine ?? 'the training engine',
    count,
    patches,
    logits,
    ...(labels instanceof Int32Array && labels.length === count ? { labels } : {}),
  };
}
