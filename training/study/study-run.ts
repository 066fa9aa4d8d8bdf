/** A study from its plan to its report: the main path of `npm run ablate`, read from top to bottom. */
import { join } from 'node:path';
import { errorCodes, TexturaError, type TexturaErrorCode } from '../../model/error.ts';
import { type Study, type StudyFailure, studyFiles } from '../../model/study-file.ts';
import { counted, oneLine } from '../../model/words.ts';
import { availableMemoryBytes, usableCores } from '../../node/machine.ts';
import { npmRun } from '../../node/shell.ts';
import { writeStudy } from '../../node/study-record.ts';
import { durationText, type Terminal } from '../../node/terminal.ts';
import { loadDataset } from '../data/dataset.ts';
import { planGrid } from '../data/plan.ts';
import type { DeviceWish, EngineWish } from '../engine-choice.ts';
import { chosenEngine } from '../engine-opening.ts';
import { onInterrupt } from '../interrupt.ts';
import { dataText } from '../progress-display.ts';
import { type RunsUnderWay, startLocalRuns } from './local-runs.ts';
import type { QueuedSetting } from './queue/queued-runs.ts';
import { writeStudyReport } from './report/study-report.ts';
import type { Computing, RunEnd } from './run-message.ts';
import { isDone, type StudyRun, studyRunConfig, studyRunState, studyRuns } from './study-directory.ts';
import { planTable, studyDisplay } from './study-display.ts';
import { type ArmEstimate, estimateArms, type StudyCell, secondsLeft } from './study-estimate.ts';

export interface StudyRequest {
  readonly directory: string;
  /** As it will be written; its arms are made when the number of classes is known. */
  readonly studyOf: (classes: number) => Study;
  readonly engine: EngineWish;
  readonly device: DeviceWish;
  /** Of one run. */
  readonly threads?: number | undefined;
  /** Runs at a time. */
  readonly jobs?: number | undefined;
  readonly cacheMb?: number | undefined;
  /** Redis server whose workers train the runs; undefined trains them here. */
  readonly queue?: string | undefined;
  readonly dryRun: boolean;
  readonly terminal: Terminal;
}

/**
 * Trains what the study lacks and writes its report. Errors: `usage` and `data-unusable` before anything is written; `interrupted`,
 * `diverged` and the code of a failed run after all that can be has been trained and reported.
 */
export async function runStudy(request: StudyRequest): Promise<void> {
  const { directory, terminal } = request;
  const { study, classes, validationPatches } = await readStudyData(request);
  const cells = await cellsOf(directory, study);
  const left = cells.filter(({ state }) => !isDone(state)).map(({ run }) => run);
  terminal.line(planText(directory, study, cells.length, left.length));

  const measuring = computingOf(request, 1);
  const onArm = ({ name }: { readonly name: string }) => terminal.status(`measuring a step of ${name}`);
  const setting = { study, cells, classes, validationPatches, computing: measuring, onArm };
  const estimates = await estimateArms(setting);
  terminal.clear();
  const atOnce = await runsAtOnce(request, estimates, left.length);
  terminal.line(`\n${planTable(estimates)}\n\n${timeText(estimates, atOnce, request.queue)}\n`);
  if (request.dryRun) return;

  await writeStudy(directory, study);
  const fingerprints = request.queue === undefined ? new Map() : await fingerprintsOf(study, terminal);
  const plan = { estimates, atOnce, fingerprints };
  const { study: after, stopped } = await trainRuns(request, study, left, plan);
  await conclude(directory, after, stopped, terminal);
}

/** The data as the first seed splits it; each run reads it again, split by its own seed. */
async function readStudyData({ studyOf, terminal }: StudyRequest) {
  const { config, seeds } = studyOf(fewestClasses);
  const onProgress = (done: number, total: number) => terminal.status(`reading images ${done}/${total}`);
  const dataset = await loadDataset({ ...config, seed: seeds[0] ?? 1, cacheBytes: 0, onProgress });
  terminal.line(dataText(dataset));
  const classes = dataset.labels.length;
  const validationPatches = planGrid(dataset.validation, config.patchPx).length;
  return { study: studyOf(classes), classes, validationPatches };
}

const fewestClasses = 2;

async function cellsOf(directory: string, study: Study): Promise<readonly StudyCell[]> {
  return Promise.all(
    studyRuns(directory, study).map(async (run) => ({ run, state: await studyRunState(study, run) })),
  );
}

function planText(directory: string, { arms, seeds }: Study, total: number, left: number): string {
  const done = total === left ? '' : `, ${total - left} done`;
  const size = `${counted(arms.length, 'network')} x ${counted(seeds.length, 'seed')} = ${counted(total, 'run')}`;
  return `\nStudy ${oneLine(directory)}: ${size}${done}${seeds.length === 1 ? `\n${oneSeedText}` : ''}`;
}

const oneSeedText =
  'With one seed the report has differences, but no intervals, no p-values and no verdicts: another seed may differ as much.';

function timeText(estimates: readonly ArmEstimate[], atOnce: number, queue: string | undefined): string {
  const seconds = secondsLeft(estimates, atOnce);
  if (seconds === 0) return 'Nothing is left to train.';
  const here = atOnce === 1 ? 'one run at a time' : `${atOnce} runs at a time`;
  const manner = queue === undefined ? here : `one run at a time; the workers of ${queue} share it`;
  return seconds === undefined
    ? `The time is not known: not every network could be measured (${manner}).`
    : `About ${durationText(seconds)} in all, ${manner}.`;
}

/** As many as there are cores, as long as memory is enough for the largest; a GPU has one. */
async function runsAtOnce(
  { engine, device, jobs, queue }: StudyRequest,
  estimates: readonly ArmEstimate[],
  left: number,
): Promise<number> {
  if (queue !== undefined) return 1;
  if (jobs !== undefined) return jobs;
  if ((await chosenEngine({ engine, device })).device !== 'cpu') return 1;
  const largest = Math.max(
    0,
    ...estimates.filter(({ runsLeft }) => runsLeft > 0).map((arm) => arm.memoryBytes),
  );
  const fitting = Math.floor(availableMemoryBytes() / Math.max(1, largest));
  return Math.max(1, Math.min(usableCores(), fitting, left));
}

/** The cores are shared out; any number of threads computes the same bits. */
function computingOf({ engine, device, threads, cacheMb }: StudyRequest, atOnce: number): Computing {
  return {
    engine,
    device,
    threads: threads ?? Math.max(1, Math.floor(usableCores() / atOnce)),
    ...(cacheMb === undefined ? {} : { cacheMb }),
  };
}

interface TrainingPlan {
  readonly estimates: readonly ArmEstimate[];
  readonly atOnce: number;
  readonly fingerprints: ReadonlyMap<number, string>;
}

async function trainRuns(
  request: StudyRequest,
  study: Study,
  runs: readonly StudyRun[],
  { estimates, atOnce, fingerprints }: TrainingPlan,
): Promise<{ readonly study: Study; readonly stopped: boolean }> {
  const { directory, terminal, queue } = request;
  const total = study.arms.length * study.seeds.length;
  const display = studyDisplay(terminal, { total, done: total - runs.length, estimates, atOnce });
  let current = study;
  const manner = {
    configOf: (run: StudyRun) => studyRunConfig(study, run),
    onBegun: display.begun,
    onProgress: display.progressed,
    async onEnd(run: StudyRun, end: RunEnd) {
      const failure = await failureOf(directory, study, run, end);
      if (failure !== undefined) {
        current = { ...current, failures: { ...current.failures, [run.name]: failure } };
        await writeStudy(directory, current);
      }
      await display.ended(run, end);
    },
  };
  const underWay =
    queue === undefined
      ? startLocalRuns(runs, { ...manner, atOnce, computing: computingOf(request, atOnce) })
      : await queued(queue, runs, { ...manner, study, fingerprints });
  const release = onInterrupt(terminal, underWay.stop);
  const stopped = await underWay.ended;
  release();
  terminal.clear();
  return { study: current, stopped };
}

/** BullMQ is loaded where it is asked for alone. */
async function queued(
  url: string,
  runs: readonly StudyRun[],
  {
    fingerprints,
    ...setting
  }: Omit<QueuedSetting, 'url' | 'fingerprintOf'> & Pick<TrainingPlan, 'fingerprints'>,
): Promise<RunsUnderWay> {
  const { startQueuedRuns } = await import('./queue/queued-runs.ts');
  return startQueuedRuns(runs, {
    ...setting,
    url,
    fingerprintOf: ({ seed }) => fingerprints.get(seed) ?? '',
  });
}

/** Of the data as each seed splits it, which tells workers whether they have the same. */
async function fingerprintsOf(
  { config, seeds }: Study,
  terminal: Terminal,
): Promise<ReadonlyMap<number, string>> {
  const fingerprints = new Map<number, string>();
  for (const seed of seeds) {
    terminal.status(`reading the data as seed ${seed} splits it`);
    fingerprints.set(seed, (await loadDataset({ ...config, seed, cacheBytes: 0 })).fingerprint);
  }
  terminal.clear();
  return fingerprints;
}

/** What is wrong with a run that ended: its own failure, or data that is not what the others of its seed had. */
async function failureOf(
  directory: string,
  study: Study,
  run: StudyRun,
  end: RunEnd,
): Promise<StudyFailure | undefined> {
  if (end.kind === 'failed') return end.failure;
  if (end.kind === 'stopped') return undefined;
  const cells = await cellsOf(directory, { ...study, failures: {} });
  const fingerprints = new Set(
    cells.flatMap(({ run: { seed }, state }) =>
      seed === run.seed && 'run' in state ? [state.run.data.fingerprint] : [],
    ),
  );
  if (fingerprints.size <= 1) return undefined;
  const message = `the data changed since other runs of seed ${run.seed} were trained; begin a new study`;
  return { code: 'data-unusable', message };
}

/** Errors: see `runStudy`. */
async function conclude(
  directory: string,
  study: Study,
  stopped: boolean,
  terminal: Terminal,
): Promise<void> {
  await writeStudyReport(directory);
  const resume = npmRun('ablate', '--out', directory, '--resume');
  if (stopped) throw new TexturaError('interrupted', `stopped. Resume with: ${resume}`);
  terminal.line(
    `Report: ${oneLine(join(directory, studyFiles.report))}\nNext:   ${npmRun('export', '--study', directory)}`,
  );
  const failures = Object.entries(study.failures);
  if (failures.length > 0) {
    const list = failures.map(([name, { message }]) => `${name}: ${message}`).join('\n');
    const message = `${counted(failures.length, 'run')} failed; try again with: ${resume}\n${list}`;
    throw new TexturaError(knownCode(failures[0]?.[1].code), message);
  }
  const diverged = (await cellsOf(directory, study)).filter(({ state }) => state.status === 'diverged');
  if (diverged.length > 0) {
    const names = diverged.map(({ run }) => run.name).join(', ');
    throw new TexturaError('diverged', `diverged, which the report counts: ${names}`);
  }
}

function knownCode(code: string | undefined): TexturaErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code) ? (code as TexturaErrorCode) : 'internal';
}
