/** The directory of a study: its runs and their states. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { type Run, type RunFailure, runFiles } from '../model/run-file.ts';
import { type Study, type StudyArm, studyFiles, studyRunName, tuningRunName } from '../model/study-file.ts';
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { readRun, readStudy } from '../node/records.ts';
import { freeDirectory } from '../training/run/run-directory.ts';

/** Folder of studies, one directory each. */
export const studiesFolder = 'studies';

export interface StudyRun {
  /** `ARM-sSEED`, or `ARM-rate-RATE-sSEED` for a run that chooses the learning rate. */
  readonly name: string;
  readonly arm: StudyArm;
  readonly seed: number;
  readonly directory: string;
}

/** The state of a run: not started, as in its run.json, or failed without a result. */
export type StudyRunState =
  | { readonly status: 'missing' }
  | { readonly status: 'failed'; readonly failure: RunFailure }
  | { readonly status: Exclude<Run['status'], 'failed'>; readonly run: Run };

/** The newest study in studies/; undefined if there is none. Skips damaged ones. */
export async function newestStudy(): Promise<string | undefined> {
  const names = await readdir(studiesFolder).catch(() => []);
  let newest: { readonly directory: string; readonly startedAt: string } | undefined;
  for (const directory of names.map((name) => join(studiesFolder, name)).filter(holdsStudy)) {
    const startedAt = (await readStudy(directory).catch(() => undefined))?.startedAt ?? '';
    if (startedAt > (newest?.startedAt ?? '')) newest = { directory, startedAt };
  }
  return newest?.directory;
}

export function freeStudyDirectory(): string {
  return freeDirectory(studiesFolder, 'ablation');
}

export function holdsStudy(directory: string): boolean {
  return existsSync(join(directory, studyFiles.study));
}

/** All runs, seed by seed, so that an unfinished study has complete pairs to compare. */
export function studyRuns(directory: string, { arms, seeds }: Study): readonly StudyRun[] {
  return seeds.flatMap((seed) =>
    arms.map((arm) => {
      const name = studyRunName(arm, seed);
      return { name, arm, seed, directory: join(directory, studyFiles.runs, name) };
    }),
  );
}

/** The runs that choose the learning rates of arms that have none yet; empty without tuning. */
export function tuningRuns(directory: string, { arms, tuning }: Study): readonly StudyRun[] {
  if (tuning === undefined) return [];
  const undecided = arms.filter(({ learningRate }) => learningRate === undefined);
  return tuning.seeds.flatMap((seed) =>
    undecided.flatMap((plain) =>
      tuning.rates.map((learningRate) => {
        const arm = { ...plain, learningRate };
        const name = tuningRunName(arm, seed);
        return { name, arm, seed, directory: join(directory, studyFiles.tuning, name) };
      }),
    ),
  );
}

/** The full configuration of a run. */
export function studyRunConfig({ config }: Study, { arm, seed }: StudyRun): TrainingConfig {
  const { variant, width, learningRate = config.learningRate, augment = config.augment } = arm;
  return trainingConfigSchema.parse({ ...config, variant, width, learningRate, augment, seed });
}

export interface RunWithState {
  readonly run: StudyRun;
  readonly state: StudyRunState;
}

export async function withStates(study: Study, runs: readonly StudyRun[]): Promise<readonly RunWithState[]> {
  return Promise.all(runs.map(async (run) => ({ run, state: await studyRunState(study, run) })));
}

export async function studyRunState(
  { failures }: Pick<Study, 'failures'>,
  run: StudyRun,
): Promise<StudyRunState> {
  const failure = failures[run.name];
  if (failure !== undefined) return { status: 'failed', failure };
  if (!existsSync(join(run.directory, runFiles.run))) return { status: 'missing' };
  try {
    const record = await readRun(run.directory);
    const { status } = record;
    if (status === 'failed')
      return { status, failure: record.failure ?? { code: 'internal', message: 'unknown' } };
    return { status, run: record };
  } catch (error) {
    return failedState(error);
  }
}

/** A run with a damaged file has failed, so that it does not stop the others. */
export function failedState(error: unknown): Extract<StudyRunState, { readonly status: 'failed' }> {
  if (!(error instanceof TexturaError)) throw error;
  return { status: 'failed', failure: { code: error.code, message: error.message } };
}

/** Whether nothing is left to train: a diverged run has its result. */
export function isDone({ status }: StudyRunState): boolean {
  return status === 'finished' || status === 'diverged';
}
