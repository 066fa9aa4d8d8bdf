import { expect, test } from 'vitest';
import { patchEvidence, positionEvidence, statisticsHead } from '../../model/evidence.ts';
import { foldedNetwork } from '../../model/fold-batch-norm.ts';
import { networkOf } from '../../model/network.ts';
import { sumOf } from '../../model/statistics/descriptive.ts';

test('a mean is divided by the values, a deviation by the squared distances from the mean', () => {
  // Two channels of four positions: mean 3 and variance 5; mean 2 and no variance.
  const values = Float32Array.from([0, 2, 4, 6, 2, 2, 2, 2]);
  const weights = { means: [4, 10], deviations: [8, -3] };
  const { means, deviations } = positionEvidence({ values, channels: 2, positions: 4 }, weights, 4);
  expect([...means]).toEqual([0 + 5, 2 + 5, 4 + 5, 6 + 5]);
  // 8 sqrt(5 + 4) = 24 by 9 : 1 : 1 : 9, and -3 sqrt(0 + 4) = -6 equally.
  const expected = [10.8, 1.2, 1.2, 10.8].map((value) => value - 1.5);
  deviations.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 12);
  });
});

test('the positions of a network without deviations add up to its logit', () => {
  const head = statisticsHead(foldedNetwork(networkOf('texture-net-no-deviations', 2, { width: 1 / 12 })));
  if (head === undefined) throw new Error('expected a head');
  // Channel c of every stage is c + 1 at each position; the weights of class 1 are 1, 2, 3, ...
  const mapsOf = (layer: string) => {
    const { channels = 0, sidePx = 0 } = head.stages.find((stage) => stage.layer === layer) ?? {};
    return Float32Array.from({ length: channels * sidePx ** 2 }, (_, i) => Math.floor(i / sidePx ** 2) + 1);
  };
  expect(head.stages.map(({ channels }) => channels)).toEqual([4, 8]);
  const kernel = Float32Array.from({ length: 2 * 12 }, (_, i) => (i < 12 ? 100 : i - 11));
  const parameters = new Map([
    ['linear.kernel', kernel],
    ['linear.bias', Float32Array.of(50, 7)],
  ]);
  const { stages, bias } = patchEvidence(head, parameters, mapsOf, [0, 1]);
  const means = stages.map((stage) => sumOf(stage.means));
  // 1 1 + 2 2 + 3 3 + 4 4,  5 1 + 6 2 + ... + 12 8
  for (const [i, expected] of [30, 348].entries()) expect(means[i]).toBeCloseTo(expected, 9);
  expect(stages.map((stage) => sumOf(stage.deviations))).toEqual([0, 0]);
  expect(bias).toBe(7);
});

test('stages are in the order in which the statistics name them, as the weights are', () => {
  const network = foldedNetwork(networkOf('texture-net', 2));
  const layers = network.layers.map((layer) =>
    layer.kind === 'globalStatistics' ? { ...layer, of: ['relu2', 'relu1', 'relu4'] } : layer,
  );
  const head = statisticsHead({ ...network, layers });
  expect(head?.stages.map(({ layer, channels }) => [layer, channels])).toEqual([
    ['relu2', 48],
    ['relu1', 24],
    ['relu4', 96],
  ]);
});
