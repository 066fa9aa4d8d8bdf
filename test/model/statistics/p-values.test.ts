import { expect, test } from 'vitest';
import { pairedPValue } from '../../../model/statistics/p-values.ts';
import { drawReplicates } from '../../../model/statistics/replicates.ts';
import type { Sample } from '../../../model/statistics/sample.ts';
import { poolOf, variationOf } from '../../../model/statistics/variation.ts';

test('exchanges that leave no variation count as extreme: no difference has a p-value of 1', () => {
  const sample = (seed: number, values: readonly number[]): Sample => ({
    seed,
    images: ['a', 'b'],
    labels: ['bark', 'bark'],
    values: Float64Array.from(values),
  });
  // The means are 0 and the seeds contradict each other, so that they share no variance.
  const differences = [sample(1, [1, -1]), sample(2, [-0.5, 0.5])];
  const pool = poolOf(differences);
  const variation = variationOf(differences, pool);
  expect(variation).toMatchObject({ estimate: 0, sharedVariance: 0 });
  expect(pairedPValue(differences, variation, drawReplicates(100, pool.size, 1), 1)).toBe(1);
});
