import { expect, test } from 'vitest';
import { baselineName, engineName } from '../../bench/train-candidates.ts';
import { type ComparisonResult, comparisonRows, stepEfficiency } from '../../bench/train-comparison.ts';
import { trainFigure } from '../../bench/train-page.ts';
import { describeLayers, totalsOf } from '../../model/description.ts';
import { networkOf } from '../../model/network.ts';

const result: ComparisonResult = {
  comparison: { variant: 'no-pool1', threads: 2, batch: 3, data: 'generated' },
  measurements: [
    { name: engineName('onnx', 'prepared'), rates: [100, 200, 300], peakBytes: 2 ** 20 * 700 },
    { name: engineName('onnx', 'jitter64'), rates: [90, 150, 270], peakBytes: 2 ** 20 * 800 },
    { name: baselineName, rates: [50, 40, 60], peakBytes: 2 ** 20 * 900 },
  ],
  products: [
    { name: 'square', gigaflops: [200, 400, 400] },
    { name: 'narrow', gigaflops: [100, 300, 500] },
  ],
  leftOut: [],
};

test('rates are compared with PyTorch, and those with data pipeline also with prepared batches', () => {
  const ratios = comparisonRows(result).map(({ name, ratio, pipelineRatio }) => [name, ratio, pipelineRatio]);
  expect(ratios).toEqual([
    ['onnx engine', 5, undefined],
    ['onnx engine with data pipeline, jitter64', 3.75, 0.9],
    ['PyTorch', 1, undefined],
  ]);
  const withoutPyTorch = { ...result, measurements: result.measurements.slice(0, 1) };
  expect(comparisonRows(withoutPyTorch)[0]?.ratio).toBeUndefined();
});

test('efficiency counts the multiply-adds of the graph, relative to the faster product of each round', () => {
  const efficiency = stepEfficiency(result);
  // At batch 165 it is 413 million; smaller batches share the transforms of the kernels among fewer patches.
  expect(efficiency?.multiplyAdds).toBeGreaterThan(413e6);
  const forward = totalsOf(describeLayers(networkOf('no-pool1', 25))).multiplyAdds;
  expect(efficiency?.directMultiplyAdds).toBe(3 * forward);
  const reached = (2 * (efficiency?.multiplyAdds ?? 0) * 200) / 1e9;
  expect(efficiency?.gigaflops).toBeCloseTo(reached, 9);
  expect(efficiency?.share).toBeCloseTo(reached / 400, 9);
  expect(stepEfficiency({ ...result, products: [] })).toBeUndefined();
});

test('the figure has a bar per candidate and escapes the name of the processor', () => {
  const environment = {
    processor: 'A & B',
    cores: 2,
    instructions: ['avx2'],
    memoryBytes: 2 ** 33,
    system: 'Linux',
    node: '20.0.0',
    commit: undefined,
    loadBefore: 0,
    startedAt: '2026-03-07T08:09:10Z',
  };
  const svg = trainFigure([result], { environment });
  expect(svg.match(/<rect /g)).toHaveLength(1 + result.measurements.length);
  expect(svg).toContain('A &amp; B');
});
