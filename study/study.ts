/** A study from its plan to its report: the main path of `npm run ablate`, from top to bottom. */
import { join } from 'node:path';
import { errorCodes, TexturaError, type TexturaErrorCode } from '../model/error.ts';
import { duration } from '../model/format.ts';
import { sumOf } from '../model/statistics/descriptive.ts';
import { type Study, type StudyData, studyFiles } from '../model/study-file.ts';
import { configuredNetwork } from '../model/training-config.ts';
import { counted, oneLine } from '../model/words.ts';
import { availableMemoryBytes, usableCores } from '../node/machine.ts';
import { queuePackages, requirePackages } from '../node/optional-packages.ts';
import { requireSpace } from '../node/output.ts';
import { writeStudy } from '../node/records.ts';
import { commandText } from '../node/shell.ts';
import { exitOnStopSignal, onInterrupt } from '../node/stop-signal.ts';
import type { Terminal } from '../node/terminal.ts';
import { requireOutsideData } from '../training/data/data-option.ts';
import { loadDataset } from '../training/data/dataset.ts';
import { validationGrid } from '../training/data/sampler.ts';
import type { RequestedDevice, RequestedEngine } from '../training/engine/engine-choice.ts';
import { chosenEngine } from '../training/engine/engine-opening.ts';
import { dataText } from '../training/run/progress-display.ts';
import { bytesOnDisk, runBytes } from '../training/run/run-directory.ts';
import { type Logger, loggerOf } from '../training/run/tensorboard.ts';
import { planTable, type StudyDisplay, studyDisplay } from './display.ts';
import { type ArmEstimate, estimateArms, secondsLeft } from './estimate.ts';
import { type ScheduledRuns, startLocalRuns } from './local-scheduler.ts';
import { newStudy, type StudyPlan, studyData } from './plan.ts';
import { shownAddress } from './queue/address.ts';
import type { QueueSchedule } from './queue/producer.ts';
import { writeStudyReport } from './report/study-report.ts';
import { powerText, seedDeviation } from './statistics/power.ts';
import {
  isDone,
  type RunWithState,
  type StudyRun,
  studyRunConfig,
  studyRuns,
  tuningRuns,
  withStates,
} from './study-directory.ts';
import type { Computing, RunEnd } from './trainer.ts';
import { withChosenRates } from './tuning.ts';

interface StudyRequest {
  readonly directory: string;
  readonly plan: StudyPlan;
  /** The study as it will be written. Errors: `usage` if a resumed study had other data. */
  readonly studyOf: (data: StudyData) => Study;
  readonly engine: RequestedEngine;
  readonly device: RequestedDevice;
  /** Of one run. */
  readonly threads?: number | undefined;
  /** Parallel runs. */
  readonly jobs?: number | undefined;
  readonly cacheMb?: number | undefined;
  readonly log?: Logger | undefined;
  /** Redis server whose workers train the runs; without it they are trained on this machine. */
  readonly queue?: string | undefined;
  readonly dryRun: boolean;
  readonly terminal: Terminal;
}

/**
 * Trains the missing runs of a study and writes its report. Errors: `usage` and `data-unusable` before
 * anything is written; `interrupted`, `diverged` and the code of a failed run after everything else is
 * trained and reported.
 */
export async function runStudy(request: StudyRequest): Promise<void> {
  const { directory, terminal } = request;
  await requireOutsideData(directory, request.plan.config.data, Object.values(studyFiles));
  if (!request.dryRun) await requireRoomForRuns(directory, newStudy(request.plan, unreadData));
  const { study, data, validationPatches, readSeconds } = await readStudyData(request);
  if (!request.dryRun) await requireRoomForRuns(directory, study);
  const classes = data.classes.length;
  const runs = await withStates(study, studyRuns(directory, study));
  const tuning = await withStates(study, tuningRuns(directory, study));
  terminal.line(planText(directory, study, runs, tuning));

  const all = [...tuning, ...runs];
  const left = leftOf(all).length;
  const choice = await chosenEngine(request);
  const reasons = new Set<string>();
  const estimates = await estimateArms({
    study,
    runs: all,
    classes,
    validationPatches,
    readSeconds,
    choice,
    threads: computingOf(request, 1).threads,
    onArm: ({ name }) => terminal.status(`measuring a step of ${name}`),
    onCpu: (reason) => reasons.add(reason),
  });
  terminal.clear();
  if (request.queue === undefined)
    for (const reason of reasons) terminal.line(`Training on the CPU: ${reason}`);
  const isOnCpu = choice.device === 'cpu' || reasons.size > 0;
  const parallelRuns = parallelRunsOf(request, estimates, left, isOnCpu);
  terminal.line(
    `\n${planTable(estimates, terminal.width)}\n\n${timeText(estimates, parallelRuns, request.queue)}\n`,
  );
  const networks = study.arms.length - 1;
  const planned = { seeds: study.seeds.length, networks, margin: study.marginPoints / 100 };
  const isTraining = left > 0 || request.dryRun;
  if (networks > 0 && isTraining) terminal.line(`${powerText(planned, seedDeviation(runs))}\n`);
  if (request.dryRun) return;

  await writeStudy(directory, study);
  const display = studyDisplay(terminal, {
    total: all.length,
    done: all.length - left,
    estimates,
    parallelRuns,
  });
  const plan = { parallelRuns, content: data.fingerprint, display };
  // Runs that have not begun are logged like those that have.
  const log =
    request.log ?? all.map(({ run }) => loggerOf(run.directory)).find((logger) => logger !== undefined);
  const release = exitOnStopSignal('ablate', () => stoppedText(directory));
  try {
    await trainStudy({ ...request, log }, study, tuning, plan);
  } finally {
    release();
  }
}

/** Tunes the rates, trains the missing runs and writes the report. */
async function trainStudy(
  request: StudyRequest,
  study: Study,
  tuning: readonly RunWithState[],
  plan: TrainingPlan,
): Promise<void> {
  const { directory, terminal } = request;
  const tuned = await tuneRates(request, study, tuning, plan);
  if (tuned.isEnd) return finalizeStudy(directory, tuned.study, tuned.stopped, terminal);
  const reported = await withStates(tuned.study, studyRuns(directory, tuned.study));
  const { study: after, stopped } = await trainRuns(request, tuned.study, reported, plan);
  await finalizeStudy(directory, after, stopped, terminal);
}

/**
 * Trains the missing tuning runs, and writes the study with the chosen rates. `isEnd` if it was stopped or a
 * run failed, so that a network has no rate yet.
 */
async function tuneRates(
  request: StudyRequest,
  study: Study,
  tuning: readonly RunWithState[],
  plan: TrainingPlan,
): Promise<{ readonly study: Study; readonly stopped: boolean; readonly isEnd: boolean }> {
  if (tuning.length === 0) return { study, stopped: false, isEnd: false };
  const { directory, terminal } = request;
  const { study: after, stopped } = await trainRuns(request, study, tuning, plan);
  const ended = await withStates(after, tuningRuns(directory, study));
  const tuned = withChosenRates(after, ended);
  await writeStudy(directory, tuned);
  const chosen = tuned.arms.filter(
    ({ name, learningRate }) => learningRate !== undefined && ended.some(({ run }) => run.arm.name === name),
  );
  for (const { name, learningRate } of chosen) terminal.line(`${name}: learning rate ${learningRate}`);
  const isEnd = stopped || tuned.arms.some(({ learningRate }) => learningRate === undefined);
  return { study: tuned, stopped, isEnd };
}

function leftOf(runs: readonly RunWithState[]): readonly StudyRun[] {
  return runs.filter(({ state }) => !isDone(state)).map(({ run }) => run);
}

/** The data as the first seed splits it; each run reads it again and splits it by its own seed. */
async function readStudyData({ plan, studyOf, terminal }: StudyRequest) {
  const { config, seeds } = plan;
  const onProgress = (done: number, total: number) => terminal.status(`reading images ${done}/${total}`);
  const startedAt = performance.now();
  const dataset = await loadDataset({ ...config, seed: seeds[0] ?? 1, cacheBytes: 0, onProgress });
  const readSeconds = (performance.now() - startedAt) / 1000;
  terminal.line(dataText(dataset));
  const data = studyData(dataset);
  const validationPatches = validationGrid(dataset.validation, config.patchPx).length;
  return { study: studyOf(data), data, validationPatches, readSeconds };
}

/** For an estimate before the data is read. */
const unreadData: StudyData = {
  fingerprint: '',
  classes: ['a', 'b'].map((label) => ({ label, images: 1 })),
};

/** Errors: `output-unwritable` if the disk has no room for the remaining runs. */
async function requireRoomForRuns(directory: string, study: Study): Promise<void> {
  const classes = study.data?.classes.length ?? unreadData.classes.length;
  const left = leftOf(
    await withStates(study, [...tuningRuns(directory, study), ...studyRuns(directory, study)]),
  );
  const sizes = left.map((run) =>
    runBytes(configuredNetwork(studyRunConfig(study, run), { classes, meanGrey: 0 })),
  );
  const onDisk = await Promise.all(left.map((run) => bytesOnDisk(run.directory)));
  const kept = sumOf(sizes.map((size) => size.kept));
  // Checkpoints of a finished run are removed.
  const training = Math.max(0, ...sizes.map((size) => size.peak - size.kept));
  await requireSpace(directory, kept + training - sumOf(onDisk));
}

function planText(
  directory: string,
  { arms, seeds }: Study,
  runs: readonly RunWithState[],
  tuning: readonly RunWithState[],
): string {
  const done = (all: readonly RunWithState[]) => {
    const count = all.length - leftOf(all).length;
    return count === 0 ? '' : `, ${count} done`;
  };
  const size = `${counted(arms.length, 'network')} x ${counted(seeds.length, 'seed')} = ${counted(runs.length, 'run')}${done(runs)}`;
  const first =
    tuning.length === 0
      ? ''
      : `\nFirst ${counted(tuning.length, 'run')} to choose the learning rates${done(tuning)}`;
  return `\nStudy ${oneLine(directory)}: ${size}${first}`;
}

function timeText(
  estimates: readonly ArmEstimate[],
  parallelRuns: number,
  queue: string | undefined,
): string {
  const seconds = secondsLeft(estimates, parallelRuns);
  if (seconds === 0) return 'Nothing is left to train.';
  const here = parallelRuns === 1 ? 'one run at a time' : `${parallelRuns} runs in parallel`;
  const mode =
    queue === undefined ? here : `one run at a time; divided by the workers of ${shownAddress(queue)}`;
  return seconds === undefined
    ? `The time is unknown: not every network could be measured (${mode}).`
    : `About ${duration(seconds)} in total, ${mode}.`;
}

/** As many as there are cores and as memory holds of the largest network; one on a GPU. */
function parallelRunsOf(
  { jobs, queue }: StudyRequest,
  estimates: readonly ArmEstimate[],
  left: number,
  isOnCpu: boolean,
): number {
  if (queue !== undefined) return 1;
  if (jobs !== undefined) return jobs;
  if (!isOnCpu) return 1;
  const largest = Math.max(
    0,
    ...estimates.filter(({ runsLeft }) => runsLeft > 0).map((arm) => arm.memoryBytes),
  );
  const fitting = Math.floor(availableMemoryBytes() / Math.max(1, largest));
  return Math.max(1, Math.min(usableCores(), fitting, left));
}

/** Divides the cores among the runs; the number of threads does not change the results. */
function computingOf(request: StudyRequest, parallelRuns: number): Computing {
  const { engine, device, threads, cacheMb, log } = request;
  return {
    engine,
    device,
    threads: threads ?? Math.max(1, Math.floor(usableCores() / parallelRuns)),
    ...(cacheMb === undefined ? {} : { cacheMb }),
    ...(log === undefined ? {} : { log }),
  };
}

interface TrainingPlan {
  readonly parallelRuns: number;
  /** Content fingerprint that the data must have. */
  readonly content: string;
  /** Of all runs, those that choose the learning rates among them. */
  readonly display: StudyDisplay;
}

async function trainRuns(
  request: StudyRequest,
  study: Study,
  all: readonly RunWithState[],
  { parallelRuns, content, display }: TrainingPlan,
): Promise<{ readonly study: Study; readonly stopped: boolean }> {
  const { directory, terminal, queue, log } = request;
  const runs = leftOf(all);
  let current = study;
  let recorded = Promise.resolve();
  async function record(run: StudyRun, end: RunEnd): Promise<void> {
    if (end.kind === 'failed') {
      current = { ...current, failures: { ...current.failures, [run.name]: end.failure } };
      await writeStudy(directory, current);
    }
    await display.ended(run, end);
  }
  const schedule = {
    configOf: (run: StudyRun) => studyRunConfig(study, run),
    content,
    onStart: display.started,
    onProgress: display.progressed,
    onEnd(run: StudyRun, end: RunEnd) {
      // One after another: two writers of study.json would disturb each other.
      recorded = recorded.then(() => record(run, end));
      return recorded;
    },
  };
  const active =
    queue === undefined
      ? startLocalRuns(runs, { ...schedule, parallelRuns, computing: computingOf(request, parallelRuns) })
      : await queued(queue, runs, { ...schedule, study, log, onLine: terminal.line });
  const release = onInterrupt(terminal, active.stop);
  try {
    const stopped = await active.ended;
    return { study: current, stopped };
  } finally {
    release();
    terminal.clear();
  }
}

/** Imports BullMQ only when it is needed. */
async function queued(
  url: string,
  runs: readonly StudyRun[],
  schedule: Omit<QueueSchedule, 'url'>,
): Promise<ScheduledRuns> {
  requirePackages(queuePackages, '--queue');
  const { startQueuedRuns } = await import('./queue/producer.ts');
  return startQueuedRuns(runs, { ...schedule, url });
}

function resumeText(directory: string): string {
  return commandText('ablate', '--out', directory, '--resume');
}

function stoppedText(directory: string): string {
  return `stopped. Resume with: ${resumeText(directory)}`;
}

/** Errors: see `runStudy`. */
async function finalizeStudy(
  directory: string,
  study: Study,
  stopped: boolean,
  terminal: Terminal,
): Promise<void> {
  await writeStudyReport(directory);
  if (stopped) throw new TexturaError('interrupted', stoppedText(directory));
  terminal.line(
    `Report: ${oneLine(join(directory, studyFiles.report))}\nNext:   ${commandText('export', '--study', directory)}`,
  );
  const failures = Object.entries(study.failures);
  if (failures.length > 0) {
    const list = failures.map(([name, { message }]) => `${name}: ${message}`).join('\n');
    const message = `${counted(failures.length, 'run')} failed; retry with: ${resumeText(directory)}\n${list}`;
    throw new TexturaError(knownCode(failures[0]?.[1].code), message);
  }
  const diverged = (await withStates(study, studyRuns(directory, study))).filter(
    ({ state }) => state.status === 'diverged',
  );
  if (diverged.length > 0) {
    const names = diverged.map(({ run }) => run.name).join(', ');
    throw new TexturaError('diverged', `these runs diverged, and the report counts them: ${names}`);
  }
}

function knownCode(code: string | undefined): TexturaErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code) ? (code as TexturaErrorCode) : 'internal';
}
