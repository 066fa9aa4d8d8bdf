/**
 * Studies in which every network is as good as the reference: an error is what a photograph's difficulty, the
 * network's luck with the seed, its way with the photograph, and chance make of it, in fifteenths as fifteen
 * patches have it.
 */
import { type RandomStream, randomStream, shuffle } from '../../../model/random.ts';
import type { PhotographError } from '../../../model/statistics/sample.ts';
import type { ArmErrors } from '../../../study/statistics/study-statistics.ts';

export interface SimulatedStudy {
  readonly arms: number;
  readonly seeds: number;
  readonly classes: number;
  readonly photographsAClass: number;
  readonly validatedAClass: number;
  /** Whether all seeds validate on the same photographs, as with a val/ folder. */
  readonly oneSplit: boolean;
  /**
   * Standard deviations of a network's error: of the run, of the photograph over all runs, and of a
   * photograph in one run.
   */
  readonly deviation: { readonly run: number; readonly photograph: number; readonly answer: number };
}

interface Photograph {
  readonly image: string;
  readonly label: string;
  readonly difficulty: number;
}

/** Errors of the reference and `arms` networks that are its like. */
export function simulateStudy(study: SimulatedStudy, seed: number): readonly ArmErrors[] {
  const random = randomStream(seed, 'simulated study');
  const pool = Array.from({ length: study.classes }, (_, c) => photographs(study, c, random));
  const first = split(pool, study, random);
  const splits = Array.from({ length: study.seeds }, (_, s) =>
    study.oneSplit || s === 0 ? first : split(pool, study, random),
  );
  return Array.from({ length: study.arms + 1 }, (_, arm) => {
    const habits = new Map<string, number>();
    const runs = splits.map((validated, s) => {
      const luck = study.deviation.run * random.normal();
      const errors = validated.map((photograph) => errorOf(photograph, luck, habits, study, random));
      return { seed: s + 1, photographs: errors };
    });
    return { name: arm === 0 ? 'reference' : `like-${arm}`, runs };
  });
}

/**
 * Classes differ in difficulty, from one without errors to one that is mostly misclassified; so do their
 * photographs.
 */
function photographs({ classes, photographsAClass }: SimulatedStudy, c: number, random: RandomStream) {
  const ofClass = (0.6 * c) / (classes - 1);
  return Array.from({ length: photographsAClass }, (_, i): Photograph => {
    return { image: `${c}/${i}`, label: `${c}`, difficulty: ofClass + 0.15 * random.normal() };
  });
}

function split(pool: readonly (readonly Photograph[])[], study: SimulatedStudy, random: RandomStream) {
  return pool.flatMap((ofClass) => shuffle([...ofClass], random).slice(0, study.validatedAClass));
}

function errorOf(
  { image, label, difficulty }: Photograph,
  luck: number,
  habits: Map<string, number>,
  { deviation }: SimulatedStudy,
  random: RandomStream,
): PhotographError {
  const habit = habits.get(image) ?? deviation.photograph * random.normal();
  habits.set(image, habit);
  const exact = difficulty + luck + habit + deviation.answer * random.normal();
  return { image, label, error: Math.round(15 * Math.min(1, Math.max(0, exact))) / 15 };
}
