import { expect, test } from 'vitest';
import { foldBatchNorm, foldedNetwork } from '../../model/fold-batch-norm.ts';
import type { Layer } from '../../model/layer.ts';
import { type Network, networkOf } from '../../model/network.ts';
import { checkParameters } from '../../model/parameters.ts';
import { largestDifference } from '../support/onnx-session.ts';
import { randomParameters, randomPatches } from '../support/random-network.ts';
import { referenceLogits } from '../support/reference-network.ts';
import { tolerances } from '../tolerances.ts';

test.each([
  networkOf('texture-net', 5, { width: 0.5 }),
  networkOf('reference', 5, { width: 0.2, batchNorm: true }),
])('$name computes the same without its batch normalisations', (network) => {
  const trained = { network, parameters: randomParameters(network, 3) };
  const folded = foldBatchNorm(trained);
  expect(folded.network.layers.some(({ kind }) => kind === 'batchNorm')).toBe(false);
  checkParameters(folded.network, folded.parameters, 'folded');
  const patches = randomPatches(2, 4);
  const expected = referenceLogits(network, trained.parameters, patches);
  const logits = referenceLogits(folded.network, folded.parameters, patches);
  expect(largestDifference(logits, expected)).toBeLessThan(tolerances.engineLogit);
});

test('the reference with batch normalisation folds to its 14 layers', () => {
  const plain = networkOf('reference', 25);
  expect(foldedNetwork(networkOf('reference', 25, { batchNorm: true }))).toEqual(plain);
});

test('a folded network, and one without batch normalisation, do not change', () => {
  const network = networkOf('lab-baseline', 4);
  const parameters = randomParameters(network, 1);
  expect(foldBatchNorm({ network, parameters })).toEqual({ network, parameters });
});

test.each([{ after: ['relu'] }, { after: [] }, { after: ['batchNorm', 'convolution'] }] as const)(
  'a batch normalisation before $after that no convolution can absorb is reported',
  ({ after }) => {
    const known = {
      relu: { kind: 'relu', name: 'relu' },
      batchNorm: { kind: 'batchNorm', name: 'second', epsilon: 1e-5 },
      convolution: { kind: 'convolution', name: 'conv', kernelPx: 1, filters: 2 },
    } as const;
    const norm: Layer = { kind: 'batchNorm', name: 'norm', epsilon: 1e-5 };
    const network: Network = { name: 'odd', classes: 2, layers: [norm, ...after.map((kind) => known[kind])] };
    expect(() => foldedNetwork(network)).toThrow('norm cannot be folded');
  },
);
