/**
 * The training loop: in each epoch a number of steps, a validation and a checkpoint. What it computes depends
 * only on the configuration and the data: stopping and resuming a run does not change its results.
 */
import { type Divergence, divergenceOf } from '../../model/divergence.ts';
import type { MetricsRow } from '../../model/metrics.ts';
import type { Network } from '../../model/network.ts';
import type { Batch } from '../../model/patch.ts';
import { addScores, meanScores, noScores, type ScoreSums, type Scores } from '../../model/scores.ts';
import type { TrainingConfig } from '../../model/training-config.ts';
import { batchRanges, type DataLoader } from '../data/data-loader.ts';
import type { GridPatch } from '../data/sampler.ts';
import { defaultStatisticsRate, type Engine } from '../engine/engine.ts';
import { type Progress, saveCheckpoint } from './checkpoint.ts';
import { learningRateAt, scheduleOf, stepsPerEpoch } from './schedule.ts';
import { bestRow, chosenRow, validate } from './validation.ts';

export interface TrainingSession {
  readonly config: TrainingConfig;
  readonly network: Network;
  readonly engine: Engine;
  readonly loader: DataLoader;
  /** The patches of all validation images. */
  readonly grid: readonly GridPatch[];
  /**
   * How many patches choose the epoch: the first ones of the grid; results are those of the others. Undefined
   * if all patches do both.
   */
  readonly choosingPatches?: number;
  /** The run directory, which gets the checkpoints. */
  readonly directory: string;
  readonly observer: TrainingObserver;
  /** Called after every `steps` of the engine; true ends the loop after a checkpoint. */
  readonly stopRequested: () => boolean;
}

/** Prints progress, writes metrics.csv. */
export interface TrainingObserver {
  stepped(step: StepReport): void;
  /** `history` has all rows so far. Awaited before the next epoch. */
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

/** Longer epochs get checkpoints in between, so that a crash never costs more than this. */
const checkpointEverySeconds = 120;

/**
 * Trains from `progress` until the configured epochs are done, patience runs out, the loss diverges or a stop
 * is requested.
 */
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
    const row = rowOf(session, epoch, 'train', trained);
    if (!Number.isFinite(row.objective)) return await diverged(session, epoch, [...history, row]);
    const { engine, network, loader, grid, choosingPatches, config } = session;
    const patches = { start: 0, end: choosingPatches ?? grid.length };
    const validated = await validate({ engine, network, loader, patches, batch: config.batch });
    const validationRow = {
      ...rowOf(session, epoch, 'val', validated),
      balanced_top1err: validated.balancedTop1err,
    };
    const rows = [...history, row, validationRow];
    if (!Number.isFinite(validationRow.objective)) return await diverged(session, epoch, rows);
    current = { ...freshProgress, epochsDone: epoch, history: rows };
    await save(session, current, chosenRow(rows, session.config)?.epoch === epoch);
    await session.observer.epochEnded(rows);
  }
}

function outOfPatience(history: readonly MetricsRow[], patience: number | undefined): boolean {
  const [best, latest] = [bestRow(history), history.at(-1)];
  if (patience === undefined || best === undefined || latest === undefined) return false;
  return latest.epoch - best.epoch >= patience;
}

interface TrainedEpoch {
  readonly sums: ScoreSums;
  readonly seconds: number;
  readonly interrupted: boolean;
}

async function trainEpoch(session: TrainingSession, progress: Progress): Promise<TrainedEpoch> {
  const { config, engine, network } = session;
  const { momentum, weightDecay } = config;
  const epoch = progress.epochsDone + 1;
  const stepCount = stepsPerEpoch(config);
  const requests = batchRanges(config.patchesPerEpoch, config.batch, progress.stepsDone * config.batch).map(
    (range) => ({ split: 'train', epoch, ...range }) as const,
  );
  const schedule = scheduleOf(config);
  const startedAt = performance.now() - progress.seconds * 1000;
  let { sums, stepsDone } = progress;
  let savedAt = performance.now();
  const settingsOf = (batch: Batch, stepsTaken: number) => {
    // The plain mean over the first ten steps, so that a short run is not evaluated with the averages'
    // initial values. A smaller last batch counts less.
    const batchShare = batch.labels.length / Math.min(config.batch, config.patchesPerEpoch);
    const statisticsRate = Math.max(defaultStatisticsRate, 1 / (stepsTaken + 1)) * batchShare;
    return { learningRate: learningRateAt(schedule, stepsTaken), momentum, weightDecay, statisticsRate };
  };
  for await (const batches of inGroups(session.loader.batches(requests), engine.stepsAtOnce)) {
    const stepsTaken = progress.epochsDone * stepCount + stepsDone;
    const logits = await engine.steps(
      batches.map((batch, i) => ({ batch, settings: settingsOf(batch, stepsTaken + i) })),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    for (const [i, { labels }] of batches.entries()) {
      sums = addScores(sums, logits[i] as Float32Array, labels, network.classes);
      stepsDone++;
      session.observer.stepped({
        epoch,
        step: stepsDone,
        stepsPerEpoch: stepCount,
        scores: meanScores(sums),
        imagesPerSecond: (sums.count - progress.sums.count) / (seconds - progress.seconds),
      });
      if (!Number.isFinite(sums.crossEntropy)) return { sums, seconds, interrupted: false };
    }
    const interrupted = session.stopRequested();
    if (interrupted || performance.now() - savedAt > checkpointEverySeconds * 1000) {
      await save(session, { ...progress, stepsDone, sums, seconds }, false);
      savedAt = performance.now();
    }
    if (interrupted) return { sums, seconds, interrupted };
  }
  return { sums, seconds: (performance.now() - startedAt) / 1000, interrupted: false };
}

/** Groups of `size`; the last may be smaller. */
async function* inGroups<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function rowOf(
  { config }: TrainingSession,
  epoch: number,
  split: 'train' | 'val',
  { sums, seconds }: { readonly sums: ScoreSums; readonly seconds: number },
): MetricsRow {
  const lastStep = epoch * stepsPerEpoch(config) - 1;
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
  await session.observer.epochEnded(history);
  return { status: 'diverged', history, epoch, kind: 'not finite' };
}

async function save(session: TrainingSession, progress: Progress, isBest: boolean): Promise<void> {
  const state = await session.engine.read();
  await saveCheckpoint(session.directory, session.network, { progress, state }, isBest);
}
