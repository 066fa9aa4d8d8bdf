import { expect, test } from 'vitest';
import { courseOf, headlineOf } from '../../../training/report/headline.ts';
import type { RunRecord } from '../../../training/report/run-directory.ts';
import { type InventedRun, inventedMetrics, inventedRun } from '../../support/invented-run.ts';

function recordOf(wishes: InventedRun, top1err?: number): RunRecord {
  const run = inventedRun(wishes);
  const best = run.best !== undefined && top1err !== undefined ? { ...run.best, top1err } : run.best;
  return {
    name: 'tiles',
    path: 'runs/tiles',
    run: best === undefined ? run : { ...run, best },
    metrics: inventedMetrics(run, wishes),
    confusion: undefined,
    firstKernel: undefined,
    samples: undefined,
  };
}

test.each([
  [0.274, 'Of 100 patches of photographs it was not trained on, 27 are named wrong.'],
  [0.012, 'Of 100 patches of photographs it was not trained on, 1 is named wrong.'],
  [0.004, 'Of 1,000 patches of photographs it was not trained on, 4 are named wrong.'],
  [0.0002, 'Of 1,000 patches of photographs it was not trained on, fewer than 1 is named wrong.'],
  [0, 'Of 100 patches of photographs it was not trained on, none is named wrong.'],
  [1, 'Of 100 patches of photographs it was not trained on, 100 are named wrong.'],
])('an error of %d is told as people count', (error, sentence) => {
  expect(headlineOf(recordOf({}, error)).sentence).toBe(sentence);
});

test('the error is set against guessing', () => {
  expect(headlineOf(recordOf({})).meaning[0]).toContain('Guessing among 7 classes names 85.7\u00a0% wrong.');
});

test('the error of whole photographs is told in photographs', () => {
  const record = recordOf({});
  const best = record.run.best && { ...record.run.best, photographTop1err: 4 / 153 };
  expect(headlineOf({ ...record, run: { ...record.run, ...(best && { best }) } }).meaning.at(-1)).toBe(
    'Asked for whole photographs, it averages over their patches: of the 153 held out, 4 are named wrong (error 0.026).',
  );
  expect(headlineOf(record).meaning.join()).not.toContain('whole photographs');
});

test('without validation the page does not claim anything of new photographs', () => {
  const { sentence, meaning } = headlineOf(recordOf({ validated: false }));
  expect(sentence).toContain('like those it was trained on');
  expect(meaning.at(-1)).toContain('No photographs were held out');
});

test('with five classes or fewer nothing is said of the first five', () => {
  expect(headlineOf(recordOf({ labels: ['a', 'b', 'c'] })).meaning.join()).not.toContain('Top-5');
});

test.each<[string, InventedRun, string]>([
  ['finished', {}, 'The run finished all of its 12 epochs.'],
  ['finished after one epoch', { epochs: 1 }, 'The run finished its one epoch.'],
  [
    'stopped early',
    { config: { epochs: 40, patience: 3 } },
    'The run stopped early, after 12 of 40 epochs: 3 in a row brought no better validation error.',
  ],
  [
    'stopped',
    { status: 'stopped', config: { epochs: 40 } },
    'The run was stopped after 12 of 40 epochs. It can be resumed.',
  ],
  [
    'diverged',
    { status: 'diverged', divergedAtEpoch: 4 },
    'The objective was not finite in epoch 4, which ended the run. The model of epoch 3 was kept.',
  ],
  ['diverged at once', { status: 'diverged', divergedAtEpoch: 1 }, 'No model was kept.'],
  ['running', { status: 'running', config: { epochs: 40 } }, '12 of 40 epochs are written down'],
])('a run that %s says so', (_, wishes, sentence) => {
  expect(courseOf(recordOf(wishes))).toContain(sentence);
});
