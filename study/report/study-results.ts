/** What a study's report is made from: the files of the study and of its runs, read once, and the statistics of them. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describeLayers, totalsOf } from '../../model/description.ts';
import { networkOf } from '../../model/network.ts';
import { runFiles } from '../../model/run-file.ts';
import { type Study, type StudyArm, studyFiles } from '../../model/study-file.ts';
import { type ValidatedImage, validationFromCsv } from '../../model/validation-file.ts';
import { readStudy } from '../../node/study-record.ts';
import { type RunResults, readIfThere, readRunResults } from '../../report/run-directory.ts';
import type { PhotographError, RunErrors } from '../statistics/sample.ts';
import { type ArmErrors, type ArmStatistics, studyStatistics } from '../statistics/study-statistics.ts';
import { type StudyRun, studyRunState, studyRuns } from '../study-directory.ts';
import { type Outcome, outcomeOf } from './outcome.ts';

export interface StudyResults {
  /** The directory's own name. */
  readonly name: string;
  readonly study: Study;
  /** In output order of the networks; undefined where no run was begun. */
  readonly labels: readonly string[] | undefined;
  /** In the study's order, the reference first. */
  readonly arms: readonly ArmResults[];
}

export interface ArmResults {
  readonly arm: StudyArm;
  /** One for each seed of the study. */
  readonly runs: readonly StudyRunResults[];
  /** Undefined where no run has a result. */
  readonly statistics: ArmStatistics | undefined;
  /** Of one patch; undefined where the number of classes is not known. */
  readonly cost: { readonly parameters: number; readonly multiplyAdds: number } | undefined;
}

export interface StudyRunResults {
  readonly name: string;
  readonly seed: number;
  readonly outcome: Outcome;
  /** From the study's directory to the run's report; undefined where it has none. */
  readonly link: string | undefined;
  /** Undefined where the run was not begun, or failed. */
  readonly results: RunResults | undefined;
  /** Undefined where no model was kept. */
  readonly validation: readonly ValidatedImage[] | undefined;
}

/** Errors: `file-unreadable`, `file-damaged`; `data-unusable` where runs of one seed were validated on different photographs. */
export async function readStudyResults(directory: string): Promise<StudyResults> {
  const study = await readStudy(directory);
  const runs = await Promise.all(
    studyRuns(directory, study).map(async (run) => ({ run, found: await readStudyRun(study, run) })),
  );
  const labels = runs.find(({ found }) => found.results !== undefined)?.found.results?.run.labels;
  const arms = study.arms.map((arm) => ({
    arm,
    runs: runs.filter(({ run }) => run.arm === arm).map(({ found }) => found),
  }));
  const found = runs.map((run) => run.found);
  const statistics = studyStatistics(arms.map((arm) => countedErrors(arm, found)));
  return {
    name: basename(resolve(directory)),
    study,
    labels,
    arms: arms.map(({ arm, runs: ofArm }) => ({
      arm,
      runs: ofArm,
      statistics: statistics.find(({ name }) => name === arm.name),
      cost: labels && costOf(arm, labels.length),
    })),
  };
}

function countedErrors(
  { arm, runs }: Pick<ArmResults, 'arm' | 'runs'>,
  all: readonly StudyRunResults[],
): ArmErrors {
  const counted = runs.flatMap((run) => {
    const sameSeed = all.find(({ seed, validation }) => seed === run.seed && validation !== undefined);
    return runErrors(run, sameSeed?.validation) ?? [];
  });
  return { name: arm.name, runs: counted };
}

function costOf({ variant, width }: StudyArm, classes: number): NonNullable<ArmResults['cost']> {
  const { parameters, multiplyAdds } = totalsOf(describeLayers(networkOf(variant, classes, { width })));
  return { parameters, multiplyAdds };
}

async function readStudyRun(study: Study, run: StudyRun): Promise<StudyRunResults> {
  const { name, seed, directory } = run;
  const state = await studyRunState(study, run);
  const results = 'run' in state ? await readRunResults(directory) : undefined;
  const path = join(directory, runFiles.validation);
  const validation = results && (await readIfThere(path));
  const hasReport = existsSync(join(directory, runFiles.report));
  return {
    name,
    seed,
    outcome: outcomeOf(state, results?.metrics ?? []),
    link: hasReport ? `${studyFiles.runs}/${name}/${runFiles.report}` : undefined,
    results,
    validation: validation && validatedPhotographs(validation, path),
  };
}

/** Undefined where nothing was held out. */
function validatedPhotographs(file: Uint8Array, path: string): readonly ValidatedImage[] | undefined {
  const photographs = validationFromCsv(new TextDecoder().decode(file), path);
  return photographs.length === 0 ? undefined : photographs;
}

/**
 * The errors that a run counts with. A diverged run is a result, and leaving it out would flatter its network: it counts with the model
 * that it left, or as guessing if it left none, on the photographs of its seed. Undefined for a run without a result: one that failed, is
 * missing or has not ended.
 */
export function runErrors(
  run: Pick<StudyRunResults, 'seed' | 'outcome' | 'results' | 'validation'>,
  photographsOfSeed: readonly ValidatedImage[] | undefined,
): RunErrors | undefined {
  const { seed, outcome, validation } = run;
  switch (outcome.kind) {
    case 'finished':
    case 'stopped early':
      return validation && { seed, photographs: validation.map(photographError) };
    case 'diverged':
      if (validation !== undefined) return { seed, photographs: validation.map(photographError) };
      return photographsOfSeed && { seed, photographs: photographsOfSeed.map(guessing(run)) };
    case 'failed':
    case 'unfinished':
    case 'missing':
      return undefined;
    default:
      return outcome.kind satisfies never;
  }
}

/** Whether a run counts as guessing because it left no model. */
export function countsAsGuessing({ outcome, validation }: StudyRunResults): boolean {
  return outcome.kind === 'diverged' && validation === undefined;
}

function photographError({ image, label, patches, wrong }: ValidatedImage): PhotographError {
  return { image, label, error: wrong / patches };
}

function guessing({ results }: Pick<StudyRunResults, 'results'>): (image: ValidatedImage) => PhotographError {
  const classes = results?.run.labels.length ?? 1;
  return ({ image, label }) => ({ image, label, error: 1 - 1 / classes });
}
