/** Sizes of a convolution and of the max pooling computed with it, and the cost of an algorithm. */
import type { ConvolutionLayer } from '../../model/layer.ts';
import type { Activation } from './activation.ts';
import type { Weights } from './stored-parameters.ts';

/** What a convolution reads: `kernel` is the name of its parameter. */
export interface ConvolutionInputs {
  readonly x: Activation;
  readonly kernel: string;
  readonly weights: Weights;
}

export interface ConvolutionShape {
  readonly kernelPx: number;
  readonly stridePx: number;
  readonly channels: number;
  readonly filters: number;
  /** Side of the pooling window, 1 for no pooling. */
  readonly pool: number;
  /** Rows and columns after convolution and pooling; an incomplete last window is dropped. */
  readonly pooledRows: number;
  readonly pooledColumns: number;
}

export function convolutionShape(
  { kernelPx, filters, stridePx = 1 }: ConvolutionLayer,
  pool: number,
  { rows, columns, channels }: Activation,
): ConvolutionShape {
  const pooled = (valid: number) => Math.floor((Math.floor((valid - kernelPx) / stridePx) + 1) / pool);
  return {
    kernelPx,
    stridePx,
    channels,
    filters,
    pool,
    pooledRows: pooled(rows.valid),
    pooledColumns: pooled(columns.valid),
  };
}

/** Side of the window of pixels that the outputs of one pooling window read together. */
export function pooledWindowPx({ kernelPx, stridePx, pool }: ConvolutionShape): number {
  return kernelPx + (pool - 1) * stridePx;
}

/** Cost of the forward pass of one patch. */
export interface ConvolutionCost {
  /** Multiply-adds of the matrix products. */
  readonly multiplyAdds: number;
  /** Values that the matrix products and copies write; each is read about once. */
  readonly values: number;
}
