/**
 * Convolution, by whichever algorithm is cheaper on a device. The cost of an algorithm is what its forward pass multiplies and what it
 * moves through memory for each patch; the backward pass repeats both about twice in every case, so it does not change the choice.
 */
import type { Graph, Target } from '../builder.ts';
import type { Activation, Pass } from './activation.ts';
import type { ConvolutionCost, ConvolutionShape } from './convolution-shape.ts';
import { directConvolution, directCost } from './direct-convolution.ts';
import type { Weights } from './stored-parameters.ts';
import { errorGrowth, mostTileInputs, toomCook } from './toom-cook.ts';
import { winogradConvolution, winogradCost } from './winograd-convolution.ts';

export type ConvolutionMethod =
  | { readonly kind: 'direct' }
  /** In tiles of `tilePx` x `tilePx` outputs. */
  | { readonly kind: 'winograd'; readonly tilePx: number };

/** Adds a convolution, without its bias, and its pooling by the given method. `kernel` is the parameter's name. */
export function addConvolution(
  graph: Graph,
  x: Activation,
  shape: ConvolutionShape,
  method: ConvolutionMethod,
  kernel: string,
  weights: Weights,
): Pass {
  switch (method.kind) {
    case 'direct':
      return directConvolution(graph, x, shape, kernel, weights);
    case 'winograd':
      return winogradConvolution(graph, x, shape, method.tilePx, kernel, weights);
    default:
      throw method satisfies never;
  }
}

/**
 * Multiply-adds that a device does in the time in which it writes and reads back one value. The CPU's is fitted to measured steps. The
 * GPU's is not measured but the middle of data sheets (float32 rate over memory bandwidth: 80 for an H100, 130 for integrated graphics,
 * 300 for a gaming card); with it conv2, whose tiles save the least, is computed directly.
 */
const multiplyAddsPerValue: Readonly<Record<Target, number>> = { cpu: 30, gpu: 100 };

/**
 * The largest growth of rounding errors (`errorGrowth`) that a tile may have. It admits F(5,4) with 36 and F(4,5) with 30, the largest
 * in use. The gradients of a float32 step of the reference are then within 1e-5 of float64's, relative to their norm, as long as no
 * maximum between nearly equal values is decided differently; one that is costs about 1e-3 by any algorithm.
 */
export const mostErrorGrowth = 40;

/** The cheapest method on a device whose rounding errors stay within the bound. */
export function convolutionMethod(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  target: Target,
): ConvolutionMethod {
  const methods = [{ kind: 'direct' } as const, ...winogradMethods(shape)];
  const costs = methods.map((method) => totalCost(convolutionCost(x, shape, method), target));
  return methods[costs.indexOf(Math.min(...costs))] as ConvolutionMethod;
}

/** Every tile size whose algorithm is small and exact enough; a 1x1 kernel leaves nothing to save, and tiles have stride 1. */
function winogradMethods({ kernelPx, stridePx }: ConvolutionShape): readonly ConvolutionMethod[] {
  if (kernelPx === 1 || stridePx > 1) return [];
  const sizes = Array.from({ length: Math.max(0, mostTileInputs - kernelPx) }, (_, i) => i + 2);
  return sizes
    .filter((tilePx) => errorGrowth(toomCook(tilePx, kernelPx)) <= mostErrorGrowth)
    .map((tilePx) => ({ kind: 'winograd', tilePx }));
}

function totalCost({ multiplyAdds, values }: ConvolutionCost, target: Target): number {
  return multiplyAdds + multiplyAddsPerValue[target] * values;
}

/** What a method costs. A test compares it with the products in the method's graph. */
export function convolutionCost(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  method: ConvolutionMethod,
): ConvolutionCost {
  return method.kind === 'direct' ? directCost(shape) : winogradCost(x, shape, method.tilePx);
}
