/**
 * Which way a convolution is computed. The cost of a way is what its forward pass multiplies and what it moves through memory, a
 * patch; the way back repeats both about twice whichever way it is, so it changes no choice.
 */
import type { Target } from '../builder.ts';
import type { Activation } from './activation.ts';
import type { ConvolutionShape } from './convolution-shape.ts';
import { errorGrowth, mostTileInputs, toomCook } from './toom-cook.ts';
import { tiling } from './winograd-tiles.ts';

export type ConvolutionMethod =
  | { readonly kind: 'direct' }
  /** In tiles of `tilePx` x `tilePx` outputs. */
  | { readonly kind: 'winograd'; readonly tilePx: number };

export interface ConvolutionCost {
  /** Multiply-adds of the matrix products, a patch. */
  readonly multiplyAdds: number;
  /** Values that the matrix products write, a patch; each is read again about once. */
  readonly values: number;
}

/**
 * Multiply-adds that a device does in the time in which it writes and reads back one value. The processor's is fitted to measured
 * steps. The GPU's is no measurement but the middle of data sheets (float32 rate over memory bandwidth: 80 for an H100, 130 for graphics
 * inside a processor, 300 for a card to play on); with it conv2, whose tiles save the least, is computed directly.
 */
const multiplyAddsPerValue: Readonly<Record<Target, number>> = { cpu: 30, gpu: 100 };

/**
 * The largest growth of rounding errors (`errorGrowth`) that a tile may have. It admits F(5,4) with 36 and F(4,5) with 30, the largest
 * in use. The gradients of a float32 step of the reference are then within 1e-5 of float64's, relative to their norm, as long as no
 * maximum that nearly ties turns over; one that does costs about 1e-3 in any way of computing.
 */
export const mostErrorGrowth = 40;

/** The cheapest way on a device whose rounding errors stay within the bound. */
export function convolutionMethod(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  target: Target,
): ConvolutionMethod {
  const methods = [{ kind: 'direct' } as const, ...winogradMethods(shape)];
  const costs = methods.map((method) => totalCost(convolutionCost(x, shape, method), target));
  return methods[costs.indexOf(Math.min(...costs))] as ConvolutionMethod;
}

/** Every tile size whose rule is small and exact enough; of kernels with one tap there is nothing to save. */
function winogradMethods({ kernelPx }: ConvolutionShape): readonly ConvolutionMethod[] {
  if (kernelPx === 1) return [];
  const sizes = Array.from({ length: Math.max(0, mostTileInputs - kernelPx) }, (_, i) => i + 2);
  return sizes
    .filter((tilePx) => errorGrowth(toomCook(tilePx, kernelPx)) <= mostErrorGrowth)
    .map((tilePx) => ({ kind: 'winograd', tilePx }));
}

function totalCost({ multiplyAdds, values }: ConvolutionCost, target: Target): number {
  return multiplyAdds + multiplyAddsPerValue[target] * values;
}

/** What a method costs. It counts the products that its graph has: a test compares the two. */
export function convolutionCost(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  method: ConvolutionMethod,
): ConvolutionCost {
  return method.kind === 'direct' ? directCost(shape) : winogradCost(x, shape, method.tilePx);
}

function directCost({ pooledRows, pooledColumns, pool, kernelPx, channels, filters }: ConvolutionShape) {
  const cells = pooledRows * pooledColumns;
  const depth = (kernelPx + pool - 1) ** 2 * channels;
  const outputs = pool ** 2 * filters;
  return { multiplyAdds: cells * depth * outputs, values: cells * ((kernelPx > 1 ? depth : 0) + outputs) };
}

function winogradCost(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  tilePx: number,
): ConvolutionCost {
  const { channels, filters, pool, kernelPx } = shape;
  const n = tilePx + kernelPx - 1;
  const rows = tiling(x.rows, shape.pooledRows, pool, tilePx);
  const columns = tiling(x.columns, shape.pooledColumns, pool, tilePx);
  const [tallRows, tallColumns] = [rows.tiles * n, columns.tiles * n];
  const cutRows = tallRows * x.columns.stored * channels;
  const tiles = tallRows * tallColumns * channels;
  const products = tallRows * tallColumns * filters;
  const outputColumns = tallRows * columns.tiles * tilePx * filters;
  const outputs = rows.tiles * tilePx * columns.tiles * tilePx * filters;
  return {
    multiplyAdds:
      cutRows * x.rows.stored +
      tiles * x.columns.stored +
      products * channels +
      outputColumns * n +
      outputs * rows.groupTiles * n,
    values: cutRows + tiles + products + outputColumns + outputs,
  };
}
