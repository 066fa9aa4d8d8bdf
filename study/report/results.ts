/** The input of a study's report: the files of the study and of its runs, and their statistics. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describeLayers, totalsOf } from '../../model/description.ts';
import type { MetricsRow } from '../../model/metrics.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { guessingScores } from '../../model/scores.ts';
import type { PhotographError, RunErrors } from '../../model/statistics/sample.ts';
import { type Study, type StudyArm, studyFiles } from '../../model/study-file.ts';
import { configuredNetwork } from '../../model/training-config.ts';
import { type ValidatedImage, validationFromCsv } from '../../model/validation-file.ts';
import { readTextIfThere } from '../../node/optional-file.ts';
import { readStudy } from '../../node/records.ts';
import { type RunResults, readRunResults } from '../../report/run-directory.ts';
import {
  type ArmErrors,
  type ArmStatistics,
  type Comparison,
  studyStatistics,
} from '../statistics/study-statistics.ts';
import {
  failedState,
  type StudyRun,
  type StudyRunState,
  studyRunState,
  studyRuns,
} from '../study-directory.ts';

export interface StudyResults {
  /** The directory's own name. */
  readonly name: string;
  readonly study: Study;
  /** In output order of the networks; undefined if no run has started. */
  readonly labels: readonly string[] | undefined;
  /** In the study's order, the reference first. */
  readonly arms: readonly ArmResults[];
}

export interface ArmResults {
  readonly arm: StudyArm;
  /** One for each seed of the study. */
  readonly runs: readonly StudyRunResults[];
  /** Undefined if no run has a result. */
  readonly statistics: ArmStatistics | undefined;
  /** Of a control: how the ablation that it matches compares with it; undefined if they share no seed. */
  readonly ablation: Comparison | undefined;
  /** Per patch; undefined if the number of classes is unknown. */
  readonly cost: { readonly parameters: number; readonly multiplyAdds: number } | undefined;
}

export interface StudyRunResults {
  readonly name: string;
  readonly seed: number;
  readonly outcome: Outcome;
  /** From the study's directory to the run's report; undefined if there is none. */
  readonly link: string | undefined;
  /** Undefined if the run has not started or failed. */
  readonly results: RunResults | undefined;
  /** Undefined if there is no model. */
  readonly validation: readonly ValidatedImage[] | undefined;
}

/**
 * A run with a damaged file counts as failed. Errors: `file-unreadable`, `file-damaged` for study.json;
 * `data-unusable` if runs of one seed were validated on different photographs.
 */
export async function readStudyResults(directory: string): Promise<StudyResults> {
  const study = await readStudy(directory);
  const runs: { readonly run: StudyRun; readonly found: StudyRunResults }[] = [];
  // One after another, because each reads its whole model: a hundred of the reference have 1.8 GB.
  for (const run of studyRuns(directory, study)) runs.push({ run, found: await readStudyRun(study, run) });
  const labels = runs.find(({ found }) => found.results !== undefined)?.found.results?.run.labels;
  const arms = study.arms.map((arm) => ({
    arm,
    runs: runs.filter(({ run }) => run.arm === arm).map(({ found }) => found),
  }));
  const found = runs.map((run) => run.found);
  const errors = arms.map((arm) => armErrors(arm, found));
  const margin = study.marginPoints / 100;
  const statistics = studyStatistics(errors, margin);
  return {
    name: basename(resolve(directory)),
    study,
    labels,
    arms: arms.map(({ arm, runs: ofArm }) => ({
      arm,
      runs: ofArm,
      statistics: statistics.find(({ name }) => name === arm.name),
      ablation: ablationOf(arm, errors, margin),
      cost: labels && costOf(study, arm, labels.length),
    })),
  };
}

function ablationOf(
  { name, controls }: StudyArm,
  errors: readonly ArmErrors[],
  margin: number,
): Comparison | undefined {
  if (controls === undefined) return undefined;
  const pair = [name, controls.variant].flatMap((wanted) => errors.find((arm) => arm.name === wanted) ?? []);
  return studyStatistics(pair, margin).find((arm) => arm.name === controls.variant)?.comparison;
}

function armErrors(
  { arm, runs }: Pick<ArmResults, 'arm' | 'runs'>,
  all: readonly StudyRunResults[],
): ArmErrors {
  const counted = runs.flatMap((run) => {
    const sameSeed = all.find(({ seed, validation }) => seed === run.seed && validation !== undefined);
    return runErrors(run, sameSeed?.validation) ?? [];
  });
  return { name: arm.name, runs: counted };
}

/** Of the network that is trained, with its batch normalisation, as `ablate` and `train` print it. */
function costOf(
  { config }: Study,
  { variant, width }: StudyArm,
  classes: number,
): NonNullable<ArmResults['cost']> {
  const network = configuredNetwork({ ...config, variant, width }, { classes, meanGrey: 0 });
  const { parameters, multiplyAdds } = totalsOf(describeLayers(network));
  return { parameters, multiplyAdds };
}

async function readStudyRun(study: Study, run: StudyRun): Promise<StudyRunResults> {
  const { name, seed, directory } = run;
  const hasReport = existsSync(join(directory, runFiles.report));
  const link = hasReport ? `${studyFiles.runs}/${name}/${runFiles.report}` : undefined;
  try {
    const state = await studyRunState(study, run);
    const results = 'run' in state ? await readRunResults(directory) : undefined;
    const path = join(directory, runFiles.validation);
    const text = results && (await readTextIfThere(path));
    const validation = text === undefined ? undefined : validatedPhotographs(text, path);
    return { name, seed, outcome: outcomeOf(state, results?.metrics ?? []), link, results, validation };
  } catch (error) {
    const outcome = outcomeOf(failedState(error), []);
    return { name, seed, outcome, link, results: undefined, validation: undefined };
  }
}

/** Undefined if there were no validation photographs. */
function validatedPhotographs(text: string, path: string): readonly ValidatedImage[] | undefined {
  const photographs = validationFromCsv(text, path);
  return photographs.length === 0 ? undefined : photographs;
}

/**
 * The errors of a run in the statistics. A diverged run is a result, and leaving it out would favour its
 * network: it counts with its best model, or as guessing on the photographs of its seed if it has none.
 * Undefined for a run that failed, is missing or has not ended.
 */
function runErrors(
  run: StudyRunResults,
  photographsOfSeed: readonly ValidatedImage[] | undefined,
): RunErrors | undefined {
  const { seed, outcome, validation } = run;
  switch (outcome.kind) {
    case 'finished':
    case 'stopped early':
      return validation && { seed, photographs: validation.map(photographError) };
    case 'diverged':
      if (validation !== undefined) return { seed, photographs: validation.map(photographError) };
      return (
        photographsOfSeed && {
          seed,
          photographs: photographsOfSeed.map(({ image, label }) => ({
            image,
            label,
            error: guessingError(run),
          })),
        }
      );
    case 'failed':
    case 'unfinished':
    case 'missing':
      return undefined;
    default:
      return outcome.kind satisfies never;
  }
}

/** The metrics of a run's epochs without the one in which it diverged: its loss is not finite. */
export function finishedEpochs(
  { results }: StudyRunResults,
  split: MetricsRow['split'],
): readonly MetricsRow[] {
  return (results?.metrics ?? []).filter((row) => row.split === split && Number.isFinite(row.objective));
}

/** Whether a run counts as guessing because it has no model. */
export function countsAsGuessing({ outcome, validation }: StudyRunResults): boolean {
  return outcome.kind === 'diverged' && validation === undefined;
}

function photographError({ image, label, patches, wrong }: ValidatedImage): PhotographError {
  return { image, label, error: wrong / patches };
}

/** The error of guessing among the classes of a run that has started. */
export function guessingError({ results }: Pick<StudyRunResults, 'results'>): number {
  return guessingScores(results?.run.labels.length ?? 1).top1err;
}

export const outcomeKinds = [
  'finished',
  'stopped early',
  'diverged',
  'failed',
  'unfinished',
  'missing',
] as const;
type OutcomeKind = (typeof outcomeKinds)[number];

interface Outcome {
  readonly kind: OutcomeKind;
  /** For example `diverged at epoch 3`. */
  readonly words: string;
  /** In which a run diverged. */
  readonly epoch?: number;
  /** Of a failed run. */
  readonly reason?: string;
}

/** How a run ended. */
function outcomeOf(state: StudyRunState, metrics: readonly MetricsRow[]): Outcome {
  switch (state.status) {
    case 'missing':
      return { kind: 'missing', words: 'missing' };
    case 'failed':
      return { kind: 'failed', words: 'failed', reason: state.failure.message };
    default:
      return begunOutcome(state, metrics);
  }
}

type BegunState = Extract<StudyRunState, { readonly run: Run }>;

function begunOutcome({ status, run }: BegunState, metrics: readonly MetricsRow[]): Outcome {
  const { divergedAtEpoch, config } = run;
  const epochs = metrics.reduce((last, { epoch }) => Math.max(last, epoch), 0);
  switch (status) {
    case 'finished':
      return epochs < config.epochs && config.patience !== undefined
        ? { kind: 'stopped early', words: `stopped early after epoch ${epochs}` }
        : { kind: 'finished', words: 'finished' };
    case 'diverged': {
      const epoch = divergedAtEpoch ?? epochs;
      return { kind: 'diverged', words: `diverged at epoch ${epoch}`, epoch };
    }
    case 'running':
    case 'stopped':
      return { kind: 'unfinished', words: `unfinished after epoch ${epochs}` };
    default:
      return status satisfies never;
  }
}

/** `3 finished`, or `2 finished, 1 diverged`. */
export function tally(outcomes: readonly Outcome[]): string {
  return outcomeKinds
    .map((kind) => ({ kind, count: outcomes.filter((outcome) => outcome.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${kind}`)
    .join(', ');
}
