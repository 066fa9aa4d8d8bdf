import { expect, test } from 'vitest';
import { describeLayers } from '../../model/description.ts';
import type { Layer } from '../../model/layer.ts';
import {
  networkOf,
  networkSchema,
  type TextureNetVariantName,
  textureNetVariantNames,
  trainedNames,
  type Variant,
  variantNames,
  variants,
} from '../../model/network.ts';
import { inputPx } from '../../model/patch.ts';

test('every variant differs from the reference only in what it ablates', () => {
  const reference = networkOf('reference', 9).layers;
  for (const name of variantNames) {
    const variant: Variant = variants[name];
    if (variant.ownLayers !== undefined) continue;
    const { layers } = networkOf(name, 9);
    expect(layers, name).toEqual(reference.filter((layer) => !variant.removes.includes(layer.name)));
    expect(layers.length, name).toBe(reference.length - variant.removes.length);
  }
});

test('there are ten variants, and lab-baseline has 3 convolutions, 2 ReLU and 2 poolings', () => {
  expect(variantNames).toHaveLength(10);
  const kinds = networkOf('lab-baseline', 9).layers.map(({ kind }) => kind);
  const count = (kind: string) => kinds.filter((other) => other === kind).length;
  expect([count('convolution'), count('relu'), count('maxPool')]).toEqual([3, 2, 2]);
});

test('every variant of texture-net lacks or adds what it is named after, and nothing else', () => {
  const whole = networkOf('texture-net', 9).layers;
  const named = (name: TextureNetVariantName) => networkOf(name, 9, { batchNorm: true }).layers;
  const statistics = (layers: readonly Layer[]) => layers.find(({ kind }) => kind === 'globalStatistics');
  const withStatistics = (changes: object) =>
    whole.map((layer) => (layer.kind === 'globalStatistics' ? { ...layer, ...changes } : layer));
  expect(named('texture-net-no-deviations')).toEqual(withStatistics({ deviations: false }));
  expect(statistics(whole)).toMatchObject({ of: ['relu2', 'relu4'] });
  expect(named('texture-net-with-stage1')).toEqual(withStatistics({ of: ['relu1', 'relu2', 'relu4'] }));
  expect(named('texture-net-no-stage2')).toEqual(withStatistics({ of: ['relu4'] }));
  const without3 = named('texture-net-no-stage3');
  expect(statistics(without3)).toMatchObject({ of: ['relu2'] });
  expect(without3).toEqual(
    withStatistics({ of: ['relu2'] }).filter(({ name }) => !/^(conv|norm|relu)[34]$/.test(name)),
  );
  const plain = named('texture-net-no-norm');
  expect(plain).toEqual(
    whole
      .filter(({ kind }) => kind !== 'batchNorm')
      .map((layer) => {
        if (layer.kind !== 'convolution') return layer;
        const { hasBias: _, ...biased } = layer;
        return biased;
      }),
  );
  const features = (layers: readonly Layer[]) =>
    describeLayers({ name: 'n', classes: 9, layers }).find(({ layer }) => layer.kind === 'globalStatistics')
      ?.outputShape[0];
  expect(features(whole)).toBe(288);
  expect(textureNetVariantNames.map((name) => features(named(name)))).toEqual([144, 288, 192, 96, 336]);
});

test('layer names are unique in every network', () => {
  for (const name of trainedNames) {
    const names = networkOf(name, 3).layers.map((layer) => layer.name);
    expect(new Set(names).size, name).toBe(names.length);
  }
});

test('the reference has 14 layers after the fixed standardisation', () => {
  expect(
    networkOf('reference', 25)
      .layers.map(({ kind }) => kind)
      .filter((kind) => kind !== 'standardise'),
  ).toHaveLength(14);
  expect(inputPx).toBe(64);
});

test('batch normalisation follows every convolution but the classifier, and replaces its bias', () => {
  const { layers } = networkOf('reference', 9, { batchNorm: true });
  expect(layers.slice(1, 8).map(({ name }) => name)).toEqual([
    'conv1',
    'norm1',
    'relu1',
    'pool1',
    'conv2',
    'norm2',
    'relu2',
  ]);
  const convolutions = layers.filter((layer) => layer.kind === 'convolution');
  expect(convolutions.map(({ hasBias }) => hasBias ?? true)).toEqual([false, false, false, false, true]);
  const texture = networkOf('texture-net', 9);
  expect(networkOf('texture-net', 9, { batchNorm: true })).toEqual(texture);
  expect(networkSchema.parse(JSON.parse(JSON.stringify(texture)))).toEqual(texture);
});

test('fewer than two classes are rejected', () => {
  expect(() => networkOf('reference', 1)).toThrow('expected 2 or more classes, got 1');
  expect(() => networkOf('reference', 2.5)).toThrow('got 2.5');
});

test('a form changes widths, initial values and the first layer, and keeps the layers and the classes', () => {
  const plain = networkOf('reference', 9).layers;
  const { layers } = networkOf('reference', 9, { width: 0.25, initialDeviation: 0.02, meanGrey: 110 });
  expect(layers[0]).toEqual({ kind: 'subtractMean', name: 'centre', meanGrey: 110 });
  expect(layers.slice(1).map(({ name }) => name)).toEqual(plain.slice(1).map(({ name }) => name));
  const convolutions = layers.filter((layer) => layer.kind === 'convolution');
  expect(convolutions.map(({ filters }) => filters)).toEqual([5, 13, 125, 125, 9]);
  expect(new Set(convolutions.map(({ initialDeviation }) => initialDeviation))).toEqual(new Set([0.02]));
  expect(networkOf('reference', 9, { width: 1 }).layers).toEqual(plain);
});

test('a network stored by an earlier version, whose last layer was called softmax, still loads', () => {
  const network = networkOf('lab-baseline', 4);
  const stored = JSON.stringify(network).replace('"globalAverage"', '"softmax"');
  expect(networkSchema.parse(JSON.parse(stored))).toEqual(network);
  expect(networkSchema.safeParse({ ...network, layers: [{ kind: 'other', name: 'x' }] }).success).toBe(false);
});
