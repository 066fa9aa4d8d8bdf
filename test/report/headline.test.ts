import { expect, test } from 'vitest';
import type { Confusion } from '../../report/confusion-file.ts';
import { courseOf, headlineOf } from '../../report/headline.ts';
import type { RunRecord } from '../../report/run-directory.ts';
import { type InventedRun, inventedMetrics, inventedRun } from '../support/invented-run.ts';

/** Two classes with so many validation patches, of which so many are named wrong. */
function confusionOf(patches: number, wrong: number): Confusion {
  return {
    labels: ['a', 'b'],
    counts: [
      [patches - wrong, wrong],
      [0, 0],
    ],
  };
}

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

test.each([
  [32, 16, 'Of the 32 patches of photographs it was not trained on, 16 are named wrong.'],
  [32, 1, 'Of the 32 patches of photographs it was not trained on, 1 is named wrong.'],
  [32, 0, 'Of the 32 patches of photographs it was not trained on, none is named wrong.'],
  [1, 1, 'Of the 1 patch of photographs it was not trained on, 1 is named wrong.'],
  [400, 2, 'Of the 400 patches of photographs it was not trained on, 2 are named wrong.'],
  [400, 100, 'Of 100 patches of photographs it was not trained on, 25 are named wrong.'],
  [2000, 4, 'Of 1,000 patches of photographs it was not trained on, 2 are named wrong.'],
])('of %d validated patches no more are counted than there were', (patches, wrong, sentence) => {
  const record = { ...recordOf({}, wrong / patches), confusion: confusionOf(patches, wrong) };
  const { sentence: told, wrongOfHundred } = headlineOf(record);
  expect(told).toBe(sentence);
  expect(wrongOfHundred).toBe(patches === 400 && wrong === 100 ? 25 : undefined);
});

test('the first five are counted among the patches that there were', () => {
  const record = recordOf({});
  const best = { epoch: 1, objective: 1, top1err: 0.5, top5err: 0.25 };
  const told = (patches: number) =>
    headlineOf({ ...record, run: { ...record.run, best }, confusion: confusionOf(patches, 0) }).meaning[1];
  expect(told(32)).toContain('of the 32 patches, 8 do not have the right name among the first five.');
  expect(told(4)).toContain('of the 4 patches, 1 does not have the right name among the first five.');
  expect(told(3200)).toContain('of 100 patches, 25 do not have the right name among the first five.');
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
  expect(meaning.at(-1)).toContain('There were no validation photographs');
});

test('with five classes or fewer it says that the top-5 error cannot be other than 0', () => {
  expect(headlineOf(recordOf({ labels: ['a', 'b', 'c'] })).meaning).toContain(
    'With 3 classes the top-5 error is always 0: the first five are all classes.',
  );
  expect(headlineOf(recordOf({})).meaning.join()).not.toContain('always 0');
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
    'The loss was not a finite number in epoch 4, which ended the run. The model of epoch 3 was kept.',
  ],
  ['diverged at once', { status: 'diverged', divergedAtEpoch: 1 }, 'No model was kept.'],
  ['running', { status: 'running', config: { epochs: 40 } }, '12 of 40 epochs are written down'],
  [
    'stopped after its only epoch of one',
    { status: 'stopped', epochs: 1, config: { epochs: 1 } },
    'The run was stopped after 1 of 1 epoch.',
  ],
])('a run that %s says so', (_, wishes, sentence) => {
  expect(courseOf(recordOf(wishes))).toContain(sentence);
});

test('a run whose loss exploded and stayed finite is told as what it is', () => {
  const record = recordOf({ status: 'diverged', divergedAtEpoch: 2, epochs: 3 });
  const metrics = record.metrics.map((row) => ({ ...row, objective: row.epoch === 2 ? 5e6 : 2.1 }));
  expect(courseOf({ ...record, metrics })).toContain(
    'The loss exploded in epoch 2, to more than 10 times that of guessing (1.946), and stayed above guessing to the end.',
  );
});
