/** One run from its data to its report: the main path of training, read from top to bottom. */
import { join } from 'node:path';
import { trainingStepBytes } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import { balancedErrorsToCsv, metricsToCsv } from '../../model/metrics.ts';
import type { Network } from '../../model/network.ts';
import { initialParameters, zeroParameters } from '../../model/parameters.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { configuredNetwork, type TrainingConfig } from '../../model/training-config.ts';
import { oneLine } from '../../model/words.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { availableMemoryBytes } from '../../node/machine.ts';
import { requireSpace } from '../../node/output.ts';
import { productVersion } from '../../node/product-version.ts';
import { readRun, writeRun } from '../../node/run-record.ts';
import type { Terminal } from '../../node/terminal.ts';
import { describeTable } from '../../report/description-table.ts';
import { writeReport } from '../../report/report.ts';
import type { BatchSetting } from '../data/batch-maker.ts';
import { type BatchSource, startBatches } from '../data/batches.ts';
import { type Dataset, loadDataset, meanGreyOf } from '../data/dataset.ts';
import { planGrid } from '../data/plan.ts';
import type { Engine } from '../engine/engine.ts';
import type { DeviceWish, EngineWish } from '../engine/engine-choice.ts';
import { chosenEngine, openEngine } from '../engine/engine-opening.ts';
import { writeBatchSamples } from './batch-samples.ts';
import { type Checkpoint, newestCheckpoint, type Progress } from './checkpoint.ts';
import { concludeRun } from './conclusion.ts';
import { watchInterrupt } from './interrupt.ts';
import { freshProgress, type StepReport, type TrainingOutcome, type TrainingSession, train } from './loop.ts';
import {
  dataText,
  outcomeText,
  type ProgressDisplay,
  progressDisplay,
  ratesText,
  tf32Text,
} from './progress-display.ts';
import {
  bytesOnDisk,
  holdsRun,
  lacksResults,
  requireFree,
  requireSameData,
  resumedConfig,
  runBytes,
} from './run-directory.ts';
import { takeRunLock } from './run-lock.ts';

export interface RunRequest {
  readonly config: TrainingConfig;
  /** Options that the person wrote; on --resume these must agree with the run's own. */
  readonly given: ReadonlySet<string>;
  readonly directory: string;
  readonly resume: boolean;
  readonly engine: EngineWish;
  readonly device: DeviceWish;
  readonly threads: number;
  readonly cacheMb?: number | undefined;
  readonly verbose: boolean;
  readonly terminal: Terminal;
  /** Told of each step besides the terminal. */
  readonly onlooker?: Pick<ProgressDisplay, 'stepped'>;
  /** Content fingerprint of the data that the run must see; without it a new run takes any. */
  readonly expectedContent?: string;
  /** How long to wait where another process holds the directory's lock, which is about to end. */
  readonly lockPatienceMs?: number;
  /** What a person types to resume the run, for messages; undefined where something else resumes it. */
  readonly resumeCommand?: string;
  /** Whether nothing else was done in this process, so that its peak memory is the run's. */
  readonly hasOwnProcess: boolean;
}

/**
 * Trains one run and writes its directory; with `resume`, a run that is there already is resumed. Errors:
 * `usage`, `output-unwritable`, `data-unusable`, `memory-insufficient` and `engine-unavailable` before
 * anything is written; `diverged`, `interrupted` and what else ends a run after the directory is in order.
 */
export async function trainRun(request: RunRequest): Promise<void> {
  const lock = await takeRunLock(request.directory, request.lockPatienceMs);
  try {
    await trainLocked(request);
  } finally {
    lock.release();
  }
}

async function trainLocked(request: RunRequest): Promise<void> {
  const { directory, terminal, threads } = request;
  if (!request.resume) requireFree(directory);
  const stored = holdsRun(directory) ? await readRun(directory) : undefined;
  const config = stored === undefined ? request.config : resumedConfig(stored, request.config, request.given);
  if (stored?.status === 'finished' && !lacksResults(directory)) {
    return terminal.line(`${oneLine(directory)} is finished.`);
  }
  const cacheBytes = request.cacheMb === undefined ? availableMemoryBytes() / 4 : request.cacheMb * 2 ** 20;
  await requireRoom(directory, configuredNetwork(config, fewestClasses));

  const dataset = await readData(config, cacheBytes, terminal);
  if (stored !== undefined) requireSameData(stored, dataset.labels, dataset.fingerprint);
  requireContent(dataset, request.expectedContent);
  const network = configuredNetwork(config, {
    classes: dataset.labels.length,
    meanGrey: meanGreyOf(dataset.train),
  });
  terminal.line(`\n${describeTable(network, config.batch)}`);
  requireMemory(network, config.batch, availableMemoryBytes());
  await requireRoom(directory, network);

  const choice = await chosenEngine(request);
  const engine = await openEngine(choice, network, { threads, batch: config.batch });
  try {
    const precision = engine.precision === 'tf32' ? ' in TensorFloat-32' : '';
    const engineText = `${engine.name} on ${engine.device}${precision} (${choice.why})`;
    terminal.line(`Engine: ${engineText}. Run directory: ${oneLine(directory)}\n`);
    const start = await startingPoint(directory, network, config, stored !== undefined, terminal);
    await engine.write(start.state);
    const run = runRecord(stored, config, dataset, engine, choice.why, start.progress.epochsDone);
    await trainWith({ engine, network, dataset, config, run, cacheBytes }, start.progress, request);
  } finally {
    await engine.dispose();
  }
}

/** Enough for an estimate before the data is read. */
const fewestClasses = { classes: 2, meanGrey: 0 };

/** Errors: `output-unwritable`. */
async function requireRoom(directory: string, network: Network): Promise<void> {
  await requireSpace(directory, runBytes(network).peak - (await bytesOnDisk(directory)));
}

interface ReadyRun {
  readonly engine: Engine;
  readonly network: Network;
  readonly dataset: Dataset;
  readonly config: TrainingConfig;
  readonly run: Run;
  readonly cacheBytes: number;
}

/** From here on there is a directory to leave in order. */
async function trainWith(ready: ReadyRun, progress: Progress, request: RunRequest): Promise<void> {
  const { engine, network, dataset, config, run, cacheBytes } = ready;
  const { directory, terminal, threads } = request;
  const setting: BatchSetting = { ...dataset, ...config, cacheBytes };
  const interrupt = watchInterrupt(terminal);
  let end: RunOutcome;
  try {
    await writeRun(directory, run);
    await writeMetrics(directory, progress.history);
    if (run.stretches.length === 1) await writeBatchSamples(directory, dataset.labels, setting);
    // Cached pixels are cut faster than any engine learns; decoding is shared out.
    const batches = startBatches(setting, dataset.pixels === undefined ? Math.max(2, threads) : 1);
    try {
      const session: TrainingSession = {
        config,
        network,
        engine,
        batches,
        directory,
        validationPatches: planGrid(dataset.validation, config.patchPx).length,
        stopRequested: interrupt.requested,
        watcher: watcherOf(request, config, batches),
      };
      end = await endRun(session, run, dataset, await train(session, progress), request);
    } finally {
      await batches.close();
    }
  } catch (error) {
    throw await recordedFailure(error, run, request);
  } finally {
    interrupt.release();
  }
  if (end.code !== undefined) throw new TexturaError(end.code, end.text);
  terminal.line(end.text);
}

/** Writes down that the run failed, and gives the error to throw, which says how to resume it. */
async function recordedFailure(error: unknown, run: Run, request: RunRequest): Promise<unknown> {
  const { directory, resumeCommand } = request;
  const code = error instanceof TexturaError ? error.code : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  const endedAt = new Date().toISOString();
  // On a full disk there may be no room for this either; the error itself matters more.
  await writeRun(directory, { ...run, status: 'failed', failure: { code, message }, endedAt }).catch(
    () => {},
  );
  if (!(error instanceof TexturaError) || resumeCommand === undefined) return error;
  const hint = `The last checkpoint is kept. When this is repaired, resume with: ${resumeCommand}`;
  return new TexturaError(code, `${message}\n${hint}`, { cause: error });
}

async function readData(config: TrainingConfig, cacheBytes: number, terminal: Terminal): Promise<Dataset> {
  const onProgress = (done: number, total: number) => terminal.status(`reading images ${done}/${total}`);
  const dataset = await loadDataset({ ...config, cacheBytes, onProgress });
  terminal.line(dataText(dataset));
  if (dataset.pixels === undefined)
    terminal.line('  Images are decoded as they are needed: they do not fit into --cache-mb.');
  return dataset;
}

/** Errors: `data-unusable` where the data is not what was expected. */
function requireContent({ source, contentFingerprint }: Dataset, expected: string | undefined): void {
  if (expected === undefined || contentFingerprint === expected) return;
  throw new TexturaError(
    'data-unusable',
    `${source}: not the data that the study began with (fingerprint ${contentFingerprint.slice(0, 12)}, expected ${expected.slice(0, 12)})`,
  );
}

/**
 * The paper's authors ran out of memory in the middle; this says so before.
 * Errors: `memory-insufficient`, naming the largest batch that fits, where one does.
 */
export function requireMemory(network: Network, batch: number, availableBytes: number): void {
  const needed = trainingStepBytes(network, batch);
  if (needed <= availableBytes) return;
  let fitting = batch - 1;
  while (fitting > 0 && trainingStepBytes(network, fitting) > availableBytes) fitting--;
  throw new TexturaError(
    'memory-insufficient',
    `a training step of ${network.name} with --batch ${batch} needs about ${mebibytes(needed)} MiB, ` +
      `${mebibytes(availableBytes)} MiB are free; ` +
      (fitting > 0 ? `--batch ${fitting} should fit` : 'no batch is small enough'),
  );
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** The newest whole checkpoint of a resumed run; else fresh values from the seed. */
async function startingPoint(
  directory: string,
  network: Network,
  config: TrainingConfig,
  resumes: boolean,
  terminal: Terminal,
): Promise<Checkpoint> {
  const found = resumes ? await newestCheckpoint(directory, network) : undefined;
  for (const damage of found?.damage ?? []) terminal.line(`Resuming from the previous checkpoint: ${damage}`);
  return (
    found?.checkpoint ?? {
      progress: freshProgress,
      state: { parameters: initialParameters(network, config.seed), momentum: zeroParameters(network) },
    }
  );
}

function runRecord(
  stored: Run | undefined,
  config: TrainingConfig,
  dataset: Dataset,
  engine: Engine,
  why: string,
  fromEpoch: number,
): Run {
  const startedAt = new Date().toISOString();
  const { name, device, precision, versions: engineVersions } = engine;
  const versions = { node: process.versions.node, ...engineVersions };
  return {
    textura: productVersion(),
    config,
    labels: [...dataset.labels],
    data: {
      source: dataset.source,
      fingerprint: dataset.fingerprint,
      trainImages: dataset.train.length,
      validationImages: dataset.validation.length,
      skippedFiles: dataset.skipped.length,
      skipped: [...dataset.skipped],
      notes: [...dataset.notes],
      meanGrey: meanGreyOf(dataset.train),
    },
    status: 'running',
    stretches: [
      ...(stored?.stretches ?? []),
      { engine: name, device, precision, why, startedAt, fromEpoch, versions },
    ],
    startedAt: stored?.startedAt ?? startedAt,
  };
}

function watcherOf(
  { terminal, directory, verbose, onlooker }: RunRequest,
  config: TrainingConfig,
  batches: BatchSource,
) {
  const display = progressDisplay(terminal, config.epochs);
  return {
    stepped(step: StepReport) {
      display.stepped(step);
      onlooker?.stepped(step);
    },
    async epochEnded(history: Parameters<typeof metricsToCsv>[0]) {
      display.epochEnded(history);
      if (verbose) terminal.line(ratesText(batches.times));
      await writeMetrics(directory, history);
    },
  };
}

/**
 * metrics.csv and balanced-error.csv follow the checkpoint, which holds all rows: after a crash they are
 * rewritten from there.
 */
async function writeMetrics(directory: string, history: Parameters<typeof metricsToCsv>[0]): Promise<void> {
  await writeFileAtomically(join(directory, runFiles.metrics), metricsToCsv(history));
  await writeFileAtomically(join(directory, runFiles.balancedErrors), balancedErrorsToCsv(history));
}

/** How a run ended and what to print; with a code where the command does not end well. */
interface RunOutcome {
  readonly code?: 'interrupted' | 'diverged';
  readonly text: string;
}

/** Writes what a run that trained to its end, diverged or was stopped leaves behind. */
async function endRun(
  session: TrainingSession,
  run: Run,
  dataset: Dataset,
  outcome: TrainingOutcome,
  { terminal, hasOwnProcess }: RunRequest,
): Promise<RunOutcome> {
  const { directory } = session;
  const endedAt = new Date().toISOString();
  if (outcome.status === 'stopped') {
    await writeRun(directory, { ...run, status: 'stopped', endedAt });
    return { code: 'interrupted', text: outcomeText(outcome, directory, undefined, run.labels.length) };
  }
  const conclusion = await concludeRun(session, dataset.labels, dataset.validation);
  for (const damage of conclusion?.damage ?? [])
    terminal.line(`Keeping the values of the newest whole checkpoint: ${damage}`);
  if (conclusion?.tf32Difference !== undefined) terminal.line(tf32Text(conclusion.tf32Difference));
  const best = conclusion && { best: conclusion.best };
  const divergedAtEpoch = outcome.status === 'diverged' ? { divergedAtEpoch: outcome.epoch } : {};
  const memory = hasOwnProcess ? { peakMemoryBytes: process.resourceUsage().maxRSS * 1024 } : {};
  const { status } = outcome;
  await writeRun(directory, { ...run, ...best, ...divergedAtEpoch, ...memory, status, endedAt });
  await writeReport(directory);
  const text = outcomeText(outcome, directory, conclusion?.best, run.labels.length);
  return outcome.status === 'diverged' ? { code: 'diverged', text } : { text };
}
