import { describe, expect, test } from 'vitest';
import { createGraph, type Graph } from '../../../graph/builder.ts';
import { addBias, addGlobalAverage, addRelu, addStandardise } from '../../../graph/layers.ts';
import type { Activation, Extent, Pass } from '../../../graph/step/activation.ts';
import { addBatchNorm } from '../../../graph/step/channel-statistics.ts';
import type { ConvolutionShape } from '../../../graph/step/convolution-shape.ts';
import { directConvolution } from '../../../graph/step/direct-convolution.ts';
import { normalisedConvolution } from '../../../graph/step/normalised-convolution.ts';
import { addMaxPool } from '../../../graph/step/pooling.ts';
import { type Weights, weightsInGraph } from '../../../graph/step/stored-parameters.ts';
import { winogradConvolution } from '../../../graph/step/winograd-convolution.ts';
import type { Value } from '../../../graph/value.ts';
import { volume } from '../../../model/layer.ts';
import {
  type Arrays,
  centralDifference,
  distinctIntegers,
  type GraphRunner,
  runnerOf,
} from '../../support/float64-graph.ts';
import { tolerances } from '../../tolerances.ts';

const channels = 3;
const filters = 4;
const batch = 2;
/** One row and two columns are stored that do not count. */
const rows: Extent = { stored: 10, valid: 9 };
const columns: Extent = { stored: 10, valid: 8 };

interface Probe {
  readonly runner: GraphRunner;
  readonly output: Activation;
  readonly inputs: Arrays;
}

type Layer = (graph: Graph, x: Activation, weights: Weights) => Pass;

/**
 * A graph of one layer with `x` and `outputGradient` as inputs; outputs `y`, `x.gradient` and
 * PARAMETER.gradient.
 */
async function probe(
  layer: Layer,
  parameters: Readonly<Record<string, readonly number[]>>,
  extents: { readonly rows: Extent; readonly columns: Extent } = { rows, columns },
): Promise<Probe> {
  const graph = createGraph({ name: 'probe', opset: 17, float: 'float64' });
  const shape = [extents.rows.stored, extents.columns.stored, channels, batch];
  const x = graph.input('x', 'float64', shape);
  const stored = Object.fromEntries(
    Object.entries(parameters).map(([name, sizes]) => [name, graph.input(name, 'float64', sizes)]),
  );
  const pass = layer(
    graph.scope('layer'),
    { value: x, ...extents, channels },
    weightsInGraph((name) => stored[name] as Value),
  );
  const outputShape = pass.output.value.shape as readonly number[];
  const outputGradient = graph.input('outputGradient', 'float64', outputShape);
  const gradients = pass.backward(outputGradient);
  graph.output(graph.node('Identity', [pass.output.value], { name: 'y' }));
  graph.output(graph.node('Identity', [gradients.dX()], { name: 'x.gradient' }));
  for (const [name, value] of Object.entries(gradients.parameters)) {
    graph.output(graph.node('Identity', [value], { name: `${name}.gradient` }));
  }
  const sizes = Object.entries(parameters).map(([name, of], i) => [name, spreadValues(volume(of), i + 2)]);
  const inputs = {
    x: distinctIntegers(volume(shape), 1).map((value) => value / 100),
    ...Object.fromEntries(sizes),
    outputGradient: validOnly(pass.output, spreadValues(volume(outputShape), 9)),
  };
  return { runner: await runnerOf(graph), output: pass.output, inputs };
}

/** Distinct values around zero. */
function spreadValues(count: number, seed: number): Float64Array {
  return distinctIntegers(count, seed).map((value) => (value - count / 2 + 0.25) / count);
}

/** Zero where the activation is not valid: so are the gradients that reach it in a step. */
function validOnly(x: Activation, values: Float64Array): Float64Array {
  const width = x.channels * batch;
  return values.map((value, at) => {
    const position = Math.floor(at / width);
    const [row, column] = [Math.floor(position / x.columns.stored), position % x.columns.stored];
    return row < x.rows.valid && column < x.columns.valid ? value : 0;
  });
}

/** Checks every element of every gradient against the difference of sum(y outputGradient). */
async function expectTrueGradients({ runner, inputs }: Probe): Promise<void> {
  const gradients = await runner.run(inputs);
  const loss = async (at: Arrays) => {
    const { y = new Float64Array() } = await runner.run(at);
    return y.reduce((sum, value, i) => sum + value * (inputs.outputGradient?.[i] as number), 0);
  };
  for (const name of Object.keys(inputs).filter((name) => name !== 'outputGradient')) {
    const analytic = gradients[`${name}.gradient`];
    expect(analytic?.length, name).toBe(inputs[name]?.length);
    for (let at = 0; at < (analytic?.length ?? 0); at++) {
      const numeric = await centralDifference(loss, inputs, name, at, 1e-5);
      expect(Math.abs((analytic?.[at] as number) - numeric), `${name}[${at}]`).toBeLessThan(
        tolerances.numericGradient,
      );
    }
  }
  await runner.release();
}

/** y of a convolution and a pooling from their definitions, `[pooledRows, pooledColumns, filters, batch]`. */
function convolvedAndPooled(inputs: Arrays, shape: ConvolutionShape): Float64Array {
  const { kernelPx, pool, pooledRows, pooledColumns } = shape;
  const { x = [], kernel = [] } = inputs;
  const at = (row: number, column: number, filter: number, patch: number) => {
    let sum = 0;
    for (let i = 0; i < kernelPx; i++)
      for (let j = 0; j < kernelPx; j++)
        for (let c = 0; c < channels; c++) {
          const pixel = (row + i) * columns.stored + column + j;
          const position = ((i * kernelPx + j) * filters + filter) * channels + c;
          sum += (kernel[position] as number) * (x[(pixel * channels + c) * batch + patch] as number);
        }
    return sum;
  };
  return Float64Array.from({ length: pooledRows * pooledColumns * filters * batch }, (_, index) => {
    const [patch, filter] = [index % batch, Math.floor(index / batch) % filters];
    const cell = Math.floor(index / batch / filters);
    const [row, column] = [Math.floor(cell / pooledColumns) * pool, (cell % pooledColumns) * pool];
    const cellValues = Array.from({ length: pool ** 2 }, (_, p) =>
      at(row + Math.floor(p / pool), column + (p % pool), filter, patch),
    );
    return Math.max(...cellValues);
  });
}

function shapeOf(kernelPx: number, pool: number): ConvolutionShape {
  const pooled = ({ valid }: Extent) => Math.floor((valid - kernelPx + 1) / pool);
  return {
    kernelPx,
    stridePx: 1,
    channels,
    filters,
    pool,
    pooledRows: pooled(rows),
    pooledColumns: pooled(columns),
  };
}

const convolutions = [
  { name: 'direct', kernelPx: 1, pool: 1 },
  { name: 'direct', kernelPx: 1, pool: 2 },
  { name: 'direct', kernelPx: 2, pool: 3 },
  { name: 'direct', kernelPx: 3, pool: 2 },
  { name: 'direct', kernelPx: 4, pool: 1 },
  { name: 'direct', kernelPx: 8, pool: 1 },
  { name: 'F(2,2)', kernelPx: 2, pool: 2, tile: { rows: 2, columns: 2 } },
  { name: 'F(3,2)', kernelPx: 2, pool: 3, tile: { rows: 3, columns: 3 } },
  { name: 'F(4,3)', kernelPx: 3, pool: 1, tile: { rows: 4, columns: 4 } },
  { name: 'F(3,3)', kernelPx: 3, pool: 2, tile: { rows: 3, columns: 3 } },
  { name: 'F(5,4)', kernelPx: 4, pool: 2, tile: { rows: 5, columns: 5 } },
  { name: 'F(2,4)', kernelPx: 4, pool: 2, tile: { rows: 2, columns: 2 } },
  { name: 'F(4,5)', kernelPx: 5, pool: 2, tile: { rows: 4, columns: 4 } },
  { name: 'F(3,2) along rows, F(2,2) along columns', kernelPx: 2, pool: 2, tile: { rows: 3, columns: 2 } },
  { name: 'F(2,3) along rows, F(7,3) along columns', kernelPx: 3, pool: 1, tile: { rows: 2, columns: 7 } },
] as const;

describe.each(convolutions)('convolution $name, kernel $kernelPx, pooling $pool', (method) => {
  const { kernelPx, pool } = method;
  const shape = shapeOf(kernelPx, pool);
  const layer: Layer = (graph, x, weights) =>
    'tile' in method
      ? winogradConvolution(graph, { x, kernel: 'kernel', weights }, shape, method.tile)
      : directConvolution(graph, { x, kernel: 'kernel', weights }, shape);
  const parameters = { kernel: [kernelPx ** 2, filters, channels] };

  test('computes the definition', async () => {
    const { runner, output, inputs } = await probe(layer, parameters);
    const { y = new Float64Array() } = await runner.run(inputs);
    const width = filters * batch;
    const expected = convolvedAndPooled(inputs, shape);
    expect([output.rows.valid, output.columns.valid]).toEqual([shape.pooledRows, shape.pooledColumns]);
    for (let row = 0; row < shape.pooledRows; row++) {
      for (let column = 0; column < shape.pooledColumns; column++) {
        const got = y.subarray((row * output.columns.stored + column) * width);
        const wanted = expected.subarray((row * shape.pooledColumns + column) * width);
        for (let i = 0; i < width; i++) {
          expect(Math.abs((got[i] as number) - (wanted[i] as number))).toBeLessThan(tolerances.float64Sum);
        }
      }
    }
    await runner.release();
  });

  test('has the gradients of central differences', async () => {
    await expectTrueGradients(await probe(layer, parameters));
  });
});

describe('gradients equal central differences', () => {
  test('of a bias', async () => {
    await expectTrueGradients(
      await probe((graph, x, weights) => addBias(graph, x, 'bias', weights), { bias: [channels] }),
    );
  });

  test('of a ReLU', async () => {
    const shifted: Layer = (graph, x) => {
      const value = graph.node('Sub', [x.value, graph.scalar(2.345)]);
      return addRelu(graph, { ...x, value });
    };
    await expectTrueGradients(await probe(shifted, {}));
  });

  test.each([2, 3])('of a separate max pooling of %i', async (sizePx) => {
    await expectTrueGradients(await probe((graph, x) => addMaxPool(graph, x, sizePx), {}));
  });

  test('of a standardisation', async () => {
    const whole = { rows: { stored: 5, valid: 5 }, columns: { stored: 4, valid: 4 } };
    await expectTrueGradients(await probe((graph, x) => addStandardise(graph, x, 1), {}, whole));
  });

  test('of the mean over positions', async () => {
    await expectTrueGradients(await probe(addGlobalAverage, {}));
  });
});

describe('ties', () => {
  const flat = { rows: { stored: 4, valid: 4 }, columns: { stored: 5, valid: 5 } };
  const poolings = [
    { name: 'alone', layer: ((graph, x) => addMaxPool(graph, x, 2)) as Layer, parameters: {} },
    {
      name: 'in a direct convolution',
      layer: ((graph, x, weights) =>
        directConvolution(
          graph,
          { x, kernel: 'kernel', weights },
          { kernelPx: 1, stridePx: 1, channels, filters, pool: 2, pooledRows: 2, pooledColumns: 2 },
        )) as Layer,
      parameters: { kernel: [1, filters, channels] },
    },
    {
      name: 'in a tiled convolution',
      layer: ((graph, x, weights) =>
        winogradConvolution(
          graph,
          { x, kernel: 'kernel', weights },
          { kernelPx: 2, stridePx: 1, channels, filters, pool: 2, pooledRows: 1, pooledColumns: 2 },
          { rows: 2, columns: 2 },
        )) as Layer,
      parameters: { kernel: [4, filters, channels] },
    },
  ];

  test.each(poolings)(
    'of a pooling $name: the gradient of a flat patch is neither lost nor doubled',
    async ({ layer, parameters }) => {
      const { runner, output, inputs } = await probe(layer, parameters, flat);
      const ones = (name: string) => new Float64Array(inputs[name]?.length ?? 0).fill(1);
      const kernel = 'kernel' in inputs ? { kernel: ones('kernel') } : {};
      const gradients = await runner.run({ x: ones('x'), ...kernel, outputGradient: ones('outputGradient') });
      const total = Array.from(gradients['x.gradient'] ?? []).reduce((sum, value) => sum + value, 0);
      // Each cell passes its gradient to one of its positions, through every kernel position and filter.
      const copies = 'kernel' in inputs ? (parameters.kernel?.[0] ?? 1) * filters : 1;
      const cells = output.rows.valid * output.columns.valid * channels * batch;
      expect(total).toBeCloseTo(cells * copies, 9);
      await runner.release();
    },
  );
});

test('a convolution of patches and its batch normalisation in closed form have the results of the two layers', async () => {
  const graph = createGraph({ name: 'both', opset: 17, float: 'float64' });
  const input = (name: string, shape: readonly number[]) => graph.input(name, 'float64', shape);
  const shape = { ...shapeOf(3, 1), stridePx: 2, channels: 1, pooledRows: 4, pooledColumns: 3 };
  const x = { value: input('x', [10, 10, 1, batch]), rows, columns, channels: 1 };
  const values = {
    kernel: input('kernel', [9, filters, 1]),
    'norm.scale': input('scale', [filters]),
    'norm.shift': input('shift', [filters]),
  };
  const weights = weightsInGraph((name) => values[name as keyof typeof values]);
  const norm = { kind: 'batchNorm', name: 'norm', epsilon: 1e-5 } as const;
  const inputs = { x, kernel: 'kernel', weights };
  const dY = input('dY', [4, 3, filters, batch]);

  const closed = normalisedConvolution(graph.scope('closed'), inputs, shape, { name: 'conv', norm });
  const convolution = directConvolution(graph.scope('conv'), inputs, shape);
  const normalised = addBatchNorm(graph.scope('norm'), convolution.output, norm, weights);
  const gradient = normalised.backward(dY);
  const expected = {
    y: normalised.output.value,
    ...normalised.statistics,
    ...gradient.parameters,
    ...convolution.backward(gradient.dX()).parameters,
  };
  const got = { y: closed.output.value, ...closed.statistics, ...closed.backward(dY).parameters };
  expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(got)) {
    const both = [value, expected[name as keyof typeof expected]].map((side) => graph.reshape(side, [-1]));
    graph.output(graph.node('Sub', both, { name: `${name}.difference` }));
  }

  const runner = await runnerOf(graph);
  const outputs = await runner.run({
    x: distinctIntegers(100 * batch, 1),
    kernel: spreadValues(9 * filters, 2),
    // A negative scale counts by its size.
    scale: [1, -0.5, 2, 0.25],
    shift: [0, 1, -1, 0.5],
    dY: spreadValues(12 * filters * batch, 3),
  });
  for (const [name, differences] of Object.entries(outputs)) {
    expect(Math.max(...differences.map(Math.abs)), name).toBeLessThan(tolerances.float64Sum);
  }
  expect(outputs['y.difference']).toHaveLength(12 * filters * batch);
  await runner.release();
});
