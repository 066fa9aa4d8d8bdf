import { expect, test } from 'vitest';
import { divergenceOf } from '../../model/divergence.ts';
import type { MetricsRow } from '../../model/metrics.ts';

const row = (epoch: number, split: 'train' | 'val', objective: number): MetricsRow => ({
  ...{ epoch, split, objective, top1err: 0.5, top5err: 0 },
  ...{ images_per_second: 1, learning_rate: 0.1, seconds: 1 },
});

/** Rows of epochs from their losses `[train, val]`. */
function rowsOf(...epochs: readonly (readonly [number, number])[]): readonly MetricsRow[] {
  return epochs.flatMap(([train, val], i) => [row(i + 1, 'train', train), row(i + 1, 'val', val)]);
}

const classes = 25;

test('a run that learns has not diverged, nor has one without a row', () => {
  expect(divergenceOf(rowsOf([3.1, 2.9], [1.2, 1.3]), classes)).toBeUndefined();
  expect(divergenceOf([], classes)).toBeUndefined();
});

test.each([
  ['NaN in training, so that nothing was validated', [row(3, 'train', Number.NaN)]],
  ['NaN in validation', [row(3, 'train', 2), row(3, 'val', Number.NaN)]],
  ['infinite', [row(3, 'train', Number.POSITIVE_INFINITY)]],
])('a loss that is not finite is a divergence in its epoch: %s', (_, last) => {
  const rows = [...rowsOf([2.9, 2.8], [2.5, 2.4]), ...last];
  expect(divergenceOf(rows, classes)).toEqual({ epoch: 3, kind: 'not finite' });
});

// Measured: the reference and lab-baseline on generated textures, at rates of 3 and 10.
test.each([
  ['worse than guessing to the end', 1, rowsOf([30513031, 624.7], [72.7, 8.9], [8.8, 8.0], [7.5, 7.6])],
  ['in its last epoch, with a dead network left', 1, rowsOf([1568, 100.9], [5.3, 487.6], [6.8e9, 3.728])],
  ['after it had learnt', 3, rowsOf([3.0, 2.0], [1.5, 1.4], [5000, 1.4], [3.3, 3.3])],
])('a finite loss that explodes is a divergence from that epoch on: %s', (_, epoch, rows) => {
  expect(divergenceOf(rows, classes)).toEqual({ epoch, kind: 'exploded' });
});

test('a run that recovers from an explosion has not diverged', () => {
  expect(divergenceOf(rowsOf([500, 40], [3.0, 2.9]), classes)).toBeUndefined();
  expect(divergenceOf(rowsOf([500, 3.1]), classes)).toBeUndefined();
});

test('neither a network that learns nothing nor a confident, wrong one has diverged', () => {
  expect(divergenceOf(rowsOf([5.9, 3.6], [3.3, 5.6]), classes)).toBeUndefined();
  expect(divergenceOf(rowsOf([0.01, 9.5]), 2)).toBeUndefined();
  expect(divergenceOf(rowsOf([1.1, 11.5]), 3), 'one step, far too wide').toBeUndefined();
});
