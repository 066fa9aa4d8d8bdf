/** How the outputs of a convolution are cut into tiles, and the matrices that transform all tiles of an axis at once. */
import type { Extent } from './activation.ts';
import { type Matrix, matrixOf } from './matrix.ts';
import type { ToomCook } from './toom-cook.ts';

/** How an axis is cut into tiles. */
export interface Tiling {
  readonly input: Extent;
  readonly pooled: Extent;
  readonly tiles: number;
  /** Neighbouring tiles that are pooled together: as many as make a whole number of windows. */
  readonly groupTiles: number;
  readonly groups: number;
}

/** Tiles that cover `pooledSize` windows of `pool` outputs. The last tiles may stand out over the edge. */
export function tiling(input: Extent, pooledSize: number, pool: number, tilePx: number): Tiling {
  const groupTiles = pool / greatestCommonDivisor(tilePx, pool);
  const groupPooled = (groupTiles * tilePx) / pool;
  const groups = Math.ceil(pooledSize / groupPooled);
  return {
    input,
    pooled: { stored: groups * groupPooled, valid: pooledSize },
    tiles: groups * groupTiles,
    groupTiles,
    groups,
  };
}

/** B' for every tile of an axis: `[tiles x n, stored inputs]`, zero for what is not valid. */
export function tileMatrix({ input, tiles }: Tiling, { inputs: n, outputs: m, input: b }: ToomCook): Matrix {
  return matrixOf(tiles * n, input.stored, (row, at) => {
    const offset = at - Math.floor(row / n) * m;
    return at < input.valid ? (b[row % n]?.[offset] ?? 0) : 0;
  });
}

/** A' for a group of tiles: for each phase, a place in the pooling's window, the outputs there, `[outputs / pool, tiles of a group x n]`. */
export function phaseMatrices(
  { groupTiles }: Tiling,
  { inputs: n, outputs: m, output: a }: ToomCook,
  pool: number,
): readonly Matrix[] {
  return Array.from({ length: pool }, (_, phase) =>
    matrixOf((groupTiles * m) / pool, groupTiles * n, (row, column) => {
      const output = row * pool + phase;
      const isOwnTile = Math.floor(output / m) === Math.floor(column / n);
      return isOwnTile ? (a[output % m]?.[column % n] ?? 0) : 0;
    }),
  );
}

/** Sums over tiles and applies (G x G)' in one product: `[taps, row tiles x n x column tiles x n]`. */
export function summingMatrix(mix: Matrix, n: number, rowTiles: number, columnTiles: number): Matrix {
  const width = columnTiles * n;
  return matrixOf(mix[0]?.length ?? 0, rowTiles * n * width, (tap, place) => {
    const [i, j] = [Math.floor(place / width) % n, (place % width) % n];
    return mix[i * n + j]?.[tap] ?? 0;
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
