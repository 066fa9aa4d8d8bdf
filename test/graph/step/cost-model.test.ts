import { describe, expect, test } from 'vitest';
import { createGraph, type GraphContent, multiplyAddsOf } from '../../../graph/builder.ts';
import { wholeExtent } from '../../../graph/step/activation.ts';
import {
  addConvolution,
  type ConvolutionMethod,
  convolutionCost,
  convolutionMethod,
  mostErrorGrowth,
} from '../../../graph/step/convolution.ts';
import type { ConvolutionShape } from '../../../graph/step/convolution-shape.ts';
import { trainingStepGraph } from '../../../graph/step/step.ts';
import { weightsInGraph } from '../../../graph/step/stored-parameters.ts';
import { errorGrowth, toomCook } from '../../../graph/step/toom-cook.ts';
import { describeLayers, totalsOf } from '../../../model/description.ts';
import { networkOf, type VariantName, variantNames } from '../../../model/network.ts';

function layer(size: number, kernelPx: number, channels: number, filters: number, pool: number) {
  const pooled = Math.floor((size - kernelPx + 1) / pool);
  const shape: ConvolutionShape = {
    kernelPx,
    stridePx: 1,
    channels,
    filters,
    pool,
    pooledRows: pooled,
    pooledColumns: pooled,
  };
  const x = { rows: wholeExtent(size), columns: wholeExtent(size), channels };
  return { x, shape };
}

/** Multiply-adds of all matrix products. */
function multiplyAdds({ nodes }: GraphContent): number {
  return nodes.reduce((sum, node) => sum + multiplyAddsOf(node), 0);
}

/** Multiply-adds of the forward half of one convolution that grow with the batch, a patch. */
function countedPerPatch({ x, shape }: ReturnType<typeof layer>, method: ConvolutionMethod): number {
  const counts = [1, 2].map((batch) => {
    const graph = createGraph({ name: 'layer', opset: 17, float: 'float32' });
    const { kernelPx, filters, channels } = shape;
    const image = graph.input('x', 'float32', [x.rows.stored, x.columns.stored, channels, batch]);
    const kernel = graph.input('kernel', 'float32', [kernelPx ** 2, filters, channels]);
    addConvolution(
      graph,
      { x: { ...x, value: image }, kernel: 'kernel', weights: weightsInGraph(() => kernel) },
      shape,
      method,
    );
    return multiplyAdds(graph.content());
  });
  return (counts[1] ?? 0) - (counts[0] ?? 0);
}

describe('the method of a convolution', () => {
  const winograd = (rows: number, columns = rows): ConvolutionMethod => ({
    kind: 'winograd',
    tile: { rows, columns },
  });
  const direct: ConvolutionMethod = { kind: 'direct' };
  test.each([
    ['conv1 has one channel', layer(64, 5, 1, 20, 2), direct],
    ['conv2', layer(30, 5, 20, 50, 2), winograd(4)],
    ['conv3', layer(13, 4, 50, 500, 2), winograd(5)],
    ['conv4', layer(5, 4, 500, 500, 2), winograd(2)],
    ['conv5 has one tap', layer(1, 1, 500, 25, 1), direct],
    ['conv3 of lab-baseline covers its whole input', layer(13, 13, 50, 25, 1), direct],
    ['conv3 behind no pooling', layer(26, 4, 50, 500, 2), winograd(6, 3)],
    // 28 outputs in tiles of 6 would need a copy without the last two; 7x7 would have too large errors.
    ['conv2 of texture-net', layer(30, 3, 24, 48, 2), winograd(7, 4)],
    ['conv3 of texture-net', layer(14, 3, 48, 96, 1), winograd(6)],
    ['conv4 of texture-net', layer(12, 3, 96, 96, 1), winograd(5)],
  ] as const)('%s', (_, { x, shape }, method) => {
    expect(convolutionMethod(x, shape, 'cpu')).toEqual(method);
    if (method.kind === 'winograd') {
      const { rows, columns } = method.tile;
      const growth = errorGrowth(toomCook(rows, shape.kernelPx), toomCook(columns, shape.kernelPx));
      expect(growth).toBeLessThanOrEqual(mostErrorGrowth);
    }
  });

  test('a GPU, which multiplies faster than it reads, computes conv2 directly', () => {
    const [conv2, conv3] = [layer(30, 5, 20, 50, 2), layer(13, 4, 50, 500, 2)];
    expect(convolutionMethod(conv2.x, conv2.shape, 'webgpu')).toEqual(direct);
    expect(convolutionMethod(conv3.x, conv3.shape, 'webgpu')).toEqual(winograd(5));
  });

  test.each([
    ['directly', layer(14, 3, 4, 6, 2), direct],
    ['in tiles', layer(14, 3, 4, 6, 2), winograd(4)],
    ['in tiles of an odd size', layer(13, 4, 5, 7, 2), winograd(5)],
    ['in tiles that are not square', layer(30, 3, 4, 6, 2), winograd(7, 4)],
    ['in tiles, without pooling', layer(15, 5, 4, 6, 1), winograd(3)],
  ] as const)('%s: the cost is what its graph multiplies', (_, sizes, method) => {
    const { multiplyAdds: expected } = convolutionCost(sizes.x, sizes.shape, method);
    expect(countedPerPatch(sizes, method)).toBe(expected);
  });

  test('tiles cost less than direct convolution whenever they are chosen', () => {
    const { x, shape } = layer(13, 4, 50, 500, 2);
    const [tiled, plain] = [winograd(5), direct].map((method) => convolutionCost(x, shape, method));
    expect(plain?.multiplyAdds).toBe(5 * 5 * 25 * 50 * 4 * 500);
    expect((plain?.multiplyAdds ?? 0) / (tiled?.multiplyAdds ?? 0)).toBeGreaterThan(5);
  });
});

describe('a step', () => {
  // Thousands of multiply-adds a patch; what a step does once a batch is shared out.
  const pinned = {
    reference: 67_357,
    'no-relu1': 67_357,
    'no-relu2': 67_357,
    'no-relu3': 67_357,
    'no-relu4': 67_357,
    'no-pool1': 409_320,
    'no-pool2': 335_156,
    'no-relu234-pool4': 67_470,
    'no-conv4-pool4': 47_370,
    'lab-baseline': 23_382,
  } as const satisfies Record<VariantName, number>;

  test.each(variantNames)('of %s needs no more multiplications than the pinned number', (variant) => {
    const content = trainingStepGraph(networkOf(variant, 25), { batch: 165 }).content();
    expect(Math.round(multiplyAdds(content) / 165 / 1000)).toBe(pinned[variant]);
  });

  test('needs less than a third of the multiplications of direct convolution, forward and backward', () => {
    const network = networkOf('reference', 25);
    const definition = 3 * totalsOf(describeLayers(network)).multiplyAdds;
    expect(pinned.reference * 1000).toBeLessThan(definition / 3);
  });

  test.each(variantNames)(
    'of %s for a GPU has no uint8 and concatenates no bools, which WebGPU does not support',
    (variant) => {
      const graph = trainingStepGraph(networkOf(variant, 3), { batch: 2, target: 'webgpu' });
      const { inputs, nodes } = graph.content();
      expect(inputs.filter(({ dtype }) => dtype === 'uint8')).toEqual([]);
      const joined = nodes.filter(({ operator }) => operator === 'Concat').flatMap((node) => node.inputs);
      expect(joined.filter(({ dtype }) => dtype === 'bool')).toEqual([]);
    },
  );

  test('uses only operators that every provider of onnxruntime has', () => {
    const used = variantNames.flatMap((variant) =>
      trainingStepGraph(networkOf(variant, 3), { batch: 2 })
        .content()
        .nodes.map(({ operator }) => operator),
    );
    expect([...new Set(used)].sort()).toMatchInlineSnapshot(`
      [
        "Add",
        "And",
        "Cast",
        "Concat",
        "Div",
        "Equal",
        "Gather",
        "Greater",
        "GreaterOrEqual",
        "MatMul",
        "Max",
        "Mul",
        "Not",
        "Pad",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Softmax",
        "Split",
        "Sqrt",
        "Sub",
        "Transpose",
      ]
    `);
  });
});
