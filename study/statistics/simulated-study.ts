/**
 * Simulated studies, on which the statistics are checked. The error of a photograph is the sum of its difficulty,
 * a random effect of the run, one of network and photograph, and noise, rounded to fifteenths as for fifteen
 * patches. Every network but the first, the reference, has the same true difference from it.
 */
import { type RandomStream, randomStream, shuffle } from '../../model/random.ts';
import type { PhotographError } from '../../model/statistics/sample.ts';
import type { ArmErrors } from './study-statistics.ts';

export interface SimulatedStudy {
  /** Besides the reference. */
  readonly arms: number;
  /** Of each arm's mean error over all photographs and runs that could be drawn from the reference's. */
  readonly difference: number;
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

interface SimulatedPhotograph {
  readonly image: string;
  readonly label: string;
  readonly difficulty: number;
}

const patches = 15;
const hardestClass = 0.6;
const difficultyDeviation = 0.15;

/** Errors of the reference and of `arms` networks. */
export function simulateStudy(study: SimulatedStudy, seed: number): readonly ArmErrors[] {
  const random = randomStream(seed, 'simulated study');
  const pool = Array.from({ length: study.classes }, (_, c) => photographs(study, c, random));
  const first = split(pool, study, random);
  const splits = Array.from({ length: study.seeds }, (_, s) =>
    study.oneSplit || s === 0 ? first : split(pool, study, random),
  );
  const shift = shiftFor(study);
  return Array.from({ length: study.arms + 1 }, (_, arm) => {
    const photographEffects = new Map<string, number>();
    const runs = splits.map((validated, s) => {
      const runEffect = study.deviation.run * random.normal() + (arm === 0 ? 0 : shift);
      const errors = validated.map((photograph) =>
        errorOf(photograph, runEffect, photographEffects, study, random),
      );
      return { seed: s + 1, photographs: errors };
    });
    return { name: arm === 0 ? 'reference' : `network-${arm}`, runs };
  });
}

/**
 * Classes differ in difficulty, from one without errors to one that is mostly misclassified; so do their
 * photographs.
 */
function photographs({ classes, photographsAClass }: SimulatedStudy, c: number, random: RandomStream) {
  const ofClass = (hardestClass * c) / (classes - 1);
  return Array.from({ length: photographsAClass }, (_, i): SimulatedPhotograph => {
    return { image: `${c}/${i}`, label: `${c}`, difficulty: ofClass + difficultyDeviation * random.normal() };
  });
}

function split(
  pool: readonly (readonly SimulatedPhotograph[])[],
  study: SimulatedStudy,
  random: RandomStream,
) {
  return pool.flatMap((ofClass) => shuffle([...ofClass], random).slice(0, study.validatedAClass));
}

function errorOf(
  { image, label, difficulty }: SimulatedPhotograph,
  runEffect: number,
  photographEffects: Map<string, number>,
  { deviation }: SimulatedStudy,
  random: RandomStream,
): PhotographError {
  const effect = photographEffects.get(image) ?? deviation.photograph * random.normal();
  photographEffects.set(image, effect);
  const exact = difficulty + runEffect + effect + deviation.answer * random.normal();
  return { image, label, error: Math.round(patches * Math.min(1, Math.max(0, exact))) / patches };
}

type Truth = Pick<SimulatedStudy, 'classes' | 'deviation'>;

/**
 * The true mean error of a network whose errors are all shifted by `shift` before they are cut to 0..1: the
 * mean over the classes of the sum over k of P(error >= k/15) / 15.
 */
export function trueError({ classes, deviation: { run, photograph, answer } }: Truth, shift = 0): number {
  const combined = Math.hypot(difficultyDeviation, run, photograph, answer);
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    const centre = (hardestClass * c) / (classes - 1) + shift;
    for (let k = 1; k <= patches; k++) sum += normalShare((centre - (k - 0.5) / patches) / combined);
  }
  return sum / (classes * patches);
}

/** The shift that makes the true difference that of the study. */
function shiftFor({ difference, ...study }: SimulatedStudy): number {
  if (difference === 0) return 0;
  let [low, high] = [-1, 1];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (trueError(study, middle) - trueError(study) < difference) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Share of a normal distribution below z (Marsaglia, Journal of Statistical Software 11, 2004). */
function normalShare(z: number): number {
  if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
  let [sum, term, last] = [z, z, 0];
  for (let i = 3; sum !== last; i += 2) {
    last = sum;
    term *= (z * z) / i;
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI);
}
