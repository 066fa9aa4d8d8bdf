import { expect, test } from 'vitest';
import { shownLayers } from '../../../graph/derived/activation-graph.ts';
import { networkOf } from '../../../model/network.ts';

test('the shown layers have several channels and positions, so that each has maps', () => {
  const names = shownLayers(networkOf('texture-net', 5)).map(({ layer }) => layer.name);
  expect([names[0], names.at(-1)]).toEqual(['conv1', 'relu4']);
  // Their classes have several positions.
  const last = shownLayers(networkOf('no-pool2', 5)).at(-1);
  expect([last?.layer.name, last?.outputShape]).toEqual(['conv5', [5, 4, 4]]);
});
