/**
 * Direct convolution as one matrix product (im2col): every window of the input is unfolded to a column. It is
 * used for 1x1 kernels, for kernels that cover their whole input, for strides, and for the first layer, whose
 * single channel leaves faster algorithms nothing to save.
 *
 * A max pooling that follows is computed in the same pass. A pooled value is the maximum of pool^2 outputs,
 * which together read one window of kernel + (pool - 1) stride pixels per side. So windows are unfolded once
 * per pooled value (pool x stride apart), and there is a set of filters for each of the pool^2 positions of
 * the kernel in the window ("phases"). By hand, for a kernel of one row [a b] and a pool of 2: the window is
 * [x0 x1 x2], the phases are [a b 0] and [0 a b], and the larger of the two products is the pooled value.
 *
 * With W the phase filters and X the unfolded windows, Y = W X for each cell (a pooled value's place), and
 * backward
 *
 *     dW = sum over cells of dY X'        dX = W' dY, scattered back to the pixels
 *
 * where dY is zero in the phases that are not the maximum.
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { type Activation, activation, asActivation, type Pass } from './activation.ts';
import {
  type ConvolutionCost,
  type ConvolutionInputs,
  type ConvolutionShape,
  pooledWindowPx,
} from './convolution-shape.ts';
import { gatherRows, type Positions, scatterAddRows } from './gather.ts';
import { constantMatrix, type Matrix, matrixOf, transposed } from './matrix.ts';
import { joinMasks, type Maximum, maximum } from './pooling.ts';

/** Cost of `directConvolution` for one patch. */
export function directCost(shape: ConvolutionShape): ConvolutionCost {
  const { pooledRows, pooledColumns, pool, kernelPx, channels, filters } = shape;
  const cells = pooledRows * pooledColumns;
  const depth = pooledWindowPx(shape) ** 2 * channels;
  const outputs = pool ** 2 * filters;
  return { multiplyAdds: cells * depth * outputs, values: cells * ((kernelPx > 1 ? depth : 0) + outputs) };
}

/** Adds the convolution, without its bias, and the pooling. */
export function directConvolution(graph: Graph, inputs: ConvolutionInputs, shape: ConvolutionShape): Pass {
  const { x, kernel } = inputs;
  const { filters, pool, pooledRows, pooledColumns } = shape;
  const cells = pooledRows * pooledColumns;
  const windows = windowPositions(x, shape);
  const windowPixels = pooledWindowPx(shape) ** 2;
  const depth = windowPixels * x.channels;
  const placement = placementMatrix(shape);

  const pixels = graph.reshape(x.value, [x.rows.stored * x.columns.stored, -1]); // [pixels, C B]
  const columns = gatherRows(graph, pixels, windows, 'windows'); // [cells windowPixels, C B]
  const unfolded = graph.reshape(columns, [cells, depth, -1], 'unfolded'); // [cells, windowPixels C, B]
  const phaseWeights = phaseFilters(graph, inputs, shape, placement);
  const pooled = pooledProducts(graph, phaseWeights, unfolded, shape);
  const output = activation(
    graph.reshape(pooled.value, [pooledRows, pooledColumns, filters, -1], 'products'),
  );

  function backward(dY: Value) {
    const dCells = pooled.route(graph.reshape(dY, [cells, 1, -1]));
    const dProducts = graph.reshape(dCells, [cells, pool ** 2 * filters, -1]); // [cells, phases F, B]
    const dW = () => {
      const transposedColumns = graph.node('Transpose', [unfolded], {
        perm: [0, 2, 1],
        name: 'unfolded.transposed',
      });
      const products = graph.node('MatMul', [dProducts, transposedColumns], { name: 'dW.products' });
      const dWeights = cells === 1 ? products : graph.sum(products, [0], { name: 'dW.summed' });
      return kernelGradient(graph, dWeights, shape, placement);
    };
    const dX = () => {
      const transposedWeights = graph.node('Transpose', [phaseWeights], {
        perm: [1, 0],
        name: 'weights.transposed',
      });
      const dUnfolded = graph.node('MatMul', [transposedWeights, dProducts], { name: 'dUnfolded' });
      const dColumns = graph.reshape(dUnfolded, [cells * windowPixels, -1]);
      const stored = x.rows.stored * x.columns.stored;
      return asActivation(graph, scatterAddRows(graph, dColumns, windows, stored), x, 'dX');
    };
    return { parameters: { [kernel]: dW() }, dX };
  }
  return { output, backward };
}

/** Positions of the pixels of each cell's window in the stored input, cell by cell, row by row. */
export function windowPositions(x: Activation, shape: ConvolutionShape): Positions {
  const { pooledRows, pooledColumns, stridePx, pool } = shape;
  const side = pooledWindowPx(shape);
  const apart = pool * stridePx;
  const positions: number[] = [];
  for (let row = 0; row < pooledRows; row++) {
    for (let column = 0; column < pooledColumns; column++) {
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < side; j++) {
          positions.push((row * apart + i) * x.columns.stored + column * apart + j);
        }
      }
    }
  }
  return positions;
}

/**
 * `[phases x window pixels, kernel positions]`: the window pixel of each kernel position in each phase.
 * Undefined if the window equals the kernel. Phases are ordered column by column, so that those of one column
 * are adjacent.
 */
function placementMatrix(shape: ConvolutionShape): Matrix | undefined {
  const { kernelPx, stridePx, pool } = shape;
  if (pool === 1) return undefined;
  const side = pooledWindowPx(shape);
  return matrixOf(pool ** 2 * side ** 2, kernelPx ** 2, (row, position) => {
    const [phase, pixel] = [Math.floor(row / side ** 2), row % side ** 2];
    const i = Math.floor(pixel / side) - (phase % pool) * stridePx;
    const j = (pixel % side) - Math.floor(phase / pool) * stridePx;
    return i === Math.floor(position / kernelPx) && j === position % kernelPx ? 1 : 0;
  });
}

/** The im2col weights: the kernel in every phase, `[phases x filters, window pixels x channels]`. */
export function phaseFilters(
  graph: Graph,
  { kernel, weights }: ConvolutionInputs,
  shape: ConvolutionShape,
  placement: Matrix | undefined,
): Value {
  const { filters, channels, pool } = shape;
  const windowPixels = pooledWindowPx(shape) ** 2;
  const placed = weights.kernel(graph, kernel, placement, 'filters-channels'); // [phases windowPixels, F, C]
  const phases = graph.reshape(placed, [pool ** 2, windowPixels, filters, channels]);
  const byFilter = graph.node('Transpose', [phases], { perm: [0, 2, 1, 3], name: 'weights' });
  return graph.reshape(byFilter, [pool ** 2 * filters, windowPixels * channels]);
}

/**
 * The transpose of `phaseFilters`: from the gradient of the im2col weights to that of the kernel `[positions,
 * filters, channels]`.
 */
export function kernelGradient(
  graph: Graph,
  dWeights: Value,
  shape: ConvolutionShape,
  placement: Matrix | undefined,
): Value {
  const { filters, channels, pool, kernelPx } = shape;
  const windowPixels = pooledWindowPx(shape) ** 2;
  const phases = graph.reshape(dWeights, [pool ** 2, filters, windowPixels, channels]);
  const byPixel = graph.node('Transpose', [phases], { perm: [0, 2, 1, 3], name: 'dW.byPixel' });
  const kernelShape = [kernelPx ** 2, filters, channels];
  if (placement === undefined) return graph.reshape(byPixel, kernelShape);
  const placed = graph.reshape(byPixel, [pool ** 2 * windowPixels, -1]);
  const gathered = graph.node('MatMul', [constantMatrix(graph, transposed(placement)), placed], {
    name: 'dW.gathered',
  });
  return graph.reshape(gathered, kernelShape);
}

interface PooledProducts {
  readonly value: Value;
  /**
   * From dY `[cells, 1, filters x batch]` to the gradient of all phases, `[cells, phases, filters x batch]`.
   */
  route(dY: Value): Value;
}

/**
 * Products of all phases and their maximum: the phases of each column of the cell in one product, columns
 * first.
 */
function pooledProducts(
  graph: Graph,
  phaseWeights: Value,
  unfolded: Value,
  { pool, filters, pooledRows, pooledColumns }: ConvolutionShape,
): PooledProducts {
  if (pool === 1) {
    const value = graph.node('MatMul', [phaseWeights, unfolded], { name: 'phases' });
    return { value, route: (dY) => dY };
  }
  const cells = pooledRows * pooledColumns;
  const parts = graph.split(phaseWeights, 0, Array(pool).fill(pool * filters), 'weights.columns');
  const products = parts.map((part, i) =>
    graph.node('MatMul', [part, unfolded], { name: `phases.column${i}` }),
  );
  const acrossColumns = maximum(graph, products, 'largest.column');
  const byRow = graph.reshape(acrossColumns.value, [cells, pool, -1]);
  const rows = graph.split(byRow, 1, Array(pool).fill(1), 'phases.row');
  const acrossRows = maximum(graph, rows, 'largest');
  const route = (dY: Value) =>
    graph.node('Mul', [phaseMask(graph, acrossColumns, acrossRows, [cells, pool, -1]), dY], {
      name: 'dPhases',
    });
  return { value: acrossRows.value, route };
}

/** `[cells, phases, filters x batch]`: 1 where the phase is the maximum of its cell. */
function phaseMask(
  graph: Graph,
  acrossColumns: Maximum,
  acrossRows: Maximum,
  shape: readonly number[],
): Value {
  const columns = acrossColumns.winners().map((mask) => graph.reshape(mask, shape));
  const rows = { masks: acrossRows.winners(), axis: 1 };
  return joinMasks(graph, { masks: columns, axis: 1 }, 'phases', rows);
}
