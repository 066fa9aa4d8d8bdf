/**
 * Convolution by its definition, as one matrix product: every window of the input unfolds to a column. For kernels of one tap,
 * for kernels that cover their whole input, and for the first layer, whose single channel leaves nothing for cleverer ways to save.
 *
 * A max pooling that follows is computed on the way. A pooled value is the largest of pool^2 outputs, which together read one window
 * of kernel + pool - 1 pixels a side. So windows are unfolded once a pooled value (their stride is the pool), and the kernel, moved
 * to each of the pool^2 places in the window ("phases"), makes that many sets of filters. By hand, for a kernel of one row [a b] and a
 * pool of 2: the window is [x0 x1 x2], the phases are [a b 0] and [0 a b], and the larger of the two products is the pooled value.
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { type Activation, activation, asActivation, type Pass } from './activation.ts';
import type { ConvolutionShape } from './convolution-shape.ts';
import { joinMasks } from './masks.ts';
import { constantMatrix, type Matrix, matrixOf, transposed } from './matrix.ts';
import { type Maximum, maximum } from './maximum.ts';
import { giveRowsBack, type Positions, takeRows } from './positions.ts';
import type { Weights } from './weights.ts';

/** Adds the convolution, without its bias, and the pooling. `kernel` is the parameter's name. */
export function directConvolution(
  graph: Graph,
  x: Activation,
  shape: ConvolutionShape,
  kernel: string,
  weights: Weights,
): Pass {
  const { filters, pool, pooledRows, pooledColumns } = shape;
  const cells = pooledRows * pooledColumns;
  const windows = windowPositions(x, shape);
  const taps = windows.length / cells;
  const depth = taps * x.channels;
  const spread = spreadMatrix(shape);

  const rows = graph.reshape(x.value, [x.rows.stored * x.columns.stored, -1]);
  const unfolded = graph.reshape(takeRows(graph, rows, windows, 'windows'), [cells, depth, -1], 'unfolded');
  const filterBank = phaseFilters(graph, weights, kernel, spread, shape, taps);
  const pooled = pooledProducts(graph, filterBank, unfolded, shape);
  const output = activation(
    graph.reshape(pooled.value, [pooledRows, pooledColumns, filters, -1], 'products'),
  );

  function gradient(outputGradient: Value) {
    const routed = graph.reshape(pooled.route(graph.reshape(outputGradient, [cells, 1, -1])), [
      cells,
      pool ** 2 * filters,
      -1,
    ]);
    const kernelGradient = () => {
      const columns = graph.node('Transpose', [unfolded], { perm: [0, 2, 1], name: 'unfolded.turned' });
      const products = graph.node('MatMul', [routed, columns], { name: 'kernel.products' });
      const bank = cells === 1 ? products : graph.sum(products, [0], { name: 'kernel.summed' });
      return gatherTaps(graph, bank, spread, shape, taps);
    };
    const input = () => {
      const turned = graph.node('Transpose', [filterBank], { perm: [1, 0], name: 'bank.turned' });
      const folded = graph.node('MatMul', [turned, routed], { name: 'unfolded.gradient' });
      const taken = graph.reshape(folded, [cells * taps, -1]);
      const given = giveRowsBack(graph, taken, windows, x.rows.stored * x.columns.stored, 'rows.gradient');
      return asActivation(graph, given, x, 'input.gradient');
    };
    return { parameters: { [kernel]: kernelGradient() }, input };
  }
  return { output, gradient };
}

/** Positions of the pixels of each cell's window in the stored input, cell by cell, row by row. */
function windowPositions(
  x: Activation,
  { pooledRows, pooledColumns, kernelPx, pool }: ConvolutionShape,
): Positions {
  const side = kernelPx + pool - 1;
  const positions: number[] = [];
  for (let row = 0; row < pooledRows; row++) {
    for (let column = 0; column < pooledColumns; column++) {
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < side; j++) {
          positions.push((row * pool + i) * x.columns.stored + column * pool + j);
        }
      }
    }
  }
  return positions;
}

/**
 * `[phases x window pixels, taps]`: where each tap of the kernel lies in the window at each phase. Undefined where window and kernel
 * are the same. Phases go column by column, so that those of one column lie together.
 */
function spreadMatrix({ kernelPx, pool }: ConvolutionShape): Matrix | undefined {
  if (pool === 1) return undefined;
  const side = kernelPx + pool - 1;
  return matrixOf(pool ** 2 * side ** 2, kernelPx ** 2, (row, tap) => {
    const [phase, pixel] = [Math.floor(row / side ** 2), row % side ** 2];
    const i = Math.floor(pixel / side) - (phase % pool);
    const j = (pixel % side) - Math.floor(phase / pool);
    return i === Math.floor(tap / kernelPx) && j === tap % kernelPx ? 1 : 0;
  });
}

/** The kernel at every phase: `[phases x filters, window pixels x channels]`. */
function phaseFilters(
  graph: Graph,
  weights: Weights,
  kernel: string,
  spread: Matrix | undefined,
  { filters, channels, pool }: ConvolutionShape,
  taps: number,
): Value {
  const placed = weights.kernel(graph, kernel, spread, 'filters-channels');
  const phases = graph.reshape(placed, [pool ** 2, taps, filters, channels]);
  const turned = graph.node('Transpose', [phases], { perm: [0, 2, 1, 3], name: 'bank' });
  return graph.reshape(turned, [pool ** 2 * filters, taps * channels]);
}

/** The transpose of `phaseFilters`: from the gradient of the bank to that of the kernel `[taps, filters, channels]`. */
function gatherTaps(
  graph: Graph,
  bank: Value,
  spread: Matrix | undefined,
  { filters, channels, pool, kernelPx }: ConvolutionShape,
  taps: number,
): Value {
  const phases = graph.reshape(bank, [pool ** 2, filters, taps, channels]);
  const turned = graph.node('Transpose', [phases], { perm: [0, 2, 1, 3], name: 'kernel.turned' });
  const shape = [kernelPx ** 2, filters, channels];
  if (spread === undefined) return graph.reshape(turned, shape);
  const placed = graph.reshape(turned, [pool ** 2 * taps, -1]);
  const gathered = graph.node('MatMul', [constantMatrix(graph, transposed(spread)), placed], {
    name: 'kernel.gathered',
  });
  return graph.reshape(gathered, shape);
}

interface PooledProducts {
  readonly value: Value;
  /** From the gradient `[cells, 1, filters x batch]` to that of all phases, `[cells, phases, filters x batch]`. */
  route(outputGradient: Value): Value;
}

/** Products of all phases and their maximum: the phases of each column of the cell in one product, columns first. */
function pooledProducts(
  graph: Graph,
  filterBank: Value,
  unfolded: Value,
  { pool, filters, pooledRows, pooledColumns }: ConvolutionShape,
): PooledProducts {
  if (pool === 1) {
    const value = graph.node('MatMul', [filterBank, unfolded], { name: 'phases' });
    return { value, route: (outputGradient) => outputGradient };
  }
  const cells = pooledRows * pooledColumns;
  const banks = graph.split(filterBank, 0, Array(pool).fill(pool * filters), 'bank.columns');
  const products = banks.map((bank, i) =>
    graph.node('MatMul', [bank, unfolded], { name: `phases.column${i}` }),
  );
  const acrossColumns = maximum(graph, products, 'largest.column');
  const byRow = graph.reshape(acrossColumns.value, [cells, pool, -1]);
  const rows = graph.split(byRow, 1, Array(pool).fill(1), 'phases.row');
  const acrossRows = maximum(graph, rows, 'largest');
  const route = (outputGradient: Value) =>
    graph.node('Mul', [phaseMask(graph, acrossColumns, acrossRows, [cells, pool, -1]), outputGradient], {
      name: 'phases.gradient',
    });
  return { value: acrossRows.value, route };
}

/** `[cells, phases, filters x batch]`: 1 where that phase won its cell. */
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
