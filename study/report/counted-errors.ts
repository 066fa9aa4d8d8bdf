/**
 * Which errors a run counts with. A run that diverged is a result, and to leave it out would flatter its network: it counts with the
 * model that it left, or where it left none as guessing, on the photographs of its seed.
 */
import type { ValidatedImage } from '../../model/validation-file.ts';
import type { PhotographError, RunErrors } from '../statistics/sample.ts';
import type { StudyRunResults } from './study-results.ts';

/** Undefined for a run that has no result: one that failed, is missing or is not at its end. */
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
