/**
 * Winograd convolution (Lavin and Gray 2016, section 4; the algorithm F(m, r) is in toom-cook.ts) as matrix
 * products.
 *
 * The output is cut into tiles of m x m. Each reads n x n inputs, n = m + r - 1, so adjacent tiles share
 * r - 1 rows or columns. With the matrices A', G, B' of F(m, r) for rows and for columns, which may have
 * different m and n,
 *
 *     V = B' d B          transformed inputs, per tile and channel
 *     U = G g G'          transformed kernel, per filter and channel
 *     M = U * V summed over channels: at each of n x n positions [filters, channels] x [channels, batch]
 *     Y = A' M A          outputs, per tile and filter
 *
 * The transform also cuts the tiles: "B' for every tile" is one matrix `[tiles x n, rows]`, zero outside the
 * tile, that multiplies the rows of the activation from the left, then its columns. By hand on 5x5 pixels
 * with r = 4: m = 2, n = 5, one tile; B' is [5,5], M has 25 positions, and A' [2,5] computes 2x2 outputs from
 * it, with 25 multiplications instead of 64.
 *
 * Every step is linear, so the backward pass is the transposes in reverse order:
 *
 *     dM = A dY A'     dU = sum over tiles and batch of dM V'     dW = G' dU G     dV = U' dM     dX = B dV B'
 *
 * A max pooling that follows is computed in the same pass: the outputs of a window are compared before they
 * are stored.
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { type Activation, asActivation, type Extent, isWhole, type Pass } from './activation.ts';
import type { ConvolutionCost, ConvolutionInputs, ConvolutionShape } from './convolution-shape.ts';
import { constantMatrix, kronecker, type Matrix, matrixOf, transposed } from './matrix.ts';
import { joinMasks, type MaskRow, maximum } from './pooling.ts';
import { type ToomCook, toomCook } from './toom-cook.ts';

/** Outputs of a tile. */
export interface TileSize {
  readonly rows: number;
  readonly columns: number;
}

/** Adds the convolution, without its bias, and the pooling, in tiles of `tile` outputs. */
export function winogradConvolution(
  graph: Graph,
  inputs: ConvolutionInputs,
  shape: ConvolutionShape,
  tile: TileSize,
): Pass {
  const { x, kernel } = inputs;
  const tiles = tilesOf(x, shape, tile);
  const cut = inputTransform(graph, x, tiles);
  const kernels = kernelTransform(graph, inputs, shape, tiles);
  const products = graph.node('MatMul', [kernels.u(), cut.v], { name: 'products' });
  const outputs = outputTransform(graph, products, shape, tiles);

  function backward(dY: Value) {
    const dM = outputs.dM(dY);
    return {
      parameters: { [kernel]: kernels.dW(cut.v, dM) },
      dX: () => cut.dX(graph.node('MatMul', [kernels.transposedU(), dM], { name: 'dV' })),
    };
  }
  return { output: outputs.output, backward };
}

/** Cost of `winogradConvolution` for one patch. */
export function winogradCost(
  x: Omit<Activation, 'value'>,
  shape: ConvolutionShape,
  tile: TileSize,
): ConvolutionCost {
  const { channels, filters } = shape;
  const { rows, columns } = tilesOf(x, shape, tile);
  const [tallRows, tallColumns] = [tallOf(rows), tallOf(columns)];
  const cutRows = tallRows * x.columns.stored * channels;
  const tiles = tallRows * tallColumns * channels;
  const products = tallRows * tallColumns * filters;
  const outputColumns = tallRows * columns.tiles * tile.columns * filters;
  const outputs = rows.tiles * tile.rows * columns.tiles * tile.columns * filters;
  const pooled = { rows: rows.pooled, columns: columns.pooled };
  // A layer that needs every position copies the valid ones, and pads their gradient.
  const copied = isWhole(pooled) ? 0 : pooled.rows.stored * pooled.columns.stored * filters;
  return {
    multiplyAdds:
      cutRows * x.rows.stored +
      tiles * x.columns.stored +
      products * channels +
      outputColumns * columns.algorithm.inputs +
      outputs * rows.groupTiles * rows.algorithm.inputs,
    values: cutRows + tiles + products + outputColumns + outputs + copied,
  };
}

/** The tiles of an axis. */
interface Tiling {
  readonly algorithm: ToomCook;
  readonly input: Extent;
  readonly pooled: Extent;
  readonly tiles: number;
  /** Tiles that are pooled together: the smallest number that contains a whole number of windows. */
  readonly groupTiles: number;
  readonly groups: number;
}

/** How a convolution is cut and computed. */
interface Tiles {
  readonly rows: Tiling;
  readonly columns: Tiling;
}

function tilesOf(
  x: Omit<Activation, 'value'>,
  { kernelPx, pool, pooledRows, pooledColumns }: ConvolutionShape,
  tile: TileSize,
): Tiles {
  return {
    rows: tiling(x.rows, pooledRows, pool, toomCook(tile.rows, kernelPx)),
    columns: tiling(x.columns, pooledColumns, pool, toomCook(tile.columns, kernelPx)),
  };
}

/** Tiles that cover `pooledSize` windows of `pool` outputs. The last tiles may extend past the edge. */
function tiling(input: Extent, pooledSize: number, pool: number, algorithm: ToomCook): Tiling {
  const { outputs: m } = algorithm;
  const groupTiles = pool / greatestCommonDivisor(m, pool);
  const groupPooled = (groupTiles * m) / pool;
  const groups = Math.ceil(pooledSize / groupPooled);
  return {
    algorithm,
    input,
    pooled: { stored: groups * groupPooled, valid: pooledSize },
    tiles: groups * groupTiles,
    groupTiles,
    groups,
  };
}

/** Positions of an axis after the transform. */
function tallOf({ tiles, algorithm }: Tiling): number {
  return tiles * algorithm.inputs;
}

/** B' for every tile of an axis: `[tiles x n, stored inputs]`, zero for inputs that are not valid. */
function tileMatrix({ input, tiles, algorithm }: Tiling): Matrix {
  const { inputs: n, outputs: m, input: b } = algorithm;
  return matrixOf(tiles * n, input.stored, (row, at) => {
    const offset = at - Math.floor(row / n) * m;
    return at < input.valid ? (b[row % n]?.[offset] ?? 0) : 0;
  });
}

/** `[row tiles, n, column tiles, n, channels, batch]`. */
function tiledShape({ rows, columns }: Tiles, channels: number): readonly number[] {
  return [rows.tiles, rows.algorithm.inputs, columns.tiles, columns.algorithm.inputs, channels, -1];
}

/** V `[row tiles, n, column tiles, n, channels, batch]`, and dX from dV. */
function inputTransform(graph: Graph, x: Activation, { rows, columns }: Tiles) {
  const [rowMatrix, columnMatrix] = [tileMatrix(rows), tileMatrix(columns)];
  const [tallRows, tallColumns] = [tallOf(rows), tallOf(columns)];
  const byRow = graph.reshape(x.value, [x.rows.stored, -1]);
  const cutRows = graph.node('MatMul', [constantMatrix(graph, rowMatrix), byRow], { name: 'tiles.rows' });
  const byColumn = graph.reshape(cutRows, [tallRows, x.columns.stored, -1]);
  const cut = graph.node('MatMul', [constantMatrix(graph, columnMatrix), byColumn], { name: 'tiles.cut' });
  const v = graph.reshape(cut, tiledShape({ rows, columns }, x.channels), 'tiles');

  function dX(dV: Value): Value {
    const byPlace = graph.reshape(dV, [tallRows, tallColumns, -1]);
    const joined = graph.node('MatMul', [constantMatrix(graph, transposed(columnMatrix)), byPlace], {
      name: 'dX.columns',
    });
    const joinedRows = graph.reshape(joined, [tallRows, -1]);
    const whole = graph.node('MatMul', [constantMatrix(graph, transposed(rowMatrix)), joinedRows], {
      name: 'dX.rows',
    });
    return asActivation(graph, whole, x, 'dX');
  }
  return { v, dX };
}

/** U `[1, n, 1, n, filters, channels]`, its transpose, and dW from V and dM. */
function kernelTransform(
  graph: Graph,
  { kernel, weights }: ConvolutionInputs,
  { filters, channels, kernelPx }: ConvolutionShape,
  tiles: Tiles,
) {
  const [rows, columns] = [tiles.rows.algorithm, tiles.columns.algorithm];
  const transform = kronecker(rows.kernel, columns.kernel);
  const everyTile = [1, rows.inputs, 1, columns.inputs];
  const u = () =>
    graph.reshape(weights.kernel(graph, kernel, transform, 'filters-channels'), [
      ...everyTile,
      filters,
      channels,
    ]);
  const transposedU = () =>
    graph.reshape(weights.kernel(graph, kernel, transform, 'channels-filters'), [
      ...everyTile,
      channels,
      filters,
    ]);

  /**
   * `[positions, filters, channels]`. The narrower matrix is on the left, because the right one is transposed
   * row by row.
   */
  function dW(v: Value, dM: Value): Value {
    const channelsFirst = channels < filters;
    const [left, right] = channelsFirst ? [v, dM] : [dM, v];
    const transposedRight = graph.node('Transpose', [right], {
      perm: [0, 1, 2, 3, 5, 4],
      name: 'dU.right',
    });
    const places = graph.node('MatMul', [left, transposedRight], { name: 'dU' });
    const everyPlace = graph.reshape(places, [
      tallOf(tiles.rows) * tallOf(tiles.columns),
      filters * channels,
    ]);
    const summing = constantMatrix(graph, summingMatrix(transform, tiles));
    const summed = graph.node('MatMul', [summing, everyPlace], { name: 'dW.summed' });
    const positions = kernelPx ** 2;
    if (!channelsFirst) return graph.reshape(summed, [positions, filters, channels]);
    const byChannel = graph.reshape(summed, [positions, channels, filters]);
    return graph.node('Transpose', [byChannel], { perm: [0, 2, 1], name: 'dW' });
  }
  return { u, transposedU, dW };
}

/** Sums over tiles and applies (G x G)' in one product: `[positions, row tiles x n x column tiles x n]`. */
function summingMatrix(transform: Matrix, { rows, columns }: Tiles): Matrix {
  const [height, width] = [tallOf(rows), tallOf(columns)];
  const [rowInputs, columnInputs] = [rows.algorithm.inputs, columns.algorithm.inputs];
  return matrixOf(transform[0]?.length ?? 0, height * width, (position, place) => {
    const [i, j] = [Math.floor(place / width) % rowInputs, (place % width) % columnInputs];
    return transform[i * columnInputs + j]?.[position] ?? 0;
  });
}

/**
 * Y = A' M A for every tile, the max pooling of Y, and dM from dY. `products` is M, `[row tiles, n, column
 * tiles, n, filters, batch]`.
 *
 * Columns are in natural order: the columns of a window are adjacent in memory and are compared after a
 * split. Rows are grouped by phase, their position in the pooling window: the rows of A' for one phase are
 * one matrix, and the maximum compares the products, so the four times larger tensor before the pooling is
 * never copied.
 */
function outputTransform(
  graph: Graph,
  products: Value,
  { filters, pool }: ConvolutionShape,
  { rows, columns }: Tiles,
) {
  const { inputs: n, outputs: m, output: a } = columns.algorithm;
  const phases = phaseMatrices(rows, pool);
  const tallRows = tallOf(rows);
  const groupPooled = rows.pooled.stored / rows.groups;

  const byColumn = graph.reshape(products, [tallRows * columns.tiles, n, -1]);
  const across = graph.node('MatMul', [constantMatrix(graph, a), byColumn], { name: 'outputs.columns' });
  const byRow = graph.reshape(across, [rows.groups, tallRows / rows.groups, -1]);
  const phaseRows = phases.map((phase, i) =>
    graph.node('MatMul', [constantMatrix(graph, phase), byRow], { name: `outputs.rows${i}` }),
  );
  const largestRow = maximum(graph, phaseRows, 'largest.row');
  const byCell = graph.reshape(largestRow.value, [rows.pooled.stored, columns.pooled.stored, pool, -1]);
  const places = pool === 1 ? [byCell] : graph.split(byCell, 2, Array(pool).fill(1), 'outputs.place');
  const largest = maximum(graph, places, 'largest');
  const extents = { rows: rows.pooled, columns: columns.pooled, channels: filters };

  function dM(dY: Value): Value {
    const cells = graph.reshape(dY, [rows.pooled.stored, columns.pooled.stored, 1, -1]);
    const byPlace =
      pool === 1 ? cells : toWinners(graph, cells, { masks: largest.winners(), axis: 2 }, 'columns');
    const groupShape = [rows.groups, 1, groupPooled, -1];
    const byGroup = graph.reshape(byPlace, groupShape);
    const rowMasks = () => largestRow.winners().map((mask) => graph.reshape(mask, groupShape));
    const byPhase = pool === 1 ? byGroup : toWinners(graph, byGroup, { masks: rowMasks(), axis: 1 }, 'rows');
    const routedRows = graph.reshape(byPhase, [rows.groups, pool * groupPooled, -1]);
    const stacked = constantMatrix(graph, transposed(phases.flat()));
    const down = graph.node('MatMul', [stacked, routedRows], { name: 'dM.rows' });
    const byTile = graph.reshape(down, [tallRows * columns.tiles, m, -1]);
    const all = graph.node('MatMul', [constantMatrix(graph, transposed(a)), byTile], {
      name: 'dM.columns',
    });
    return graph.reshape(all, tiledShape({ rows, columns }, filters), 'dM');
  }
  const value = asActivation(graph, largest.value, extents, 'output');
  return { output: { ...extents, value }, dM };
}

/**
 * A' for a group of tiles: for each phase (a position in the pooling window) the outputs at that position,
 * `[outputs / pool, tiles of a group x n]`.
 */
function phaseMatrices({ groupTiles, algorithm }: Tiling, pool: number): readonly Matrix[] {
  const { inputs: n, outputs: m, output: a } = algorithm;
  return Array.from({ length: pool }, (_, phase) =>
    matrixOf((groupTiles * m) / pool, groupTiles * n, (row, column) => {
      const output = row * pool + phase;
      const isOwnTile = Math.floor(output / m) === Math.floor(column / n);
      return isOwnTile ? (a[output % m]?.[column % n] ?? 0) : 0;
    }),
  );
}

/**
 * Routes the gradient of a maximum to its values: the winner gets the gradient, the others get zero. The axis
 * of the masks has size one in the gradient and in every mask, and becomes the axis of the values.
 */
function toWinners(graph: Graph, gradient: Value, winners: MaskRow, name: string): Value {
  const mask = joinMasks(graph, winners, name);
  return graph.node('Mul', [mask, gradient], { name: `${name}.routed` });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
