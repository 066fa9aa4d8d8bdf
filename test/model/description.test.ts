import { expect, test } from 'vitest';
import { describeLayers, parameterSpecs, totalsOf, trainingStepBytes } from '../../model/description.ts';
import { type NetworkName, networkOf, variantNames } from '../../model/network.ts';

function shapesOf(name: NetworkName, classes = 25): string[] {
  return describeLayers(networkOf(name, classes)).map(
    ({ layer, outputShape }) => `${layer.name} ${outputShape.join('x')}`,
  );
}

test("the reference has the paper's shapes: 64x64 input, 5x5x500 before stage 4, 1x1x25 output", () => {
  expect(shapesOf('reference')).toEqual([
    'standardise 1x64x64',
    'conv1 20x60x60',
    'relu1 20x60x60',
    'pool1 20x30x30',
    'conv2 50x26x26',
    'relu2 50x26x26',
    'pool2 50x13x13',
    'conv3 500x10x10',
    'relu3 500x10x10',
    'pool3 500x5x5',
    'conv4 500x2x2',
    'relu4 500x2x2',
    'pool4 500x1x1',
    'conv5 25x1x1',
    'average 25x1x1',
  ]);
});

test('the reference has 4,439,095 parameters at 25 classes, and the multiply-adds counted by hand', () => {
  const totals = totalsOf(describeLayers(networkOf('reference', 25)));
  expect(totals.parameters).toBe(4_439_095);
  const convolutions = 60 * 60 * 20 * 25 + 26 * 26 * 50 * 500 + 100 * 500 * 800 + 4 * 500 * 8000 + 25 * 500;
  expect(totals.multiplyAdds).toBe(convolutions + 2 * 64 * 64);
});

test('texture-net has 143,713 parameters, reads the whole patch and needs 22.97 million multiply-adds', () => {
  const layers = describeLayers(networkOf('texture-net', 25));
  const totals = totalsOf(layers);
  const kernels = 24 * 25 + 48 * 216 + 96 * 432 + 96 * 864;
  const normalisations = 2 * (24 + 48 + 96 + 96 + 288);
  expect(totals.parameters).toBe(kernels + normalisations + 288 * 25 + 25);
  expect(totals.parameters).toBe(143_713);
  const convolutions = 30 * 30 * 24 * 25 + 28 * 28 * 48 * 216 + 144 * 96 * 432 + 100 * 96 * 864 + 288 * 25;
  const statistics = 48 * 196 + 96 * 100;
  expect(totals.multiplyAdds).toBe(convolutions + statistics + 2 * 64 * 64);
  const last = layers.at(-1);
  // conv1 5 at 2; conv2 5+2*2=9; pool2 11 at 4; conv3 11+2*4=19; conv4 27; statistics 27+9*4=63.
  expect([last?.receptiveFieldPx, last?.stridePx, last?.outputShape]).toEqual([63, 4, [25, 1, 1]]);
  expect(shapesOf('texture-net').filter((line) => /conv|pool|statistics/.test(line))).toEqual([
    'conv1 24x30x30',
    'conv2 48x28x28',
    'pool2 48x14x14',
    'conv3 96x12x12',
    'conv4 96x10x10',
    'statistics 288x1x1',
  ]);
});

test('a layer that reads a later layer, or not the previous one, is reported', () => {
  const layersReading = (of: readonly string[]) => ({
    ...networkOf('texture-net', 3),
    layers: networkOf('texture-net', 3).layers.map((layer) =>
      layer.kind === 'globalStatistics' ? { ...layer, of } : layer,
    ),
  });
  expect(() => describeLayers(layersReading(['linear', 'relu4']))).toThrow(/statistics reads linear/);
  expect(() => describeLayers(layersReading(['relu4', 'relu1']))).toThrow(/statistics/);
});

test('pooling drops an odd last row and column', () => {
  expect(shapesOf('no-pool1')).toEqual(
    expect.arrayContaining(['conv3 500x25x25', 'pool3 500x12x12', 'conv4 500x9x9', 'pool4 500x4x4']),
  );
});

test('variants that keep several positions average them in the head', () => {
  expect(shapesOf('no-conv4-pool4', 7)).toEqual(expect.arrayContaining(['conv5 7x5x5', 'average 7x1x1']));
  expect(shapesOf('no-relu234-pool4', 7)).toEqual(expect.arrayContaining(['conv5 7x2x2', 'average 7x1x1']));
});

test('receptive field and stride follow the chain of windows', () => {
  const fields = describeLayers(networkOf('reference', 25)).map(({ layer, receptiveFieldPx, stridePx }) => [
    layer.name,
    receptiveFieldPx,
    stridePx,
  ]);
  // conv1 5; pool1 5+1=6 at 2; conv2 6+4*2=14; pool2 14+2=16 at 4; conv3 16+3*4=28; pool3 28+4=32 at 8; conv4
  // 32+3*8=56; pool4 56+8=64.
  expect(fields.filter(([name]) => /conv|pool/.test(String(name)))).toEqual([
    ['conv1', 5, 1],
    ['pool1', 6, 2],
    ['conv2', 14, 2],
    ['pool2', 16, 4],
    ['conv3', 28, 4],
    ['pool3', 32, 8],
    ['conv4', 56, 8],
    ['pool4', 64, 16],
    ['conv5', 64, 16],
  ]);
});

test('an average sees the windows of all positions that are left', () => {
  const last = describeLayers(networkOf('no-pool1', 7)).at(-1);
  // conv1 5; conv2 9; pool2 10 at 2; conv3 16; pool3 18 at 4; conv4 30; pool4 34 at 8; four positions
  // 34+3*8=58.
  expect([last?.layer.name, last?.receptiveFieldPx]).toEqual(['average', 58]);
});

test('means only add: without deviations texture-net saves the multiplications of its statistics', () => {
  const multiplyAdds = (name: NetworkName) => totalsOf(describeLayers(networkOf(name, 25))).multiplyAdds;
  const statistics = 48 * 196 + 96 * 100;
  const classifier = 144 * 25;
  expect(multiplyAdds('texture-net') - multiplyAdds('texture-net-no-deviations')).toBe(
    statistics + classifier,
  );
});

test("every variant has the reference's parameter names and shapes, except for its own head", () => {
  const reference = new Map(parameterSpecs(networkOf('reference', 25)).map((spec) => [spec.name, spec]));
  for (const name of variantNames.filter((variant) => variant !== 'lab-baseline')) {
    for (const spec of parameterSpecs(networkOf(name, 25)))
      expect(spec, `${name} ${spec.name}`).toEqual(reference.get(spec.name));
  }
});

test('the memory estimate grows with the batch if the step needs more than the evaluation, and covers the measured peaks', () => {
  const estimate = (variant: (typeof variantNames)[number], batch: number) =>
    trainingStepBytes(networkOf(variant, 25), batch);
  expect(estimate('no-pool1', 330)).toBeGreaterThan(1.5 * estimate('no-pool1', 165));
  expect(estimate('reference', 33)).toBe(estimate('reference', 80));
  // Peaks of the whole process on two cores, the larger of both engines, in bytes.
  expect(estimate('reference', 33)).toBeGreaterThan(1_071_000_000);
  expect(estimate('reference', 165)).toBeGreaterThan(1_712_000_000);
  expect(estimate('no-pool1', 33)).toBeGreaterThan(2_531_000_000);
});
