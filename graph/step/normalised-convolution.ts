/**
 * A convolution of the patches with the batch normalisation that follows it, y = a (W p) + b per filter, in
 * closed form. It reads and writes the large activation once, where two layers pass over it ten times.
 *
 * With a single channel a window p of k x k pixels is short, and means over the n windows of a batch are small
 * matrices. q is p with a 1 at its end, so that one product gives the mean of p as well:
 *
 *     mean(q q') = [S m; m' 1]       S = mean(p p'), m = mean(p)
 *     mean(x) = W m       mean(x^2) = diagonal of W S W'       of x = W p, which is not computed
 *
 * a and b follow from these, and then y = [a W, b] q. Backward,
 *
 *     sum of dY q' = [D t]       mean(dY) = t / n       mean(dY x) = diagonal of D W' / n
 *
 * and with f and g of `addBatchNorm`, whose dX = a dY - f x + g is not computed either,
 *
 *     dW = sum of dX p' = a D - n f W S + n g m'
 */
import type { BatchNormLayer } from '../../model/layer.ts';
import type { Graph } from '../builder.ts';
import { graphFault, type Value } from '../value.ts';
import { activation, type Pass } from './activation.ts';
import { knownBatch, normalisation } from './channel-statistics.ts';
import type { ConvolutionInputs, ConvolutionShape } from './convolution-shape.ts';
import { kernelGradient, phaseFilters, windowPositions } from './direct-convolution.ts';
import { gatherRows } from './gather.ts';

/** The outputs of a split into two. */
type Halves = readonly [Value, Value];

/** Adds both layers for an input of one channel and no pooling. It has no dX: the patches need none. */
export function normalisedConvolution(
  root: Graph,
  { x, kernel, weights }: ConvolutionInputs,
  shape: ConvolutionShape,
  { name, norm }: { readonly name: string; readonly norm: BatchNormLayer },
): Pass {
  const graph = root.scope(name);
  const { filters, pooledRows, pooledColumns } = shape;
  const [cells, batch] = [pooledRows * pooledColumns, knownBatch(x)];
  const [depth, count] = [shape.kernelPx ** 2, cells * batch];
  const sizes = [depth, 1];

  const stored = x.rows.stored * x.columns.stored;
  const ones = graph.floats(Array(batch).fill(1), [1, batch]);
  const pixels = graph.node('Concat', [graph.reshape(x.value, [stored, -1]), ones], { axis: 0 });
  const positions = windowPositions(x, shape).flatMap((pixel, i) =>
    i % depth === depth - 1 ? [pixel, stored] : [pixel],
  );
  const gathered = gatherRows(graph, pixels, positions, 'windows');
  const windows = graph.reshape(gathered, [cells, depth + 1, -1], 'unfolded'); // q, [cells, k k + 1, B]
  const transposed = graph.node('Transpose', [windows], { perm: [0, 2, 1], name: 'unfolded.transposed' });

  /** The sum over all windows of `left` `[cells, rows, B]` times q': `[rows, k k + 1]`. */
  function summedProducts(left: Value, rows: number, sumName: string): Value {
    const products = graph.node('MatMul', [left, transposed], { name: `${sumName}.products` });
    // In two steps, because sums of fewer values lose fewer digits.
    const byRow = graph.sum(graph.reshape(products, [pooledRows, -1]), [0], { name: `${sumName}.rows` });
    const summed = graph.sum(graph.reshape(byRow, [pooledColumns, -1]), [0], { name: sumName });
    return graph.reshape(summed, [rows, depth + 1]);
  }
  const diagonal = (left: Value, right: Value) =>
    graph.sum(graph.node('Mul', [left, right]), [1], { keepsAxes: true }); // [F, 1]

  const filterRows = phaseFilters(graph, { x, kernel, weights }, shape, undefined); // W, [F, k k]
  const share = graph.scalar(1 / count);
  const moments = graph.node('Mul', [summedProducts(windows, depth + 1, 'moments'), share]);
  const [pixelMoments, lastMoments] = graph.split(moments, 0, sizes) as Halves;
  const filterMoments = graph.node('MatMul', [filterRows, pixelMoments]);
  const [covariances, mean] = graph.split(filterMoments, 1, sizes) as Halves; // W S, W m
  const meanSquare = diagonal(covariances, filterRows);
  const normal = normalisation(root.scope(norm.name), norm, weights, { mean, meanSquare, count });
  const scaled = graph.node('Concat', [graph.node('Mul', [filterRows, normal.a]), normal.b], { axis: 1 });
  const products = graph.node('MatMul', [scaled, windows], { name: 'products' });
  const output = activation(graph.reshape(products, [pooledRows, pooledColumns, filters, -1], 'output'));

  function backward(dY: Value) {
    const byCell = graph.reshape(dY, [cells, filters, -1]);
    const [alongWindows, totals] = graph.split(summedProducts(byCell, filters, 'dW'), 1, sizes) as Halves;
    const meanDY = graph.node('Mul', [totals, share]);
    const meanDYX = graph.node('Mul', [diagonal(alongWindows, filterRows), share]);
    const { parameters, affine } = normal.gradients(meanDY, meanDYX);
    const { slope, offset } = affine();
    const [means] = graph.split(lastMoments, 1, sizes) as Halves; // m', [1, k k]
    const removed = graph.node('Sub', [
      graph.node('Mul', [slope, covariances]),
      graph.node('Mul', [offset, means]),
    ]);
    const dFilters = graph.node('Sub', [
      graph.node('Mul', [normal.a, alongWindows]),
      graph.node('Mul', [removed, graph.scalar(count)]),
    ]);
    return {
      parameters: { ...parameters, [kernel]: kernelGradient(graph, dFilters, shape, undefined) },
      dX(): Value {
        throw graphFault(`${name}: patches need no gradient`);
      },
    };
  }
  return { output, statistics: normal.statistics, backward };
}
