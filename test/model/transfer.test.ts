import { expect, test } from 'vitest';
import { parameterSpecs } from '../../model/description.ts';
import { foldBatchNorm } from '../../model/fold-batch-norm.ts';
import { type Network, networkOf } from '../../model/network.ts';
import { checkParameters, initialParameters, parameter } from '../../model/parameters.ts';
import { normsOf, requireSameLayers, transfer, unfoldNorm } from '../../model/transfer.ts';
import { largestDifference } from '../support/onnx-session.ts';
import { randomParameters, randomPatches } from '../support/random-network.ts';
import { referenceLogits } from '../support/reference-network.ts';
import { tolerances } from '../tolerances.ts';

const textureNet = (classes: number, width = 0.25) => networkOf('texture-net', classes, { width });
const sourceOf = (network: Network, labels: readonly string[]) => ({
  network,
  parameters: randomParameters(network, 3),
  labels,
});

test('rows of classes with the same name are kept, whatever their order; the others have initial values', () => {
  const source = sourceOf(textureNet(3), ['bark', 'wood', 'n\u0303ire']);
  const network = textureNet(4);
  const labels = ['\u00f1ire', 'sand', 'bark', 'tin'];
  const { parameters, keptClasses, folded } = transfer(source, network, labels, 8);
  expect(keptClasses).toEqual(['\u00f1ire', 'bark']);
  expect(folded).toBeUndefined();
  checkParameters(network, parameters, 'transferred');
  const initial = initialParameters(network, 8);
  for (const part of ['kernel', 'bias']) {
    const rows = (values: Float32Array, classes: number) =>
      Array.from({ length: classes }, (_, i) =>
        [...values].slice((i * values.length) / classes, ((i + 1) * values.length) / classes),
      );
    const got = rows(parameter(parameters, `linear.${part}`), 4);
    const before = rows(parameter(source.parameters, `linear.${part}`), 3);
    const fresh = rows(parameter(initial, `linear.${part}`), 4);
    expect(got).toEqual([before[2], fresh[1], before[0], fresh[3]]);
  }
  for (const { name } of parameterSpecs(network)) {
    if (!name.startsWith('linear')) expect(parameters.get(name)).toEqual(source.parameters.get(name));
  }
});

test('a network without batch normalisation starts from one with it, and computes the same', () => {
  const labels = ['a', 'b', 'c'];
  const source = sourceOf(networkOf('lab-baseline', 3, { width: 0.2, batchNorm: true }), labels);
  const network = networkOf('lab-baseline', 3, { width: 0.2 });
  const { parameters, folded } = transfer(source, network, labels, 1);
  expect(folded).toBeUndefined();
  const patches = randomPatches(2, 4);
  const expected = referenceLogits(source.network, source.parameters, patches);
  expect(largestDifference(referenceLogits(network, parameters, patches), expected)).toBeLessThan(
    tolerances.engineLogit,
  );
});

test.each([textureNet(3), networkOf('reference', 3, { width: 0.1, batchNorm: true })])(
  'restored batch normalisations of $name compute what the folded ones do, with any statistics',
  (network) => {
    const labels = ['a', 'b', 'c'];
    const folded = { ...foldBatchNorm(sourceOf(network, labels)), labels };
    const started = transfer(folded, network, labels, 1);
    if (started.folded === undefined) throw new Error('nothing to restore');
    let { parameters } = started;
    const measured = randomParameters(network, 9);
    for (const norm of normsOf(network)) {
      const statistics = ['mean', 'variance'].map((part) => `${norm.name}.${part}`);
      const own = statistics.map((name) => [name, parameter(measured, name)] as const);
      parameters = unfoldNorm(network, norm, new Map([...parameters, ...own]), started.folded);
    }
    const patches = randomPatches(2, 4);
    const expected = referenceLogits(folded.network, folded.parameters, patches);
    expect(largestDifference(referenceLogits(network, parameters, patches), expected)).toBeLessThan(
      tolerances.engineLogit,
    );
  },
);

test('another network or width is an error that names both; classes, batch normalisation and mean grey may differ', () => {
  const network = textureNet(3);
  const fault = (other: Network) => {
    try {
      requireSameLayers(other, network, 'runs/steel');
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  expect(fault(textureNet(3, 0.5))).toBe(
    '--init runs/steel: its network is texture-net (standardise, 5x5/2 x12, relu1, 3x3 x24, pool2, relu2, 3x3 x48, relu3, 3x3 x48, relu4, ' +
      'statistics of relu2 relu4, 1x1 classifier), but this run trains texture-net (standardise, 5x5/2 x6, relu1, 3x3 x12, ' +
      'pool2, relu2, 3x3 x24, relu3, 3x3 x24, relu4, statistics of relu2 relu4, 1x1 classifier); ' +
      'choose the same --network, --width and --normalisation',
  );
  expect(fault(networkOf('reference', 3))).toMatch(
    /its network is reference \(.*this run trains texture-net \(/,
  );
  expect(fault(networkOf('texture-net', 3, { width: 0.25, meanGrey: 90 }))).toContain(
    'texture-net (centre, ',
  );
  expect(fault(networkOf('texture-net-no-deviations', 3, { width: 0.25 }))).toContain(
    'relu4, means of relu2 relu4, 1x1 classifier), but this run trains texture-net (',
  );
  expect(fault(textureNet(7))).toBeUndefined();
  const taught = { ...foldBatchNorm(sourceOf(network, ['a', 'b', 'c'])).network, name: 'taught' };
  expect(fault(taught)).toBeUndefined();
  const means = [90, 120].map((meanGrey) => networkOf('lab-baseline', 3, { meanGrey }));
  expect(() => requireSameLayers(means[0] as Network, means[1] as Network, 'x')).not.toThrow();
});
