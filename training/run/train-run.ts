/**
 * One training run, from its data to its report: the main path of training, in the order in which it happens.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { trainingStepBytes } from '../../model/description.ts';
import { faultOf, TexturaError } from '../../model/error.ts';
import { bytes } from '../../model/format.ts';
import { balancedErrorsToCsv, type MetricsRow, metricsToCsv } from '../../model/metrics.ts';
import type { Network } from '../../model/network.ts';
import { patchBytes } from '../../model/patch.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { configuredNetwork, type TrainingConfig } from '../../model/training-config.ts';
import { oneLine } from '../../model/words.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { takeFolderLock } from '../../node/folder-lock.ts';
import { availableMemoryBytes } from '../../node/machine.ts';
import { productVersion } from '../../node/product-version.ts';
import { readRun, writeRun } from '../../node/records.ts';
import { exitOnStopSignal, onInterrupt } from '../../node/stop-signal.ts';
import type { Terminal } from '../../node/terminal.ts';
import { confusionCsvFile } from '../../report/confusion.ts';
import { describeTable } from '../../report/description-table.ts';
import { samplesFile, writeSamples } from '../../report/samples.ts';
import { collator, type LoaderSettings } from '../data/collate.ts';
import { type DataLoader, loaderWorkers, startDataLoader } from '../data/data-loader.ts';
import { requireOutsideData } from '../data/data-option.ts';
import { type Dataset, loadDataset } from '../data/dataset.ts';
import { meanGreyOf } from '../data/dataset-image.ts';
import { pixelReader } from '../data/pixels.ts';
import { validationGrid } from '../data/sampler.ts';
import { validationHalves } from '../data/split.ts';
import type { Engine } from '../engine/engine.ts';
import type { RequestedDevice, RequestedEngine } from '../engine/engine-choice.ts';
import { chosenEngine, openEngine } from '../engine/engine-opening.ts';
import { hasCheckpoint, type Progress } from './checkpoint.ts';
import { type FinalMessage, finalizeRun } from './finalize.ts';
import { type TrainingObserver, train } from './loop.ts';
import { dataText, type ProgressDisplay, progressDisplay, ratesText } from './progress-display.ts';
import {
  holdsRun,
  lacksResults,
  requireFree,
  requireRoom,
  requireSameData,
  resumedConfig,
} from './run-directory.ts';
import {
  fewestClasses,
  modelToStartFrom,
  requireSameInit,
  type Start,
  startingPoint,
} from './starting-point.ts';
import { type Logger, loggerOf, writeTensorboard } from './tensorboard.ts';

export interface RunRequest {
  readonly config: TrainingConfig;
  /** Options given on the command line. With --resume, they must agree with the stored ones. */
  readonly given: ReadonlySet<string>;
  readonly directory: string;
  /** Run directory or exported file whose parameters a new run starts from. */
  readonly init?: string | undefined;
  /** Of the folds that have begun, the record of the first: a new fold starts from the same model. */
  readonly firstFold?: Pick<Run, 'init'> | undefined;
  readonly resume: boolean;
  readonly engine: RequestedEngine;
  readonly device: RequestedDevice;
  readonly threads: number;
  readonly cacheMb?: number | undefined;
  readonly verbose: boolean;
  /** Whether to leave out the table of layers: earlier folds have shown it. */
  readonly hidesLayers?: boolean;
  readonly terminal: Terminal;
  /** Called after each step. */
  readonly observer?: Pick<TrainingObserver, 'stepped'>;
  /** Also writes an event file for TensorBoard. A resumed run that has one continues it. */
  readonly log?: Logger | undefined;
  /** Content fingerprint that the data must have; without it, a new run accepts any data. */
  readonly expectedContent?: string;
  /** How long to wait for another process to release the lock of the directory. */
  readonly lockPatienceMs?: number;
  /** The command that resumes the run, for messages. */
  readonly resumeCommand?: string;
  /** Whether the process does nothing else, so that its peak memory is the run's. */
  readonly hasOwnProcess: boolean;
}

/** How a run returned that did not fail. */
export interface RunReturn {
  /** Whether a stop signal came when there was nothing left to stop, so that the caller starts no other run. */
  readonly isStopRequested: boolean;
}

/**
 * Trains one run and writes its directory. With `resume`, continues an existing run.
 * Errors: `usage`, `output-unwritable`, `data-unusable`, `memory-insufficient` and `engine-unavailable`
 * before anything is written; `diverged`, `interrupted` and all others after run.json is written.
 */
export async function trainRun(request: RunRequest): Promise<RunReturn> {
  const { directory, resumeCommand } = request;
  const lock = await takeFolderLock(directory, request.lockPatienceMs);
  // While the run reads its data and opens its engine.
  const release = exitOnStopSignal('train', () =>
    resumeCommand !== undefined && holdsRun(directory) ? `stopped. Resume with: ${resumeCommand}` : undefined,
  );
  try {
    return await trainLocked(request);
  } finally {
    release();
    lock.release();
  }
}

async function trainLocked(request: RunRequest): Promise<RunReturn> {
  const { directory, terminal, threads } = request;
  if (!request.resume) requireFree(directory);
  const stored = holdsRun(directory) ? await readRun(directory) : undefined;
  const config = stored === undefined ? request.config : resumedConfig(stored, request.config, request.given);
  const before = stored ?? request.firstFold;
  requireSameInit(request.init, before);
  if (stored?.status === 'finished' && !lacksResults(directory)) {
    terminal.line(`${oneLine(directory)} is already finished.`);
    return { isStopRequested: false };
  }
  const isBegun = stored !== undefined && hasCheckpoint(directory);
  const model = isBegun ? undefined : await modelToStartFrom(request.init, before, config);
  const cacheBytes = request.cacheMb === undefined ? availableMemoryBytes() / 4 : request.cacheMb * 2 ** 20;
  await requireOutsideData(directory, config.data, [...Object.values(runFiles), confusionCsvFile]);
  await requireRoom(directory, configuredNetwork(config, fewestClasses));

  const dataset = await readData(config, cacheBytes, terminal);
  if (stored !== undefined) requireSameData(stored, dataset.labels, dataset.fingerprint);
  requireContent(dataset, request.expectedContent);
  const network = configuredNetwork(config, {
    classes: dataset.labels.length,
    meanGrey: meanGreyOf(dataset.train),
  });
  if (!request.hidesLayers) terminal.line(`\n${describeTable(network, config.batch, terminal.width)}`);
  requireMemory(network, config.batch, availableMemoryBytes());
  await requireRoom(directory, network);

  const choice = await chosenEngine(request, stored?.stretches.at(-1));
  let { why } = choice;
  const engine = await openEngine(choice, network, { threads, batch: config.batch }, (reason) => {
    why = reason;
  });
  try {
    const precision = engine.precision === 'tf32' ? ' in TensorFloat-32' : '';
    const engineText = `${engine.name} on ${engine.device}${precision} (${why})`;
    terminal.line(`Engine: ${engineText}. Run directory: ${oneLine(directory)}\n`);
    const loaderSettings = loaderSettingsOf(dataset, config, cacheBytes);
    const { labels } = dataset;
    const start = await startingPoint(model, {
      ...{ directory, engine, network, config, stored, labels, loaderSettings, terminal },
      data: dataset,
    });
    await engine.write(start.state);
    const run = runRecord({ stored, config, dataset, engine, why, start });
    const prepared = { engine, network, dataset, config, run, loaderSettings };
    return await trainPrepared(prepared, start.progress, request);
  } finally {
    await engine.dispose();
  }
}

interface PreparedRun {
  readonly engine: Engine;
  readonly network: Network;
  readonly dataset: Dataset;
  readonly config: TrainingConfig;
  readonly run: Run;
  readonly loaderSettings: LoaderSettings;
}

/** Trains, and leaves the directory complete and resumable however the run ends. */
async function trainPrepared(
  prepared: PreparedRun,
  progress: Progress,
  request: RunRequest,
): Promise<RunReturn> {
  const { engine, network, dataset, config, run, loaderSettings } = prepared;
  const { directory, terminal, threads, resumeCommand, hasOwnProcess } = request;
  const { validation, choosing } = validationOrder(dataset, config);
  let stopRequested = false;
  const releaseSignals = onInterrupt(terminal, () => {
    stopRequested = true;
  });
  let end: FinalMessage;
  try {
    await writeRun(directory, run);
    const log = request.log ?? loggerOf(directory);
    const writeRows = async (rows: readonly MetricsRow[]) => {
      await writeMetrics(directory, rows);
      if (log !== undefined) await writeTensorboard(directory, run, rows);
    };
    await writeRows(progress.history);
    if (!existsSync(join(directory, samplesFile)))
      await writeBatchSamples(directory, dataset.labels, loaderSettings);
    const workers = loaderWorkers(dataset, engine, threads);
    const loader = startDataLoader(loaderSettings, workers, 2 * engine.stepsAtOnce);
    const progressed = { epochs: config.epochs, classes: dataset.labels.length, device: engine.device };
    const display = progressDisplay(terminal, progressed);
    try {
      const session = {
        config,
        network,
        engine,
        loader,
        grid: validationGrid(validation, config.patchPx),
        ...(choosing && { choosingPatches: validationGrid(choosing, config.patchPx).length }),
        directory,
        observer: observerOf(request, display, loader, writeRows),
        stopRequested: () => stopRequested,
      };
      const outcome = await train(session, progress);
      const images = { training: dataset.train, validation };
      const options = { ...images, terminal, threads, resumeCommand, hasOwnProcess };
      end = await finalizeRun(session, run, outcome, options);
    } finally {
      await loader.close();
    }
  } catch (error) {
    throw await recordedFailure(error, run, request);
  } finally {
    releaseSignals();
  }
  if (end.code !== undefined) throw new TexturaError(end.code, end.text);
  terminal.line(end.text);
  return { isStopRequested: stopRequested };
}

function loaderSettingsOf(dataset: Dataset, config: TrainingConfig, cacheBytes: number): LoaderSettings {
  return {
    train: dataset.train,
    validation: validationOrder(dataset, config).validation,
    pixels: dataset.pixels,
    cacheBytes,
    maxImagePixels: config.maxImagePixels,
    patchesPerEpoch: config.patchesPerEpoch,
    patchPx: config.patchPx,
    augment: config.augment,
    seed: config.seed,
  };
}

/**
 * The validation images in the order of the grid. With `--choose-on half`, those that choose the epoch come
 * first.
 */
function validationOrder({ source, validation }: Dataset, { chooseOn, seed }: TrainingConfig) {
  if (chooseOn === 'all') return { validation };
  const { choosing, reporting } = validationHalves(source, validation, seed);
  return { validation: [...choosing, ...reporting], choosing };
}

/** Records the failure in run.json, and returns the error to throw, with the command that resumes the run. */
async function recordedFailure(error: unknown, run: Run, request: RunRequest): Promise<unknown> {
  const { directory, resumeCommand } = request;
  const failure = faultOf(error);
  const endedAt = new Date().toISOString();
  // This write may fail too, e.g. on a full disk; the original error matters more.
  await writeRun(directory, { ...run, status: 'failed', failure, endedAt }).catch(() => {});
  // An internal error is reported with its own stack trace.
  if (failure.code === 'internal' || resumeCommand === undefined) return error;
  const hint = `The last checkpoint is kept. Fix the problem, then resume with: ${resumeCommand}`;
  return new TexturaError(failure.code, `${failure.message}\n${hint}`, { cause: error });
}

async function readData(config: TrainingConfig, cacheBytes: number, terminal: Terminal): Promise<Dataset> {
  const onProgress = (done: number, total: number) => terminal.status(`reading images ${done}/${total}`);
  const { data, patchPx, seed, validationShare, maxImagePixels, fold, folds, group } = config;
  const held = fold !== undefined && folds !== undefined ? { heldOutFold: { fold, folds } } : {};
  const settings = { data, patchPx, seed, validationShare, maxImagePixels, group, ...held };
  const dataset = await loadDataset({ ...settings, cacheBytes, onProgress });
  terminal.line(dataText(dataset));
  if (dataset.pixels === undefined)
    terminal.line('  Images are decoded on demand, because they do not fit into --cache-mb.');
  return dataset;
}

/** Errors: `data-unusable` if the data has another fingerprint. */
function requireContent({ source, contentFingerprint }: Dataset, expected: string | undefined): void {
  if (expected === undefined || contentFingerprint === expected) return;
  throw new TexturaError(
    'data-unusable',
    `${source}: the data has changed since the study began ` +
      `(expected fingerprint ${expected.slice(0, 12)}, got ${contentFingerprint.slice(0, 12)})`,
  );
}

/**
 * Checks that a training step fits into memory before the run starts.
 * Errors: `memory-insufficient`, with the largest batch that fits, if there is one.
 */
export function requireMemory(network: Network, batch: number, availableBytes: number): void {
  const needed = trainingStepBytes(network, batch);
  if (needed <= availableBytes) return;
  let fitting = batch - 1;
  while (fitting > 0 && trainingStepBytes(network, fitting) > availableBytes) fitting--;
  throw new TexturaError(
    'memory-insufficient',
    `a training step of ${network.name} with --batch ${batch} needs about ${bytes(needed)}, ` +
      `but only ${bytes(availableBytes)} are free; ` +
      (fitting > 0 ? `--batch ${fitting} should fit` : 'no batch is small enough'),
  );
}

interface RunParts {
  /** The record of the interrupted run that this one resumes. */
  readonly stored: Run | undefined;
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  readonly engine: Engine;
  /** Why this engine was chosen. */
  readonly why: string;
  readonly start: Start;
}

function runRecord({ stored, config, dataset, engine, why, start }: RunParts): Run {
  const { progress, init } = start;
  const startedAt = new Date().toISOString();
  const { choosing } = validationOrder(dataset, config);
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
      ...(dataset.groups === undefined ? {} : { groups: dataset.groups }),
      ...(choosing && { choosingImages: choosing.length }),
      skippedFiles: dataset.skipped.length,
      skipped: [...dataset.skipped],
      notes: [...dataset.notes],
      meanGrey: meanGreyOf(dataset.train),
    },
    ...(init && { init }),
    status: 'running',
    stretches: [
      ...(stored?.stretches ?? []),
      { engine: name, device, precision, why, startedAt, fromEpoch: progress.epochsDone, versions },
    ],
    startedAt: stored?.startedAt ?? startedAt,
  };
}

function observerOf(
  { terminal, verbose, observer }: RunRequest,
  display: ProgressDisplay,
  loader: DataLoader,
  writeRows: (rows: readonly MetricsRow[]) => Promise<void>,
): TrainingObserver {
  return {
    stepped(step) {
      display.stepped(step);
      observer?.stepped(step);
    },
    async epochEnded(history) {
      display.epochEnded(history);
      if (verbose) terminal.line(ratesText(loader.times));
      await writeRows(history);
    },
  };
}

/**
 * Rewrites metrics.csv and balanced-error.csv from the checkpoint, which has all rows, so that a crash loses
 * none.
 */
async function writeMetrics(directory: string, history: readonly MetricsRow[]): Promise<void> {
  await writeFileAtomically(join(directory, runFiles.metrics), metricsToCsv(history));
  await writeFileAtomically(join(directory, runFiles.balancedErrors), balancedErrorsToCsv(history));
}

const sampleCount = 24;

/** samples.png: the first patches of the first epoch, before and after augmentation. */
async function writeBatchSamples(
  directory: string,
  labels: readonly string[],
  settings: LoaderSettings,
): Promise<void> {
  const count = Math.min(sampleCount, settings.patchesPerEpoch);
  const request = { split: 'train', epoch: 1, start: 0, count } as const;
  const before = await collator({ ...settings, augment: 'none' })(request);
  const after = await collator(settings)(request);
  const patchOf = (patches: Uint8Array, i: number) => patches.slice(i * patchBytes, (i + 1) * patchBytes);
  const { train: images, pixels, cacheBytes, maxImagePixels } = settings;
  const image = await pixelReader({ images, pixels, cacheBytes, maxImagePixels })(0, (grey) => grey);
  await writeSamples(directory, {
    heading: `Augmentation: ${settings.augment}`,
    samples: Array.from(before.labels, (label, i) => ({
      label: labels[label] ?? '',
      before: patchOf(before.patches, i),
      after: patchOf(after.patches, i),
    })),
    image,
    imageName: images[0]?.name ?? '',
  });
}
