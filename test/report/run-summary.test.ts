import { expect, test } from 'vitest';
import type { Confusion } from '../../report/confusion.ts';
import type { RunRecord } from '../../report/run-directory.ts';
import { statusText, summaryOf } from '../../report/run-summary.ts';
import { type InventedRun, inventedMetrics, inventedRun } from '../support/invented-run.ts';

/** Two classes with so many validation patches, of which so many are misclassified. */
function confusionOf(patches: number, wrong: number): Confusion {
  return {
    labels: ['a', 'b'],
    counts: [
      [patches - wrong, wrong],
      [0, 0],
    ],
  };
}

function recordOf(options: InventedRun, top1err?: number): RunRecord {
  const run = inventedRun(options);
  const best = run.best !== undefined && top1err !== undefined ? { ...run.best, top1err } : run.best;
  return {
    name: 'tiles',
    path: 'runs/tiles',
    run: best === undefined ? run : { ...run, best },
    metrics: inventedMetrics(run, options),
    confusion: undefined,
    firstKernel: undefined,
    samples: undefined,
    validationLogits: undefined,
  };
}

test.each([
  [0.274, 'Of 100 patches of photographs that the network was not trained on, 27 are misclassified.'],
  [0.012, 'Of 100 patches of photographs that the network was not trained on, 1 is misclassified.'],
  [0.004, 'Of 1,000 patches of photographs that the network was not trained on, 4 are misclassified.'],
  [
    0.0002,
    'Of 1,000 patches of photographs that the network was not trained on, fewer than 1 is misclassified.',
  ],
  [0, 'Of 100 patches of photographs that the network was not trained on, none is misclassified.'],
  [1, 'Of 100 patches of photographs that the network was not trained on, 100 are misclassified.'],
])('an error of %d is counted in patches', (error, sentence) => {
  expect(summaryOf(recordOf({}, error)).sentence).toBe(sentence);
});

test.each([
  [32, 16, 'Of the 32 patches of photographs that the network was not trained on, 16 are misclassified.'],
  [32, 1, 'Of the 32 patches of photographs that the network was not trained on, 1 is misclassified.'],
  [32, 0, 'Of the 32 patches of photographs that the network was not trained on, none is misclassified.'],
  [1, 1, 'Of the 1 patch of photographs that the network was not trained on, 1 is misclassified.'],
  [400, 2, 'Of the 400 patches of photographs that the network was not trained on, 2 are misclassified.'],
  [400, 100, 'Of 100 patches of photographs that the network was not trained on, 25 are misclassified.'],
  [2000, 4, 'Of 1,000 patches of photographs that the network was not trained on, 2 are misclassified.'],
])('of %d validated patches no more are counted than there were', (patches, wrong, sentence) => {
  const record = { ...recordOf({}, wrong / patches), confusion: confusionOf(patches, wrong) };
  const { sentence: told, wrongOfHundred } = summaryOf(record);
  expect(told).toBe(sentence);
  expect(wrongOfHundred).toBe(patches === 400 && wrong === 100 ? 25 : undefined);
});

test('with unequal classes the balanced error comes before the top-1 error', () => {
  const record = recordOf({}, 0.274);
  const { best } = record.run;
  const unequal = { ...record.run, ...(best && { best: { ...best, balancedTop1err: 0.352 } }) };
  const summary = summaryOf({ ...record, run: unequal });
  expect(summary.sentence).toBe(
    'Of patches of photographs that the network was not trained on, 35.2\u00a0% are misclassified if all classes count the same, 27.4\u00a0% if all patches do.',
  );
  expect(summary.wrongOfHundred).toBe(35);
  expect(summary.meaning[0]).toMatch(/^Balanced error 0\.352: .*It decides which epoch is best\.$/);
  // A fold keeps its last epoch.
  const fold = { ...unequal, config: { ...unequal.config, fold: 1, folds: 5 } };
  expect(summaryOf({ ...record, run: fold }).meaning[0]).toMatch(/ count the same\.$/);
  expect(summary.meaning[1]).toMatch(/^Top-1 error 0\.274/);
  const equal = { ...record.run, ...(best && { best: { ...best, balancedTop1err: best.top1err } }) };
  expect(summaryOf({ ...record, run: equal })).toEqual(summaryOf(record));
});

test('top-5 errors are counted in patches', () => {
  const record = recordOf({});
  const best = { epoch: 1, objective: 1, top1err: 0.5, top5err: 0.25 };
  const told = (patches: number) =>
    summaryOf({ ...record, run: { ...record.run, best }, confusion: confusionOf(patches, 0) }).meaning[1];
  expect(told(32)).toContain(
    'of the 32 patches, 8 do not have the true class among the five highest scores.',
  );
  expect(told(4)).toContain(
    'of the 4 patches, 1 does not have the true class among the five highest scores.',
  );
  expect(told(3200)).toContain(
    'of 100 patches, 25 do not have the true class among the five highest scores.',
  );
});

test('the error is compared with guessing', () => {
  expect(summaryOf(recordOf({})).meaning[0]).toContain(
    'Guessing among 7 classes has an error of 85.7\u00a0%.',
  );
});

test.each([
  [4, '4 are misclassified (error 0.026).'],
  [0, 'none is misclassified (error 0.000).'],
])('the error of whole photographs is counted in photographs, with %i of them wrong', (wrong, text) => {
  const record = recordOf({});
  const best = record.run.best && { ...record.run.best, photographTop1err: wrong / 153 };
  expect(summaryOf({ ...record, run: { ...record.run, ...(best && { best }) } }).meaning.at(-1)).toBe(
    `For a whole photograph, the logits of its patches are averaged: of the 153 validation photographs, ${text}`,
  );
  expect(summaryOf(record).meaning.join()).not.toContain('whole photograph');
});

test('without validation the summary says nothing about new photographs', () => {
  const { sentence, meaning } = summaryOf(recordOf({ validated: false }));
  expect(sentence).toContain('like those that the network was trained on');
  expect(meaning.at(-1)).toContain('There were no validation photographs');
});

test('with five classes or fewer it says that the top-5 error is 0 unless the loss is not finite', () => {
  expect(summaryOf(recordOf({ labels: ['a', 'b', 'c'] })).meaning).toContain(
    'With 3 classes the top-5 error is 0 unless the loss is NaN or infinite, because the top five include every class.',
  );
  expect(summaryOf(recordOf({})).meaning.join()).not.toContain('unless the loss');
});

test.each<[string, InventedRun, string]>([
  ['finished', {}, 'The run finished all of its 12 epochs.'],
  ['finished after one epoch', { epochs: 1 }, 'The run finished its one epoch.'],
  [
    'stopped early',
    { config: { epochs: 40, patience: 3 } },
    'The run stopped early, after 12 of 40 epochs: the validation error did not improve for 3 epochs.',
  ],
  [
    'stopped',
    { status: 'stopped', config: { epochs: 40 } },
    'The run was stopped after 12 of 40 epochs. It can be resumed.',
  ],
  [
    'diverged',
    { status: 'diverged', divergedAtEpoch: 4 },
    'The loss became infinite or not a number in epoch 4, which ended the run. The model is that of epoch 3.',
  ],
  ['diverged at once', { status: 'diverged', divergedAtEpoch: 1 }, 'There is no model.'],
  ['running', { status: 'running', config: { epochs: 40 } }, '12 of 40 epochs are complete'],
  [
    'stopped after its only epoch of one',
    { status: 'stopped', epochs: 1, config: { epochs: 1 } },
    'The run was stopped after 1 of 1 epoch.',
  ],
])('a run that %s says so', (_, options, sentence) => {
  expect(statusText(recordOf(options))).toContain(sentence);
});

test('a run whose loss exploded and stayed finite is described as that', () => {
  const record = recordOf({ status: 'diverged', divergedAtEpoch: 2, epochs: 3 });
  const metrics = record.metrics.map((row) => ({ ...row, objective: row.epoch === 2 ? 5e6 : 2.1 }));
  expect(statusText({ ...record, metrics })).toContain(
    'The loss exploded in epoch 2 to more than 10 times that of guessing (1.946) and stayed above guessing until the end.',
  );
});
