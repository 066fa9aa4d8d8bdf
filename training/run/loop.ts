/**
 * The training loop: epochs of steps, a validation after each, a checkpoint after that. What it computes depends on the
 * configuration and the data alone; when it is stopped and where it goes on from changes nothing.
 */
import { type Divergence, divergenceOf } from '../../model/divergence.ts';
import type { MetricsRow } from '../../model/metrics.ts';
import type { Network } from '../../model/network.ts';
import {
  addScores,
  balancedError,
  countClassErrors,
  meanScores,
  noClassErrors,
  noScores,
  type ScoreSums,
  type Scores,
} from '../../model/scores.ts';
import type { TrainingConfig } from '../../model/training-config.ts';
import { type BatchSource, batchRanges } from '../data/batches.ts';
import type { Engine } from '../engine/engine.ts';
import { type Progress, saveCheckpoint } from './checkpoint.ts';
import { learningRateAt, type Schedule } from './schedule.ts';

export interface TrainingSession {
  readonly config: TrainingConfig;
  readonly network: Network;
  readonly engine: Engine;
  readonly batches: BatchSource;
  /** Patches of the fixed grid over all validation images. */
  readonly validationPatches: number;
  /** The run directory, where checkpoints go. */
  readonly directory: string;
  readonly watcher: TrainingWatcher;
  /** Asked after every step; true ends the loop after a checkpoint. */
  readonly stopRequested: () => boolean;
}

/** Who looks on: prints progress, writes metrics.csv. */
export interface TrainingWatcher {
  stepped(step: StepReport): void;
  /** `history` holds all rows so far. Awaited before the next epoch. */
  epochEnded(history: readonly MetricsRow[]): Promise<void>;
}

export interface StepReport {
  readonly epoch: number;
  readonly step: number;
  readonly stepsPerEpoch: number;
  readonly scores: Scores;
  readonly imagesPerSecond: number;
}

export type TrainingOutcome =
  | { readonly status: 'finished'; readonly history: readonly MetricsRow[]; readonly endedEarly: boolean }
  | ({ readonly status: 'diverged'; readonly history: readonly MetricsRow[] } & Divergence)
  | { readonly status: 'stopped'; readonly history: readonly MetricsRow[]; readonly epoch: number };

export const freshProgress: Progress = {
  epochsDone: 0,
  stepsDone: 0,
  sums: noScores,
  seconds: 0,
  history: [],
};

/** An epoch that lasts longer than this gets checkpoints on the way, so that a crash never costs more. */
const checkpointEverySeconds = 120;

/** Trains from `progress` to the end of the configured epochs, or to what ends it earlier. */
export async function train(session: TrainingSession, progress: Progress): Promise<TrainingOutcome> {
  let current = progress;
  for (;;) {
    const { history, epochsDone } = current;
    const endedEarly = outOfPatience(history, session.config.patience);
    if (endedEarly || epochsDone >= session.config.epochs) {
      const divergence = divergenceOf(history, session.network.classes);
      if (divergence !== undefined) return { status: 'diverged', history, ...divergence };
      return { status: 'finished', history, endedEarly };
    }
    const epoch = epochsDone + 1;
    const trained = await trainEpoch(session, current);
    if (trained.interrupted) return { status: 'stopped', history, epoch };
    const row = rowOf(session, epoch, 'train', trained.sums, trained.seconds);
    if (!Number.isFinite(row.objective)) return await diverged(session, epoch, [...history, row]);
    const validated = await validate(session);
    const validationRow = {
      ...rowOf(session, epoch, 'val', validated.sums, validated.seconds),
      balanced_top1err: validated.balancedTop1err,
    };
    const rows = [...history, row, validationRow];
    if (!Number.isFinite(validationRow.objective)) return await diverged(session, epoch, rows);
    current = { ...freshProgress, epochsDone: epoch, history: rows };
    await save(session, current, bestRow(rows)?.epoch === epoch);
    await session.watcher.epochEnded(rows);
  }
}

/**
 * Scores of the network's answers to the whole validation grid. `onLogits` sees each batch's logits and
 * labels.
 */
export async function validate(
  session: Pick<TrainingSession, 'engine' | 'batches' | 'validationPatches' | 'config' | 'network'>,
  onLogits: (logits: Float32Array, labels: Int32Array, patches: Uint8Array) => void = () => {},
): Promise<Validated> {
  const startedAt = performance.now();
  const requests = batchRanges(session.validationPatches, session.config.batch).map(
    (range) => ({ split: 'val', ...range }) as const,
  );
  const classErrors = noClassErrors(session.network.classes);
  let sums = noScores;
  for await (const { patches, labels } of session.batches.batches(requests)) {
    const logits = await session.engine.logits(patches);
    sums = addScores(sums, logits, labels, session.network.classes);
    countClassErrors(classErrors, logits, labels);
    onLogits(logits, labels, patches);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { sums, balancedTop1err: balancedError(classErrors), seconds };
}

export interface Validated {
  readonly sums: ScoreSums;
  readonly balancedTop1err: number;
  readonly seconds: number;
}

/**
 * The validation row with the lowest balanced error, then objective; the earliest of equals. A run that an
 * earlier version began goes on as it began, by top-1 error, because its first rows have no balanced error to
 * compare.
 */
export function bestRow(history: readonly MetricsRow[]): MetricsRow | undefined {
  const rows = history.filter(({ split, objective }) => split === 'val' && Number.isFinite(objective));
  const isBalanced = rows.every(({ balanced_top1err }) => balanced_top1err !== undefined);
  const errorOf = (row: MetricsRow) => (isBalanced ? (row.balanced_top1err ?? Number.NaN) : row.top1err);
  const isBetter = (row: MetricsRow, best: MetricsRow) =>
    errorOf(row) < errorOf(best) || (errorOf(row) === errorOf(best) && row.objective < best.objective);
  return rows.reduce<MetricsRow | undefined>(
    (best, row) => (best === undefined || isBetter(row, best) ? row : best),
    undefined,
  );
}

function outOfPatience(history: readonly MetricsRow[], patience: number | undefined): boolean {
  const best = bestRow(history);
  const latest = history.at(-1);
  return (
    patience !== undefined &&
    best !== undefined &&
    latest !== undefined &&
    latest.epoch - best.epoch >= patience
  );
}

interface EpochUnderWay {
  readonly sums: ScoreSums;
  readonly seconds: number;
  readonly interrupted: boolean;
}

async function trainEpoch(session: TrainingSession, progress: Progress): Promise<EpochUnderWay> {
  const { config, engine, network } = session;
  const epoch = progress.epochsDone + 1;
  const stepsPerEpoch = Math.ceil(config.patchesPerEpoch / config.batch);
  const requests = batchRanges(config.patchesPerEpoch, config.batch, progress.stepsDone * config.batch).map(
    (range) => ({ split: 'train', epoch, ...range }) as const,
  );
  const schedule = scheduleOf(config);
  const startedAt = performance.now() - progress.seconds * 1000;
  let { sums, stepsDone } = progress;
  let savedAt = performance.now();
  for await (const batch of session.batches.batches(requests)) {
    const learningRate = learningRateAt(schedule, progress.epochsDone * stepsPerEpoch + stepsDone);
    const logits = await engine.step(batch, { ...config, learningRate });
    sums = addScores(sums, logits, batch.labels, network.classes);
    stepsDone++;
    const seconds = (performance.now() - startedAt) / 1000;
    const patchesHere = sums.count - progress.sums.count;
    const imagesPerSecond = patchesHere / (seconds - progress.seconds);
    session.watcher.stepped({
      epoch,
      step: stepsDone,
      stepsPerEpoch,
      scores: meanScores(sums),
      imagesPerSecond,
    });
    if (!Number.isFinite(sums.crossEntropy)) return { sums, seconds, interrupted: false };
    const interrupted = session.stopRequested();
    if (interrupted || performance.now() - savedAt > checkpointEverySeconds * 1000) {
      await save(session, { ...progress, stepsDone, sums, seconds }, false);
      savedAt = performance.now();
    }
    if (interrupted) return { sums, seconds, interrupted };
  }
  return { sums, seconds: (performance.now() - startedAt) / 1000, interrupted: false };
}

/** The rate falls to zero over the configured epochs; the warm-up is a part of them. */
export function scheduleOf({
  schedule,
  learningRate,
  warmupEpochs,
  epochs,
  patchesPerEpoch,
  batch,
}: TrainingConfig): Schedule {
  const stepsPerEpoch = Math.ceil(patchesPerEpoch / batch);
  return {
    shape: schedule,
    peak: learningRate,
    warmupSteps: Math.round(Math.min(warmupEpochs, epochs) * stepsPerEpoch),
    totalSteps: epochs * stepsPerEpoch,
  };
}

function rowOf(
  { config }: TrainingSession,
  epoch: number,
  split: 'train' | 'val',
  sums: ScoreSums,
  seconds: number,
): MetricsRow {
  const lastStep = epoch * Math.ceil(config.patchesPerEpoch / config.batch) - 1;
  return {
    epoch,
    split,
    ...meanScores(sums),
    images_per_second: Number((sums.count / seconds).toFixed(1)),
    learning_rate: learningRateAt(scheduleOf(config), lastStep),
    seconds: Number(seconds.toFixed(2)),
  };
}

async function diverged(
  session: TrainingSession,
  epoch: number,
  history: readonly MetricsRow[],
): Promise<TrainingOutcome> {
  await session.watcher.epochEnded(history);
  return { status: 'diverged', history, epoch, kind: 'not finite' };
}

async function save(session: TrainingSession, progress: Progress, isBest: boolean): Promise<void> {
  const state = await session.engine.read();
  await saveCheckpoint(session.directory, session.network, { progress, state }, isBest);
}
