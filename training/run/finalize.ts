/**
 * The end of a run: the parameters of the best epoch become the model, and the results and the report are
 * written. The engine's own logits of validation patches are stored too, so that an exported file can be
 * verified without the engine or the data. TensorFloat-32 is too inexact for that: those logits are computed
 * again in float32 on the CPU.
 */
import { join } from 'node:path';
import { parameterSpecs } from '../../model/description.ts';
import type { Network } from '../../model/network.ts';
import { type Parameters, parameter, type TrainingState } from '../../model/parameters.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { encodeTensors, type StoredTensor } from '../../model/safetensors.ts';
import { confusionMatrix, meanScores, softmaxRows, topClasses } from '../../model/scores.ts';
import { validationErrors, validationToCsv } from '../../model/validation-file.ts';
import { validationLogitsFile } from '../../model/validation-logits.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { writeRun } from '../../node/records.ts';
import type { Terminal } from '../../node/terminal.ts';
import { writeConfusion } from '../../report/confusion.ts';
import { writeReport } from '../../report/report.ts';
import type { DatasetImage } from '../data/dataset-image.ts';
import type { GridPatch } from '../data/sampler.ts';
import type { Engine } from '../engine/engine.ts';
import { bestCheckpoint } from './checkpoint.ts';
import { writeKnownScore } from './known-surfaces.ts';
import type { TrainingOutcome, TrainingSession } from './loop.ts';
import { outcomeText, tf32Text } from './progress-display.ts';
import { type GridLogits, type ValidationScores, validate, validatedImages } from './validation.ts';

/** What to print at the end of a run; with a code if the command must not exit with 0. */
export interface FinalMessage {
  readonly code?: 'interrupted' | 'diverged';
  readonly text: string;
}

interface FinalizeOptions {
  readonly training: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  readonly terminal: Terminal;
  readonly threads: number;
  /** The command that resumes the run; by default `train --out DIRECTORY --resume`. */
  readonly resumeCommand?: string | undefined;
  /** Whether the process does nothing else, so that its peak memory is the run's. */
  readonly hasOwnProcess: boolean;
}

/** Writes run.json, the results and the report of a run that finished, diverged or was stopped. */
export async function finalizeRun(
  session: TrainingSession,
  run: Run,
  outcome: TrainingOutcome,
  { training, validation, terminal, threads, resumeCommand, hasOwnProcess }: FinalizeOptions,
): Promise<FinalMessage> {
  const { directory } = session;
  const { labels } = run;
  const endedAt = new Date().toISOString();
  if (outcome.status === 'stopped') {
    await writeRun(directory, { ...run, status: 'stopped', endedAt });
    const text = outcomeText(outcome, directory, undefined, labels.length, { resumeCommand });
    return { code: 'interrupted', text };
  }
  const results = await writeResults(session, labels, validation);
  if (results !== undefined) await writeKnownScore(session, training, threads);
  for (const damage of results?.damage ?? [])
    terminal.line(`Using the newest intact checkpoint instead of the best one: ${damage}`);
  if (results?.tf32Difference !== undefined) terminal.line(tf32Text(results.tf32Difference));
  const best = results && { best: results.best };
  const divergedAtEpoch = outcome.status === 'diverged' ? { divergedAtEpoch: outcome.epoch } : {};
  const memory = hasOwnProcess ? { peakMemoryBytes: process.resourceUsage().maxRSS * 1024 } : {};
  const { status } = outcome;
  await writeRun(directory, { ...run, ...best, ...divergedAtEpoch, ...memory, status, endedAt });
  await writeReport(directory);
  const text = outcomeText(outcome, directory, results?.best, labels.length, {
    isFold: run.config.fold !== undefined,
  });
  return outcome.status === 'diverged' ? { code: 'diverged', text } : { text };
}

interface WrittenResults {
  readonly best: NonNullable<Run['best']>;
  /** Sentences about a corrupt best checkpoint and the newest intact one, which replaces it. */
  readonly damage: readonly string[];
  /**
   * Largest difference in a probability between the engine in TensorFloat-32 and float32; undefined in
   * float32.
   */
  readonly tf32Difference?: number;
}

/** Validation patches that are stored for the export check, spread evenly over the validation grid. */
const exportCheckPatches = 256;

/**
 * Writes model.safetensors, parity.safetensors, validation.csv, validation-logits.safetensors and
 * confusion.csv from the best checkpoint.
 * Undefined if no epoch was completed.
 */
export async function writeResults(
  session: TrainingSession,
  labels: readonly string[],
  validation: readonly DatasetImage[],
): Promise<WrittenResults | undefined> {
  const { directory, network, engine } = session;
  const found = await bestCheckpoint(directory, network);
  if (found === undefined || found.checkpoint.progress.epochsDone === 0) return undefined;
  const { checkpoint, damage } = found;
  const epoch = checkpoint.progress.epochsDone;
  await engine.write(checkpoint.state);
  const validated = await validateBest(session);
  const images = validatedImages(validated, labels, reportingGrid(session), validation);
  await writeModel(directory, network, checkpoint.state.parameters, epoch);
  const reference = await referenceLogits(engine, network, checkpoint.state, validated);
  await writeExportCheck(directory, reference, validated, epoch);
  await writeFileAtomically(join(directory, runFiles.validation), validationToCsv(images));
  await writeValidationLogits(directory, validated, session, epoch);
  await writeConfusion(directory, labels, patchConfusion(validated, network.classes));
  const { photographError: photographTop1err } = validationErrors(images);
  const { objective, top1err, top5err } = meanScores(validated.sums);
  const { balancedTop1err } = validated;
  const best = { epoch, top1err, top5err, objective, balancedTop1err, photographTop1err };
  const { tf32Difference } = reference;
  return { best, damage, ...(tf32Difference === undefined ? {} : { tf32Difference }) };
}

/** The patches of the validation grid that give the results. */
function reportingGrid({ grid, choosingPatches = 0 }: TrainingSession): readonly GridPatch[] {
  return grid.slice(choosingPatches);
}

/** The logits of the patches that give the results, with those for the export check. */
interface ValidatedBest extends GridLogits, Pick<ValidationScores, 'sums' | 'balancedTop1err'> {
  /** `[64,64]` each, with their index among the patches. */
  readonly stored: readonly { readonly index: number; readonly patch: Uint8Array }[];
}

async function validateBest(session: TrainingSession): Promise<ValidatedBest> {
  const { engine, network, loader, grid, choosingPatches = 0, config } = session;
  const count = reportingGrid(session).length;
  const labels = new Int32Array(count);
  const logits = new Float32Array(count * network.classes);
  const storeEvery = Math.max(1, count / exportCheckPatches);
  const stored: { index: number; patch: Uint8Array }[] = [];
  let at = 0;
  const patches = { start: choosingPatches, end: grid.length };
  const inputs = { engine, network, loader, patches, batch: config.batch };
  const { sums, balancedTop1err } = await validate(inputs, (batchLogits, batchLabels, batchPatches) => {
    labels.set(batchLabels, at);
    logits.set(batchLogits, at * network.classes);
    for (let i = 0; i < batchLabels.length; i++) {
      if (at + i < stored.length * storeEvery) continue;
      stored.push({ index: at + i, patch: batchPatches.slice(i * patchBytes, (i + 1) * patchBytes) });
    }
    at += batchLabels.length;
  });
  return { sums, balancedTop1err, labels, logits, stored };
}

function patchConfusion({ labels, logits }: GridLogits, classes: number): number[][] {
  const pairs = Array.from(labels, (label, i) => {
    const [prediction = 0] = topClasses(logits.subarray(i * classes, (i + 1) * classes), 1);
    return [label, prediction] as const;
  });
  return confusionMatrix(pairs, classes);
}

async function writeValidationLogits(
  directory: string,
  { logits, labels }: ValidatedBest,
  session: TrainingSession,
  epoch: number,
): Promise<void> {
  const photographs = Int32Array.from(reportingGrid(session), ({ image }) => image);
  const { classes } = session.network;
  await writeFileAtomically(
    join(directory, runFiles.validationLogits),
    validationLogitsFile({ logits, labels, photographs, classes }, { epoch: String(epoch) }),
  );
}

async function writeModel(
  directory: string,
  network: Network,
  parameters: Parameters,
  epoch: number,
): Promise<void> {
  const tensors = parameterSpecs(network).map(({ name, shape }): [string, StoredTensor] => {
    return [name, { shape, data: parameter(parameters, name) }];
  });
  const metadata = { network: network.name, epoch: String(epoch) };
  await writeFileAtomically(
    join(directory, runFiles.model),
    encodeTensors({ tensors: new Map(tensors), metadata }),
  );
}

/** The logits that the export check compares with. */
interface ReferenceLogits extends Pick<WrittenResults, 'tf32Difference'> {
  /** Engine and device that computed them, e.g. `tfjs gpu`. */
  readonly engine: string;
  /** `[stored, classes]`. */
  readonly logits: Float32Array;
}

/** The engine's own logits of the stored patches, or the CPU's if the engine computes in TensorFloat-32. */
async function referenceLogits(
  engine: Engine,
  network: Network,
  state: TrainingState,
  { logits, stored }: ValidatedBest,
): Promise<ReferenceLogits> {
  const { classes } = network;
  const own = new Float32Array(stored.length * classes);
  stored.forEach(({ index }, i) => {
    own.set(logits.subarray(index * classes, (index + 1) * classes), i * classes);
  });
  if (engine.precision === 'float32') return { engine: `${engine.name} ${engine.device}`, logits: own };
  const { onnxEngine } = await import('../engine/onnx-engine.ts');
  const cpu = await onnxEngine(network);
  try {
    await cpu.write(state);
    const reference = await cpu.logits(patchesOf(stored));
    const [expected, got] = [softmaxRows(reference, classes), softmaxRows(own, classes)];
    const tf32Difference = got.reduce(
      (largest, value, i) => Math.max(largest, Math.abs(value - (expected[i] as number))),
      0,
    );
    return { engine: `${cpu.name} ${cpu.device}`, logits: reference, tf32Difference };
  } finally {
    await cpu.dispose();
  }
}

/** `[stored,64,64]`. */
function patchesOf(stored: ValidatedBest['stored']): Uint8Array {
  const patches = new Uint8Array(stored.length * patchBytes);
  stored.forEach(({ patch }, i) => {
    patches.set(patch, i * patchBytes);
  });
  return patches;
}

async function writeExportCheck(
  directory: string,
  reference: ReferenceLogits,
  { labels, stored }: ValidatedBest,
  epoch: number,
): Promise<void> {
  const count = stored.length;
  const storedLabels = Int32Array.from(stored, ({ index }) => labels[index] as number);
  const tensors = new Map<string, StoredTensor>([
    ['patches', { shape: [count, inputPx, inputPx], data: patchesOf(stored) }],
    ['labels', { shape: [count], data: storedLabels }],
    ['logits', { shape: [count, reference.logits.length / count], data: reference.logits }],
  ]);
  const metadata = { engine: reference.engine, epoch: String(epoch) };
  await writeFileAtomically(join(directory, runFiles.parity), encodeTensors({ tensors, metadata }));
}
