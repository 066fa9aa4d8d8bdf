import { describe, expect, test } from 'vitest';
import { wholeExtent } from '../../../../export/graph/training-step/activation.ts';
import type { ConvolutionShape } from '../../../../export/graph/training-step/convolution-shape.ts';
import {
  type ConvolutionMethod,
  convolutionCost,
  convolutionMethod,
  mostErrorGrowth,
} from '../../../../export/graph/training-step/cost-model.ts';
import { errorGrowth, toomCook } from '../../../../export/graph/training-step/toom-cook.ts';
import { type GraphContent, trainingStepGraph } from '../../../../export/index.ts';
import { describeLayers, totalsOf } from '../../../../model/description.ts';
import { networkOf, type VariantName, variantNames } from '../../../../model/network.ts';

function layer(size: number, kernelPx: number, channels: number, filters: number, pool: number) {
  const pooled = Math.floor((size - kernelPx + 1) / pool);
  const shape: ConvolutionShape = {
    kernelPx,
    channels,
    filters,
    pool,
    pooledRows: pooled,
    pooledColumns: pooled,
  };
  const x = { rows: wholeExtent(size), columns: wholeExtent(size), channels };
  return { x, shape };
}

/** Multiply-adds of all matrix products, in thousands a patch. What a step does once a batch is shared out. */
function productsPerPatch({ nodes }: GraphContent, batch: number): number {
  const all = nodes
    .filter(({ operator }) => operator === 'MatMul')
    .reduce((sum, { inputs, outputs }) => {
      const written = (outputs[0]?.shape ?? []).reduce<number>((count, size) => count * Number(size), 1);
      return sum + written * Number(inputs[0]?.shape.at(-1));
    }, 0);
  return Math.round(all / batch / 1000);
}

describe('the way to compute a convolution', () => {
  const winograd = (tilePx: number): ConvolutionMethod => ({ kind: 'winograd', tilePx });
  const direct: ConvolutionMethod = { kind: 'direct' };
  test.each([
    ['conv1 has one channel', layer(64, 5, 1, 20, 2), direct],
    ['conv2', layer(30, 5, 20, 50, 2), winograd(4)],
    ['conv3', layer(13, 4, 50, 500, 2), winograd(5)],
    ['conv4', layer(5, 4, 500, 500, 2), winograd(2)],
    ['conv5 has one tap', layer(1, 1, 500, 25, 1), direct],
    ['conv3 of lab-baseline covers its whole input', layer(13, 13, 50, 25, 1), direct],
    ['conv3 behind no pooling', layer(26, 4, 50, 500, 2), winograd(4)],
  ] as const)('%s', (_, { x, shape }, method) => {
    expect(convolutionMethod(x, shape)).toEqual(method);
    if (method.kind === 'winograd') {
      expect(errorGrowth(toomCook(method.tilePx, shape.kernelPx))).toBeLessThanOrEqual(mostErrorGrowth);
    }
  });

  test('tiles cost less than the definition wherever they are chosen', () => {
    const { x, shape } = layer(13, 4, 50, 500, 2);
    const [tiled, plain] = [winograd(5), direct].map((method) => convolutionCost(x, shape, method));
    expect(plain?.multiplyAdds).toBe(5 * 5 * 25 * 50 * 4 * 500);
    expect((plain?.multiplyAdds ?? 0) / (tiled?.multiplyAdds ?? 0)).toBeGreaterThan(5);
  });
});

describe('a step', () => {
  // Thousands of multiply-adds a patch.
  const pinned = {
    reference: 68_637,
    'no-relu1': 68_637,
    'no-relu2': 68_637,
    'no-relu3': 68_637,
    'no-relu4': 68_637,
    'no-pool1': 413_374,
    'no-pool2': 339_210,
    'no-relu234-pool4': 68_750,
    'no-conv4-pool4': 48_650,
    'lab-baseline': 23_382,
  } as const satisfies Record<VariantName, number>;

  test.each(variantNames)('of %s multiplies no more than is pinned here', (variant) => {
    const content = trainingStepGraph(networkOf(variant, 25), { batch: 165 }).content();
    expect(productsPerPatch(content, 165)).toBe(pinned[variant]);
  });

  test('multiplies less than a third of what the definition does, forward and twice back', () => {
    const network = networkOf('reference', 25);
    const definition = 3 * totalsOf(describeLayers(network)).multiplyAdds;
    expect(pinned.reference * 1000).toBeLessThan(definition / 3);
  });

  test('is made of operators that every provider of onnxruntime has', () => {
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
