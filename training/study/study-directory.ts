/** The runs of a study on disk, and how far each of them is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Run, runFiles } from '../../model/run-file.ts';
import {
  type Study,
  type StudyArm,
  type StudyFailure,
  studyFiles,
  studyRunName,
} from '../../model/study-file.ts';
import { type TrainingConfig, trainingConfigSchema } from '../../model/training-config.ts';
import { readRun } from '../../node/run-record.ts';

/** Folder of studies, one directory each. */
export const studiesFolder = 'studies';

/** One cell of the study's table. */
export interface StudyRun {
  /** `ARM-sSEED`. */
  readonly name: string;
  readonly arm: StudyArm;
  readonly seed: number;
  readonly directory: string;
}

/** A run as it stands: not begun, as its run.json says, or failed without a result. */
export type StudyRunState =
  | { readonly status: 'missing' }
  | { readonly status: 'failed'; readonly failure: StudyFailure }
  | { readonly status: Run['status']; readonly run: Run };

export function holdsStudy(directory: string): boolean {
  return existsSync(join(directory, studyFiles.study));
}

/** All runs, seed after seed, so that a study that is under way has whole pairs to compare. */
export function studyRuns(directory: string, { arms, seeds }: Study): readonly StudyRun[] {
  return seeds.flatMap((seed) =>
    arms.map((arm) => {
      const name = studyRunName(arm, seed);
      return { name, arm, seed, directory: join(directory, studyFiles.runs, name) };
    }),
  );
}

/** The whole configuration of a run of the study. */
export function studyRunConfig({ config }: Study, { arm, seed }: StudyRun): TrainingConfig {
  return trainingConfigSchema.parse({ ...config, variant: arm.variant, width: arm.width, seed });
}

export async function studyRunState(
  { failures }: Pick<Study, 'failures'>,
  run: StudyRun,
): Promise<StudyRunState> {
  const failure = failures[run.name];
  if (failure !== undefined) return { status: 'failed', failure };
  if (!existsSync(join(run.directory, runFiles.run))) return { status: 'missing' };
  const record = await readRun(run.directory);
  return { status: record.status, run: record };
}

/** Whether there is nothing left to train: a run that diverged has its result. */
export function isDone({ status }: StudyRunState): boolean {
  return status === 'finished' || status === 'diverged';
}
