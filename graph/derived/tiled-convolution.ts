/**
 * A Winograd convolution over one large picture: the algorithm F(m, r) of step/toom-cook.ts (Toom 1963; Lavin
 * and Gray 2016) for a batch of one. A strided convolution whose kernels are the rows of B' x B' cuts and
 * transforms the tiles, with each channel as a separate picture; one matrix product [filters,channels] x
 * [channels,tiles] for each of the n x n positions computes the products; A' transforms them to outputs. A
 * max pooling that follows is computed within the tiles.
 *
 * Tiles can be further apart than their width; the outputs between them are not computed.
 */
import type { Graph } from '../builder.ts';
import { type ToomCook, toomCook } from '../step/toom-cook.ts';
import { tensorOf } from '../tensor.ts';
import type { Value } from '../value.ts';

interface TiledConvolution {
  /** `[filters,channels,r,r]`, row-major. */
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
  readonly filters: number;
  readonly channels: number;
  readonly kernelPx: number;
  /** Side of a tile's outputs before pooling; even if `pools`. */
  readonly tilePx: number;
  /** Distance between tiles; `tilePx` for adjacent tiles. */
  readonly tileStridePx: number;
  /** Whether to max-pool windows of 2x2 outputs. */
  readonly pools: boolean;
}

/** Adds the convolution to a graph. `x` and the output are `[1,channels,height,width]`. */
export function addTiledConvolution(graph: Graph, x: Value, convolution: TiledConvolution): Value {
  const { filters, kernelPx, tilePx, tileStridePx, pools, bias } = convolution;
  const [, , height = 0, width = 0] = x.shape as readonly number[];
  const rule = toomCook(tilePx, kernelPx);
  const rows = tilesAlong(height, convolution);
  const columns = tilesAlong(width, convolution);
  const tiles = rows.tiles * columns.tiles;
  const transformed = transformedTiles(graph, x, rule, { rows, columns, stridePx: tileStridePx });
  const kernels = graph.initializer('kernel', kernelTensor(convolution, rule));
  const products = graph.node('MatMul', [kernels, transformed], { name: 'products' });
  const outputs = outputTiles(graph, products, rule, filters * tiles);
  const side = pools ? tilePx / 2 : tilePx;
  const pooled = pools ? pooledTiles(graph, outputs, tilePx) : outputs;
  const cells = graph.reshape(pooled, [side * side, filters, tiles]);
  const biased = graph.node('Add', [cells, graph.floats(bias, [filters, 1])], { name: 'biased' });
  const picture = joinedTiles(graph, biased, { side, filters, rows: rows.tiles, columns: columns.tiles });
  return croppedPicture(graph, picture, rows.outputs, columns.outputs);
}

interface Tiles {
  readonly tiles: number;
  /** Rows or columns of padding that complete the last tile. */
  readonly missingPx: number;
  /** Number of valid outputs after pooling. */
  readonly outputs: number;
}

function tilesAlong(inputPx: number, { kernelPx, tilePx, tileStridePx, pools }: TiledConvolution): Tiles {
  const n = tilePx + kernelPx - 1;
  const pool = pools ? 2 : 1;
  const pooled = Math.floor((inputPx - kernelPx + 1) / pool);
  if (tileStridePx > tilePx) {
    const tiles = Math.floor((inputPx - n) / tileStridePx) + 1;
    return { tiles, missingPx: 0, outputs: (tiles * tilePx) / pool };
  }
  const tiles = Math.ceil((pooled * pool) / tilePx);
  return { tiles, missingPx: Math.max(0, (tiles - 1) * tilePx + n - inputPx), outputs: pooled };
}

/** B' d B of every tile and channel, `[n x n, channels, tiles]`. */
function transformedTiles(
  graph: Graph,
  x: Value,
  { inputs: n, input }: ToomCook,
  { rows, columns, stridePx }: { readonly rows: Tiles; readonly columns: Tiles; readonly stridePx: number },
): Value {
  const [, channels = 0, height = 0, width = 0] = x.shape as readonly number[];
  const single = graph.reshape(x, [channels, 1, height, width]);
  const places = Array.from({ length: n ** 4 }, (_, at) => {
    const [i, j, dy, dx] = [
      Math.floor(at / n ** 3),
      Math.floor(at / n ** 2) % n,
      Math.floor(at / n) % n,
      at % n,
    ];
    return (input[i]?.[dy] ?? 0) * (input[j]?.[dx] ?? 0);
  });
  const cut = graph.node('Conv', [single, graph.floats(places, [n * n, 1, n, n])], {
    kernel_shape: [n, n],
    strides: [stridePx, stridePx],
    pads: [0, 0, rows.missingPx, columns.missingPx],
    dilations: [1, 1],
    group: 1,
    name: 'tiles',
  });
  const flat = graph.reshape(cut, [channels, n * n, rows.tiles * columns.tiles]);
  return graph.node('Transpose', [flat], { perm: [1, 0, 2], name: 'tiles.transposed' });
}

/** G g G' of every filter and channel, `[n x n, filters, channels]`. */
function kernelTensor(
  { kernel, filters, channels, kernelPx: r }: TiledConvolution,
  { inputs: n, kernel: g }: ToomCook,
) {
  const planes = filters * channels;
  const values = new Float32Array(n * n * planes);
  const halfway = new Float64Array(n * r);
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < n; i++) {
      for (let dx = 0; dx < r; dx++) {
        let sum = 0;
        for (let dy = 0; dy < r; dy++)
          sum += (g[i]?.[dy] ?? 0) * (kernel[(plane * r + dy) * r + dx] as number);
        halfway[i * r + dx] = sum;
      }
    }
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let dx = 0; dx < r; dx++) sum += (halfway[i * r + dx] as number) * (g[j]?.[dx] ?? 0);
        values[(i * n + j) * planes + plane] = sum;
      }
    }
  }
  return tensorOf('float32', [n * n, filters, channels], values);
}

/** A' M A, `[m,m,count]` from `[n x n, ...]`. */
function outputTiles(
  graph: Graph,
  products: Value,
  { inputs: n, outputs: m, output }: ToomCook,
  count: number,
): Value {
  const matrix = graph.floats(output.flat(), [m, n]);
  const byRow = graph.reshape(products, [n, n * count]);
  const across = graph.node('MatMul', [matrix, byRow], { name: 'outputs.rows' });
  return graph.node('MatMul', [matrix, graph.reshape(across, [m, n, count])], { name: 'outputs' });
}

/** The largest of each 2x2 outputs, `[m / 2, m / 2, count]`. */
function pooledTiles(graph: Graph, outputs: Value, m: number): Value {
  const pairs = graph.reshape(outputs, [m / 2, 2, m / 2, 2, -1]);
  const larger = graph.node('Max', graph.split(pairs, 1, [1, 1]));
  return graph.node('Max', graph.split(larger, 3, [1, 1]), { name: 'pooled' });
}

/** From `[side x side, filters, tiles]` to the picture `[1,filters,rows x side,columns x side]`. */
function joinedTiles(
  graph: Graph,
  cells: Value,
  { side, filters, rows, columns }: Readonly<Record<'side' | 'filters' | 'rows' | 'columns', number>>,
): Value {
  const apart = graph.reshape(cells, [side, side, filters, rows, columns]);
  const inOrder = graph.node('Transpose', [apart], { perm: [2, 3, 0, 4, 1], name: 'joined' });
  return graph.reshape(inOrder, [1, filters, rows * side, columns * side]);
}

/** The first rows and columns of a picture `[1,channels,height,width]`. */
export function croppedPicture(graph: Graph, picture: Value, rows: number, columns: number): Value {
  const [, , height, width] = picture.shape;
  if (height === rows && width === columns) return picture;
  const [from, to, axes] = [
    [0, 0],
    [rows, columns],
    [2, 3],
  ].map((values) => graph.integers(values));
  return graph.node('Slice', [picture, from, to, axes] as readonly Value[]);
}
