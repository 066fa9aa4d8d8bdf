/**
 * `--tune-rates`: the learning rate of each network, so that none is worse only because a rate chosen for the
 * reference does not suit it. Every network gets the same number of rates and the same seeds, which are not
 * reported.
 */
import type { Study, StudyTuning } from '../model/study-file.ts';
import { isDone, type RunWithState } from './study-directory.ts';

/** Ratio of neighbouring rates. */
const rateStep = 3;
const largestRate = 10;
/** A study has at most 100 seeds, counted from its first: seeds from here on are never reported. */
const tuningSeedOffset = 100;

/**
 * `count` rates around `rate`, one more below than above if the count is even, with two digits; and one seed
 * that the study never reports.
 */
export function newTuning(count: number, rate: number, firstSeed: number): StudyTuning {
  const rates = Array.from({ length: count }, (_, i) => rate * rateStep ** (i - Math.floor(count / 2))).map(
    (tried) => Number(Math.min(largestRate, tried).toPrecision(2)),
  );
  return { rates: [...new Set(rates)], seeds: [firstSeed + tuningSeedOffset], errors: {} };
}

/**
 * The study with the learning rate of each arm whose tuning runs have all ended: the one with the lowest mean
 * error, the smallest of equals. A rate with which a run diverged is not chosen; if all did, the smallest is.
 */
export function withChosenRates(study: Study, runs: readonly RunWithState[]): Study {
  const { tuning } = study;
  if (tuning === undefined) return study;
  const errors = { ...tuning.errors };
  const arms = study.arms.map((arm) => {
    const own = runs.filter(({ run }) => run.arm.name === arm.name);
    if (arm.learningRate !== undefined || own.length === 0 || own.some(({ state }) => !isDone(state)))
      return arm;
    const means = tuning.rates.map((rate) =>
      meanError(own.filter(({ run }) => run.arm.learningRate === rate)),
    );
    errors[arm.name] = means;
    const ranked = means.map((error, i) => ({
      rate: tuning.rates[i],
      error: error ?? Number.POSITIVE_INFINITY,
    }));
    const best = ranked.reduce((a, b) => (b.error < a.error ? b : a));
    return best.rate === undefined ? arm : { ...arm, learningRate: best.rate };
  });
  return { ...study, arms, tuning: { ...tuning, errors } };
}

/** Null if a run diverged. */
function meanError(runs: readonly RunWithState[]): number | null {
  let sum = 0;
  for (const { state } of runs) {
    if (state.status !== 'finished' || state.run.best === undefined) return null;
    sum += state.run.best.top1err / runs.length;
  }
  return sum;
}
