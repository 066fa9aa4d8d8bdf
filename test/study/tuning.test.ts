import { expect, test } from 'vitest';
import { type Study, studySchema } from '../../model/study-file.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { armsOf } from '../../study/plan.ts';
import { type RunWithState, studyRunConfig, studyRuns, tuningRuns } from '../../study/study-directory.ts';
import { newTuning, withChosenRates } from '../../study/tuning.ts';

const {
  variant: _variant,
  width: _width,
  seed: _seed,
  ...config
} = trainingConfigSchema.parse({ learningRate: 0.05 });

function studyOf(tuneRates: number): Study {
  return studySchema.parse({
    ...{ textura: '0.1.0', recipe: 'default', config, failures: {}, startedAt: '2026-02-03T04:05:06Z' },
    arms: armsOf(['reference', 'no-pool2', 'lab-baseline'], [], 3, 'reference'),
    seeds: [4, 5],
    tuning: newTuning(tuneRates, 0.05, 4),
  });
}

/** The runs as they ended: with an error, or diverged for `null`. */
function ended(study: Study, errors: Readonly<Record<string, number | null>>): readonly RunWithState[] {
  return tuningRuns('study', study).map((run) => {
    const error = errors[`${run.arm.name} ${run.arm.learningRate}`];
    if (error === undefined) return { run, state: { status: 'missing' } };
    const state =
      error === null
        ? { status: 'diverged', run: {} }
        : { status: 'finished', run: { best: { top1err: error } } };
    return { run, state } as RunWithState;
  });
}

test('rates lie around that of the recipe by factors of three, on a seed that the study never reports', () => {
  expect(newTuning(3, 0.05, 4)).toEqual({ rates: [0.017, 0.05, 0.15], seeds: [104], errors: {} });
  expect(newTuning(2, 0.05, 1).rates).toEqual([0.017, 0.05]);
  expect(newTuning(5, 5, 1).rates).toEqual([0.56, 1.7, 5, 10]);
});

test('every network has a run for each rate, and none once it has one', () => {
  const study = studyOf(2);
  const runs = tuningRuns('study', study);
  expect(runs.map(({ directory }) => directory)).toContain('study/tuning/no-pool2-rate-0.017-s104');
  expect(runs).toHaveLength(3 * 2);
  const [run] = runs;
  expect(run && studyRunConfig(study, run)).toMatchObject({
    variant: 'reference',
    learningRate: 0.017,
    seed: 104,
  });
  const [first, ...others] = study.arms;
  const decided = {
    ...study,
    arms: first === undefined ? [] : [{ ...first, learningRate: 0.15 }, ...others],
  };
  expect(tuningRuns('study', decided)).toHaveLength(2 * 2);
  const rates = studyRuns('study', decided).map((one) => studyRunConfig(decided, one).learningRate);
  expect(rates).toEqual([0.15, 0.05, 0.05, 0.15, 0.05, 0.05]);
});

test('the rate with the lowest error is chosen, never one that diverged, the smallest of equals, and only after all runs', () => {
  const study = studyOf(3);
  const chosen = withChosenRates(
    study,
    ended(study, {
      ...{ 'reference 0.017': 0.4, 'reference 0.05': 0.3, 'reference 0.15': null },
      ...{ 'no-pool2 0.017': 0.5, 'no-pool2 0.05': 0.5, 'no-pool2 0.15': 0.6 },
      ...{ 'lab-baseline 0.017': 0.2, 'lab-baseline 0.05': 0.3 },
    }),
  );
  expect(chosen.arms.map(({ learningRate }) => learningRate)).toEqual([0.05, 0.017, undefined]);
  expect(chosen.tuning?.errors).toEqual({ reference: [0.4, 0.3, null], 'no-pool2': [0.5, 0.5, 0.6] });
  expect(studySchema.parse(chosen)).toEqual(chosen);
});
