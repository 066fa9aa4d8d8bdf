/**
 * Convolution with few multiplications (Lavin and Gray 2016, section 4; the rule F(m, r) is in toom-cook.ts), written as matrix products.
 *
 * The output is cut into tiles of m x m; each reads n x n inputs, n = m + r - 1, neighbours overlapping by r - 1. With the matrices
 * A', G, B' of F(m, r) for rows and columns alike,
 *
 *     V = B' d B          transformed inputs, per tile and channel
 *     U = G g G'          transformed kernel, per filter and channel
 *     M = sum over channels of U * V: for each of the n x n places a product of matrices, [filters, channels] x [channels, batch]
 *     y = A' M A          outputs, per tile and filter
 *
 * The cutting is part of the transform: "B' for every tile" is one matrix `[tiles x n, rows]`, zero outside of the tile, that is multiplied
 * from the left to the rows of the activation, then to its columns. By hand on 5x5 pixels with r = 4: m = 2, n = 5, one tile; B' is
 * [5,5], M has 25 places, and A' [2,5] makes 2x2 outputs of it with 25 multiplications instead of 64.
 *
 * Every step is linear, so the way back is the transposes in reverse order: dM = A dy A', dU = sum over tiles and batch of dM V',
 * dg = G' dU G, dV = U' dM, dd = B dV B'.
 *
 * A max pooling that follows is computed on the way (winograd-outputs.ts).
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { type Activation, asActivation, type Pass } from './activation.ts';
import type { ConvolutionShape } from './convolution-shape.ts';
import { constantMatrix, kronecker, transposed } from './matrix.ts';
import { type ToomCook, toomCook } from './toom-cook.ts';
import type { Weights } from './weights.ts';
import { outputTransform } from './winograd-outputs.ts';
import { summingMatrix, type Tiling, tileMatrix, tiling } from './winograd-tiles.ts';

/** Adds the convolution, without its bias, and the pooling, in tiles of `tilePx` outputs. `kernel` is the parameter's name. */
export function winogradConvolution(
  graph: Graph,
  x: Activation,
  shape: ConvolutionShape,
  tilePx: number,
  kernel: string,
  weights: Weights,
): Pass {
  const rule = toomCook(tilePx, shape.kernelPx);
  const rows = tiling(x.rows, shape.pooledRows, shape.pool, tilePx);
  const columns = tiling(x.columns, shape.pooledColumns, shape.pool, tilePx);
  const tiles = tileTransform(graph, x, rows, columns, rule);
  const kernels = kernelTransform(graph, kernel, rows, columns, rule, shape, weights);
  const products = graph.node('MatMul', [kernels.value(), tiles.value], { name: 'products' });
  const outputs = outputTransform(graph, products, rows, columns, rule, shape);

  function gradient(outputGradient: Value) {
    const productsGradient = outputs.gradient(outputGradient);
    return {
      parameters: { [kernel]: kernels.gradient(tiles.value, productsGradient) },
      input: () => {
        const turned = kernels.turned();
        return tiles.gradient(graph.node('MatMul', [turned, productsGradient], { name: 'tiles.gradient' }));
      },
    };
  }
  return { output: outputs.output, gradient };
}

/** V `[row tiles, n, column tiles, n, channels, batch]` and its transpose. */
function tileTransform(graph: Graph, x: Activation, rows: Tiling, columns: Tiling, rule: ToomCook) {
  const n = rule.inputs;
  const [rowMatrix, columnMatrix] = [tileMatrix(rows, rule), tileMatrix(columns, rule)];
  const [tallRows, tallColumns] = [rows.tiles * n, columns.tiles * n];
  const byRow = graph.reshape(x.value, [x.rows.stored, -1]);
  const cutRows = graph.node('MatMul', [constantMatrix(graph, rowMatrix), byRow], { name: 'tiles.rows' });
  const byColumn = graph.reshape(cutRows, [tallRows, x.columns.stored, -1]);
  const cut = graph.node('MatMul', [constantMatrix(graph, columnMatrix), byColumn], { name: 'tiles.cut' });
  const value = graph.reshape(cut, [rows.tiles, n, columns.tiles, n, x.channels, -1], 'tiles');

  function gradient(tilesGradient: Value): Value {
    const given = graph.reshape(tilesGradient, [tallRows, tallColumns, -1]);
    const joined = graph.node('MatMul', [constantMatrix(graph, transposed(columnMatrix)), given], {
      name: 'tiles.joined',
    });
    const joinedRows = graph.reshape(joined, [tallRows, -1]);
    const whole = graph.node('MatMul', [constantMatrix(graph, transposed(rowMatrix)), joinedRows], {
      name: 'rows.joined',
    });
    return asActivation(graph, whole, x, 'input.gradient');
  }
  return { value, gradient };
}

/** U `[1, n, 1, n, filters, channels]`, U turned, and the transpose: from the products' gradient to the kernel's. */
function kernelTransform(
  graph: Graph,
  kernel: string,
  rows: Tiling,
  columns: Tiling,
  { inputs: n, kernel: g }: ToomCook,
  { filters, channels, kernelPx }: ConvolutionShape,
  weights: Weights,
) {
  const mix = kronecker(g, g);
  const value = () =>
    graph.reshape(weights.kernel(graph, kernel, mix, 'filters-channels'), [1, n, 1, n, filters, channels]);
  const turned = () =>
    graph.reshape(weights.kernel(graph, kernel, mix, 'channels-filters'), [1, n, 1, n, channels, filters]);

  /** `[taps, filters, channels]`. The narrower matrix is the left one: the right one is turned in passing, a row at a time. */
  function gradient(tiles: Value, productsGradient: Value): Value {
    const channelsFirst = channels < filters;
    const [left, right] = channelsFirst ? [tiles, productsGradient] : [productsGradient, tiles];
    const turnedRight = graph.node('Transpose', [right], { perm: [0, 1, 2, 3, 5, 4], name: 'kernel.turned' });
    const places = graph.node('MatMul', [left, turnedRight], { name: 'kernel.places' });
    const everyPlace = graph.reshape(places, [rows.tiles * n * columns.tiles * n, filters * channels]);
    const summing = constantMatrix(graph, summingMatrix(mix, n, rows.tiles, columns.tiles));
    const summed = graph.node('MatMul', [summing, everyPlace], { name: 'kernel.summed' });
    const taps = kernelPx ** 2;
    if (!channelsFirst) return graph.reshape(summed, [taps, filters, channels]);
    const byChannel = graph.reshape(summed, [taps, channels, filters]);
    return graph.node('Transpose', [byChannel], { perm: [0, 2, 1], name: 'kernel.gradient' });
  }
  return { value, turned, gradient };
}
