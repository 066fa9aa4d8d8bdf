import { describe, expect, test } from 'vitest';
import { createGraph, type Graph } from '../../graph/builder.ts';
import { decodeMessage } from '../../graph/onnx/protobuf.ts';
import { tensorOf } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';
import { Tensor } from '../../node/onnxruntime.ts';
import { bytesOf, largestDifference, runModel } from '../support/onnx-session.ts';
import { tolerances } from '../tolerances.ts';

const newGraph = (float: 'float32' | 'float64' = 'float32') =>
  createGraph({ name: 'test', opset: 17, float });

/**
 * Runs the graph that `build` makes from `x` `[2,3,2]` with the values 0..11 and checks the inferred shapes.
 */
async function outputsOf(build: (graph: Graph, x: Value) => readonly Value[]) {
  const graph = newGraph();
  const outputs = build(graph, graph.input('x', 'float32', [2, 3, 2]));
  for (const output of outputs) graph.output(output);
  const x = new Tensor(
    'float32',
    Float32Array.from({ length: 12 }, (_, i) => i),
    [2, 3, 2],
  );
  const results = await runModel(bytesOf(graph), { x });
  return outputs.map(({ name, shape }) => {
    expect(results[name]?.shape).toEqual(shape);
    return results[name]?.values;
  });
}

describe('operators worked out by hand on x = 0..11 as [2,3,2]', () => {
  test('sum over the first and last axis', async () => {
    expect(await outputsOf((g, x) => [g.sum(x, [0, -1])])).toEqual([[14, 22, 30]]);
    expect(await outputsOf((g, x) => [g.sum(x, [1], { keepsAxes: true })])).toEqual([[6, 9, 24, 27]]);
  });

  test('a split has its parts as outputs, and concatenating them in the other order swaps them', async () => {
    const [first, second, swapped] = await outputsOf((g, x) => {
      const [a = x, b = x] = g.split(x, 1, [1, 2]);
      return [a, b, g.node('Concat', [b, a], { axis: 1 })];
    });
    expect(first).toEqual([0, 1, 6, 7]);
    expect(second).toEqual([2, 3, 4, 5, 8, 9, 10, 11]);
    expect(swapped).toEqual([2, 3, 4, 5, 0, 1, 8, 9, 10, 11, 6, 7]);
  });

  test('transposed, reshaped and multiplied', async () => {
    const [transposed, product] = await outputsOf((g, x) => {
      const transposed = g.node('Transpose', [x], { perm: [2, 0, 1] });
      const matrix = g.floats([1, 0, 0, 1, 1, 1], [3, 2]);
      return [transposed, g.node('MatMul', [g.reshape(transposed, [-1, 3]), matrix])];
    });
    expect(transposed).toEqual([0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
    expect(product).toEqual([4, 6, 16, 18, 6, 8, 18, 20]);
  });

  test('gathered with indices of two axes', async () => {
    const indices = tensorOf('int64', [2, 2], [2, 0, 1, 1]);
    const [gathered] = await outputsOf((g, x) => [g.node('Gather', [x, g.constant(indices)], { axis: 1 })]);
    expect(gathered).toEqual([4, 5, 0, 1, 2, 3, 2, 3, 10, 11, 6, 7, 8, 9, 8, 9]);
  });

  test('compared, negated and cast', async () => {
    const [mask, labels] = await outputsOf((g, x) => {
      const isLarge = g.node('GreaterOrEqual', [x, g.scalar(6)]);
      const small = g.node('Cast', [g.node('Not', [isLarge])], { to: 'float32' });
      return [small, g.node('Cast', [g.node('Max', [x, g.scalar(3.9), g.scalar(2)])], { to: 'int32' })];
    });
    expect(mask).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    expect(labels).toEqual([3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test('sliced, padded and flattened', async () => {
    const [sliced, padded, flat] = await outputsOf((g, x) => {
      const part = g.node('Slice', [x, g.integers([1, 0]), g.integers([99, -1]), g.integers([1, 2])]);
      return [
        part,
        g.node('Pad', [part, g.integers([0, 0, 1, 0, 1, 0])], { mode: 'constant' }),
        g.node('Flatten', [x], { axis: 2 }),
      ];
    });
    expect(sliced).toEqual([2, 4, 8, 10]);
    expect(padded).toEqual([0, 2, 0, 4, 0, 0, 0, 8, 0, 10, 0, 0]);
    expect(flat).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
});

test('a 5x5 image under a 3x2 kernel, with padding, stride and dilation', async () => {
  const graph = newGraph();
  const image = graph.input('x', 'float32', ['N', 1, 5, 5]);
  const kernel = graph.floats([1, 0, 0, 0, 0, 10], [1, 1, 3, 2]);
  const convolved = graph.node('Conv', [image, kernel], {
    kernel_shape: [3, 2],
    strides: [2, 1],
    pads: [1, 0, 0, 0],
    dilations: [1, 2],
    group: 1,
  });
  const pooled = graph.node('MaxPool', [image], {
    kernel_shape: [2, 2],
    strides: [2, 2],
    pads: [0, 0, 0, 0],
  });
  graph.output(convolved);
  graph.output(pooled);
  expect(convolved.shape).toEqual(['N', 1, 2, 3]);
  const x = new Tensor(
    'float32',
    Float32Array.from({ length: 25 }, (_, i) => i),
    [1, 1, 5, 5],
  );
  const results = await runModel(bytesOf(graph), { x });
  // y[r,s] = x[2r-1,s] + 10 x[2r+1,s+2], with x = 5 row + column and zero above the image.
  expect(results[convolved.name]?.values).toEqual([70, 80, 90, 175, 186, 197]);
  expect(results[pooled.name]).toEqual({ shape: [1, 1, 2, 2], values: [6, 8, 16, 18] });
});

test('the same graph computes in double when it is built in float64', async () => {
  const build = async (float: 'float32' | 'float64') => {
    const graph = newGraph(float);
    const x = graph.input('x', float, [3]);
    graph.output(
      graph.node('Div', [graph.node('Add', [x, graph.scalar(1e-9)]), graph.scalar(3)], { name: 'y' }),
    );
    const values = float === 'float32' ? Float32Array.of(1, 2, 5) : Float64Array.of(1, 2, 5);
    return (await runModel(bytesOf(graph), { x: new Tensor(float, values, [3]) })).y?.values ?? [];
  };
  const exact = [1, 2, 5].map((value) => (value + 1e-9) / 3);
  expect(largestDifference(await build('float64'), exact)).toBeLessThan(tolerances.float64);
  const single = largestDifference(await build('float32'), exact);
  expect(single).toBeGreaterThan(tolerances.float64);
  expect(single).toBeLessThan(tolerances.float32);
});

describe('names and constants', () => {
  test('values are named after their scope, and numbered per operator if they have no name', () => {
    const graph = newGraph();
    const x = graph.input('x', 'float32', ['N', 3]);
    const conv2 = graph.scope('conv2');
    const names = [
      conv2.node('Relu', [x]),
      conv2.node('Relu', [x]),
      conv2.node('Relu', [x], { name: 'output' }),
      conv2.scope('gradient').node('Sqrt', [x]),
    ].map(({ name }) => name);
    expect(names).toEqual(['conv2.Relu.1', 'conv2.Relu.2', 'conv2.output', 'conv2.gradient.Sqrt.1']);
    expect(() => conv2.node('Relu', [x], { name: 'output' })).toThrow('conv2.output is taken');
  });

  test('constants of the same type, shape and content are stored once', () => {
    const graph = newGraph();
    const stored = [
      graph.floats([1, 2], [2]),
      graph.scope('a').floats([1, 2], [2]),
      graph.floats([1, 2], [1, 2]),
      graph.integers([1, 2]),
      graph.floats([0, 2], [2]),
      graph.floats([-0, 2], [2]),
    ];
    expect(stored[1]).toBe(stored[0]);
    expect(new Set(stored).size).toBe(5);
    expect(graph.content().initializers).toHaveLength(5);
    graph.initializer('weights', tensorOf('float32', [2], [1, 2]));
    expect(graph.content().initializers).toHaveLength(6);
  });

  test('attributes are encoded in the type that the operator defines', () => {
    const graph = newGraph();
    const x = graph.input('x', 'float32', [2, 2]);
    graph.output(graph.node('Transpose', [x], { perm: [1, 0] }));
    graph.output(graph.node('Softmax', [x], { axis: 1 }));
    graph.output(graph.node('Pad', [x, graph.integers([0, 0, 1, 1])], { mode: 'edge' }));
    const nodes = decodeMessage('Model', bytesOf(graph), 'a test').graph?.node ?? [];
    expect(nodes.map(({ attribute }) => attribute)).toEqual([
      [{ name: 'perm', ints: [1, 0], type: 7 }],
      [{ name: 'axis', i: 1, type: 2 }],
      [{ name: 'mode', s: new TextEncoder().encode('edge'), type: 3 }],
    ]);
  });
});

describe('a mistake is reported at the node that causes it', () => {
  const cases: readonly [string, (graph: Graph, x: Value) => unknown, string][] = [
    [
      'sizes that do not broadcast',
      (g, x) => g.node('Add', [x, g.floats([1, 2, 3], [3])], { name: 'sum' }),
      'sum',
    ],
    ['matrices that do not fit', (g, x) => g.node('MatMul', [x, x]), '[N,4,2] x [N,4,2]: inner sizes differ'],
    ['types that meet', (g, x) => g.node('Mul', [x, g.integers([2])]), 'types float32 and int64 meet'],
    ['a reshape that loses values', (g, x) => g.reshape(x, [0, 9]), '[N,4,2] does not reshape to [0,9]'],
    ['parts that do not add up', (g, x) => g.split(x, 1, [1, 2]), 'does not split into [1,2]'],
    ['an axis that is not there', (g, x) => g.sum(x, [3]), 'axis 3 of a value with 3 axes'],
    [
      'a permutation that names an axis twice',
      (g, x) => g.node('Transpose', [x], { perm: [0, 1, 1] }),
      '[0,1,1]',
    ],
    ['too few inputs', (g, x) => g.node('Add', [x]), 'expected 2 to 2 inputs, got 1'],
    ['a value of another graph', (g) => g.node('Relu', [newGraph().scalar(1)]), 'not a value of this graph'],
    ['a tensor of another size', (g) => g.floats([1, 2, 3], [2, 2]), 'expected 4 values, got 3'],
  ];
  test.each(cases)('%s', (_, build, message) => {
    const graph = newGraph();
    const x = graph.input('x', 'float32', ['N', 4, 2]);
    expect(() => build(graph, x)).toThrow(message);
  });

  test('a symbolic batch size passes through reshapes', () => {
    const graph = newGraph();
    const x = graph.input('x', 'float32', ['N', 4, 2]);
    expect(graph.reshape(x, [0, 8]).shape).toEqual(['N', 8]);
    expect(graph.reshape(x, [-1, 2, 4]).shape).toEqual(['N', 2, 4]);
    expect(graph.reshape(x, [-1, 2]).shape).toEqual(['4*N', 2]);
  });
});
