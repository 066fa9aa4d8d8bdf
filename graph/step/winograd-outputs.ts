/**
 * The last part of a tiled convolution: y = A' M A for every tile, and the max pooling of y.
 *
 * Columns come out in their natural order: neighbours that are pooled together lie beside each other in memory and are compared by
 * splitting. Rows come out by phase, their place in the pooling's window: the rows of A' for one phase make one matrix, and the maximum
 * compares the products, so the four times larger values from before the pooling are never copied.
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { type Activation, asActivation } from './activation.ts';
import { joinMasks } from './masks.ts';
import { constantMatrix, transposed } from './matrix.ts';
import { maximum } from './maximum.ts';
import type { ToomCook } from './toom-cook.ts';
import { phaseMatrices, type Tiling } from './winograd-tiles.ts';

export interface OutputTransform {
  readonly output: Activation;
  /** From the gradient of y to that of M. */
  gradient(outputGradient: Value): Value;
}

/** `products` is M, `[row tiles, n, column tiles, n, filters, batch]`. */
export function outputTransform(
  graph: Graph,
  products: Value,
  rows: Tiling,
  columns: Tiling,
  rule: ToomCook,
  { filters, pool }: { readonly filters: number; readonly pool: number },
): OutputTransform {
  const { inputs: n, outputs: m, output: a } = rule;
  const phases = phaseMatrices(rows, rule, pool);
  const [tallRows, groupRows] = [rows.tiles * n, rows.groupTiles * n];
  const groupPooled = (rows.groupTiles * m) / pool;

  const byColumn = graph.reshape(products, [tallRows * columns.tiles, n, -1]);
  const across = graph.node('MatMul', [constantMatrix(graph, a), byColumn], { name: 'outputs.columns' });
  const byRow = graph.reshape(across, [rows.groups, groupRows, -1]);
  const phaseRows = phases.map((phase, i) =>
    graph.node('MatMul', [constantMatrix(graph, phase), byRow], { name: `outputs.rows${i}` }),
  );
  const largestRow = maximum(graph, phaseRows, 'largest.row');
  const byCell = graph.reshape(largestRow.value, [rows.pooled.stored, columns.pooled.stored, pool, -1]);
  const places = pool === 1 ? [byCell] : graph.split(byCell, 2, Array(pool).fill(1), 'outputs.place');
  const largest = maximum(graph, places, 'largest');
  const extents = { rows: rows.pooled, columns: columns.pooled, channels: filters };

  function gradient(outputGradient: Value): Value {
    const cells = graph.reshape(outputGradient, [rows.pooled.stored, columns.pooled.stored, 1, -1]);
    const byPlace = pool === 1 ? cells : toWinners(graph, cells, largest.winners(), 2, 'columns');
    const groupShape = [rows.groups, 1, groupPooled, -1];
    const byGroup = graph.reshape(byPlace, groupShape);
    const rowMasks = () => largestRow.winners().map((mask) => graph.reshape(mask, groupShape));
    const byPhase = pool === 1 ? byGroup : toWinners(graph, byGroup, rowMasks(), 1, 'rows');
    const routedRows = graph.reshape(byPhase, [rows.groups, pool * groupPooled, -1]);
    const stacked = constantMatrix(graph, transposed(phases.flat()));
    const down = graph.node('MatMul', [stacked, routedRows], { name: 'products.rows' });
    const byTile = graph.reshape(down, [tallRows * columns.tiles, m, -1]);
    const all = graph.node('MatMul', [constantMatrix(graph, transposed(a)), byTile], {
      name: 'products.columns',
    });
    return graph.reshape(all, [rows.tiles, n, columns.tiles, n, filters, -1], 'products.gradient');
  }
  return { output: { ...extents, value: asActivation(graph, largest.value, extents, 'output') }, gradient };
}

/**
 * From the gradient of a maximum to those of its values: where one of them won it takes what comes, else nothing. `axis`, of size one in
 * the gradient and in every mask, becomes the axis of the values.
 */
function toWinners(
  graph: Graph,
  gradient: Value,
  masks: readonly Value[],
  axis: number,
  name: string,
): Value {
  const mask = joinMasks(graph, { masks, axis }, name);
  return graph.node('Mul', [mask, gradient], { name: `${name}.gradient` });
}
