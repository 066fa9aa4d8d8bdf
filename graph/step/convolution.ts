/**
 * Chooses the cheapest convolution algorithm for a device. The cost is the multiplications and the memory
 * traffic of the forward pass of one patch; the backward pass takes about twice both in every algorithm, so
 * it does not change the choice.
 */
import type { Graph, Target } from '../builder.ts';
import type { Activation, Pass } from './activation.ts';
import type { ConvolutionCost, ConvolutionInputs, ConvolutionShape } from './convolution-shape.ts';
import { directConvolution, directCost } from './direct-convolution.ts';
import { errorGrowth, mostTileInputs, toomCook } from './toom-cook.ts';
import { type TileSize, winogradConvolution, winogradCost } from './winograd-convolution.ts';

export type ConvolutionMethod =
  | { readonly kind: 'direct' }
  | { readonly kind: 'winograd'; readonly tile: TileSize };

/** Adds a convolution, without its bias, and its pooling by the given method. */
export function addConvolution(
  graph: Graph,
  inputs: ConvolutionInputs,
  shape: ConvolutionShape,
  method: ConvolutionMethod,
): Pass {
  switch (method.kind) {
    case 'direct':
      return directConvolution(graph, inputs, shape);
    case 'winograd':
      return winogradConvolution(graph, inputs, shape, method.tile);
    default:
      throw method satisfies never;
  }
}

/**
 * Multiply-adds that a device computes in the time it takes to write and read one value, fitted to measured
 * steps: on an H200 100 gave the fastest, although large products and large tensors have a ratio of 42 there
 * (`npm run bench -- device`), because the products of a step are small. With it conv2, whose tiles save the
 * least, is computed directly. WebGPU's is not measured.
 */
export const multiplyAddsPerValue: Readonly<Record<Target, number>> = { cpu: 30, cuda: 100, webgpu: 100 };

/**
 * Maximum growth of rounding errors (`errorGrowth`) of a tile. It allows F(6,3) with 46, F(5,4) with 36,
 * F(7,3) along rows and F(4,3) along columns with 35, and F(4,5) with 30, the largest in use. The float32
 * gradients of texture-net then differ from float64's by 1.2e-5 relative to their norm, and with direct
 * convolutions by 0.8e-5, unless rounding changes the maximum of nearly equal values; that costs about 1e-3
 * in any algorithm.
 */
export const mostErrorGrowth = 50;

/** The cheapest method on a device within the bound on rounding errors. */
export function convolutionMethod(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  target: Target,
): ConvolutionMethod {
  const methods = [{ kind: 'direct' } as const, ...winogradMethods(shape)];
  const costs = methods.map((method) => totalCost(convolutionCost(x, shape, method), target));
  return methods[costs.indexOf(Math.min(...costs))] as ConvolutionMethod;
}

/**
 * Every tile size, square or not, whose algorithms are small and accurate enough. A 1x1 kernel has nothing to
 * save, and tiles require stride 1.
 */
function winogradMethods({ kernelPx, stridePx }: ConvolutionShape): readonly ConvolutionMethod[] {
  if (kernelPx === 1 || stridePx > 1) return [];
  const sizes = Array.from({ length: Math.max(0, mostTileInputs - kernelPx) }, (_, i) => i + 2);
  return sizes
    .flatMap((rows) => sizes.map((columns) => ({ rows, columns })))
    .filter(
      ({ rows, columns }) =>
        errorGrowth(toomCook(rows, kernelPx), toomCook(columns, kernelPx)) <= mostErrorGrowth,
    )
    .map((tile) => ({ kind: 'winograd', tile }));
}

function totalCost({ multiplyAdds, values }: ConvolutionCost, target: Target): number {
  return multiplyAdds + multiplyAddsPerValue[target] * values;
}

/** Cost of a method. A test compares it with the matrix products in the method's graph. */
export function convolutionCost(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  method: ConvolutionMethod,
): ConvolutionCost {
  return method.kind === 'direct' ? directCost(shape) : winogradCost(x, shape, method.tile);
}
