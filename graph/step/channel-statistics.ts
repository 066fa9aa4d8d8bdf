/**
 * The two layers of the training step that compute statistics of channels: batch normalisation and global
 * statistics.
 */
import type { BatchNormLayer, GlobalStatisticsLayer } from '../../model/layer.ts';
import type { Graph } from '../builder.ts';
import { knownSize, type Value } from '../value.ts';
import { type Activation, cropped, type Pass, wholeExtent } from './activation.ts';
import type { Weights } from './stored-parameters.ts';

/**
 * The mean over rows and columns, `[1, 1, C, B]`; `share` is 1 / their number. Rows first: onnxruntime adds
 * float32 values one after another, and a sum of thousands of them would lose digits that a classifier of small
 * deviations needs.
 */
export function positionMean(graph: Graph, value: Value, share: Value, name: string): Value {
  const columns = graph.sum(value, [0], { keepsAxes: true, name: `${name}.columns` });
  const sum = graph.sum(columns, [1], { keepsAxes: true, name: `${name}.sum` });
  return graph.node('Mul', [sum, share], { name });
}

/**
 * The sum over rows, columns and batch, `[channels]`, of a `value` in the layout of an activation. In two steps,
 * over the first axis of a matrix and over the last of another: onnxruntime's CPU and CUDA providers have fast
 * kernels for these two, and WebGPU gets more threads.
 */
export function channelSum(graph: Graph, value: Value, name: string): Value {
  const [rows, columns, channels] = value.shape as readonly [number, number, number];
  const byPosition = graph.reshape(value, [rows * columns, -1]); // [R C, Ch B]
  const overPositions = graph.sum(byPosition, [0], { name: `${name}.positions` });
  return graph.sum(graph.reshape(overPositions, [channels, -1]), [1], { name });
}

/**
 * Batch normalisation with the statistics of the batch: y = a x + b with a = |scale| / s, b = shift - a mean,
 * s = sqrt(variance + epsilon), all per channel. mean and variance are over the n = positions x batch values
 * of a channel; variance = mean(x^2) - mean(x)^2.
 *
 * Backward (Ioffe and Szegedy 2015, section 3), with z = (x - mean) / s:
 *
 *     dShift = sum dY        dScale = sign(scale) sum dY z        dX = a (dY - mean(dY) - z mean(dY z))
 *
 * where mean(dY z) = (mean(dY x) - mean(x) mean(dY)) / s. dX is computed as a dY - f x + g with f = a
 * mean(dY z) / s and g = f mean(x) - a mean(dY), so that x is the only tensor of its size that is stored.
 */
export function addBatchNorm(graph: Graph, input: Activation, layer: BatchNormLayer, weights: Weights): Pass {
  const { whole: x, padded } = cropped(graph, input);
  const count = x.rows.valid * x.columns.valid * knownBatch(x);
  const mean = channelMean(graph, x, [x.value], 'batch.mean'); // [C, 1]
  const meanSquare = channelMean(graph, x, [x.value, x.value], 'batch.meanSquare');
  const { a, b, statistics, gradients } = normalisation(graph, layer, weights, { mean, meanSquare, count });
  const scaled = graph.node('Mul', [x.value, a], { name: 'scaled' });
  const value = graph.node('Add', [scaled, b], { name: 'output' });

  function backward(dY: Value) {
    const meanDY = channelMean(graph, x, [dY], 'dY.mean');
    const meanDYX = channelMean(graph, x, [dY, x.value], 'dY.x.mean');
    const { parameters, affine } = gradients(meanDY, meanDYX);
    function dX() {
      const { slope, offset } = affine();
      const direct = graph.node('Mul', [dY, a], { name: 'dX.direct' });
      const removed = graph.node('Sub', [graph.node('Mul', [x.value, slope]), offset], {
        name: 'dX.removed',
      });
      return padded(graph.node('Sub', [direct, removed], { name: 'dX' }));
    }
    return { parameters, dX };
  }
  return { output: { ...x, value }, statistics, backward };
}

/** Means over the `count` values of each channel of a batch, `[channels, 1]`. */
interface ChannelMeans {
  readonly mean: Value;
  readonly meanSquare: Value;
  readonly count: number;
}

/**
 * What `addBatchNorm` computes per channel, `[channels, 1]`: a and b, and from mean(dY) and mean(dY x) the
 * gradients of the parameters and `slope` f and `offset` g of dX.
 */
export function normalisation(
  graph: Graph,
  { name, epsilon }: BatchNormLayer,
  weights: Weights,
  { mean, meanSquare, count }: ChannelMeans,
) {
  const scale = graph.reshape(weights.vector(`${name}.scale`), [-1, 1]);
  const shift = graph.reshape(weights.vector(`${name}.shift`), [-1, 1]);
  const difference = graph.node('Sub', [meanSquare, graph.node('Mul', [mean, mean])]);
  const variance = graph.node('Max', [difference, graph.scalar(0)], { name: 'batch.variance' });
  const deviation = graph.node('Sqrt', [graph.node('Add', [variance, graph.scalar(epsilon)])], {
    name: 'deviation',
  });
  const isPositive = graph.node('Greater', [scale, graph.scalar(0)]);
  const positive = graph.node('Cast', [isPositive], { to: graph.float });
  const sign = graph.node('Sub', [graph.node('Mul', [positive, graph.scalar(2)]), graph.scalar(1)]);
  const a = graph.node('Div', [graph.node('Mul', [scale, sign]), deviation], { name: 'a' });
  const b = graph.node('Sub', [shift, graph.node('Mul', [a, mean])], { name: 'b' });

  function gradients(meanDY: Value, meanDYX: Value) {
    const along = graph.node('Sub', [meanDYX, graph.node('Mul', [mean, meanDY])]);
    const meanDYZ = graph.node('Div', [along, deviation], { name: 'dY.z.mean' });
    const total = (meanValue: Value) => graph.node('Mul', [meanValue, graph.scalar(count)]);
    const dScale = graph.node('Mul', [total(meanDYZ), sign]);
    function affine() {
      const slope = graph.node('Div', [graph.node('Mul', [a, meanDYZ]), deviation]);
      const offset = graph.node('Sub', [graph.node('Mul', [slope, mean]), graph.node('Mul', [a, meanDY])]);
      return { slope, offset };
    }
    return {
      parameters: {
        [`${name}.scale`]: graph.reshape(dScale, [-1], 'dScale'),
        [`${name}.shift`]: graph.reshape(total(meanDY), [-1], 'dShift'),
      },
      affine,
    };
  }
  const unbiased = graph.scalar(count / Math.max(1, count - 1));
  const statistics = {
    [`${name}.mean`]: mean,
    [`${name}.variance`]: graph.node('Mul', [variance, unbiased], { name: 'batch.unbiased' }),
  };
  return { a, b, statistics, gradients };
}

/** Errors: `internal` if the size of the batch is not known when the graph is built. */
export function knownBatch({ value }: Activation): number {
  return knownSize(value.shape[3], 'the batch of a batch normalisation');
}

/**
 * `[C, 1]`: the mean of u, or of u v, over the positions and the batch of each channel. u and v have the
 * shape of `x`.
 */
function channelMean(
  graph: Graph,
  x: Activation,
  [u, v]: readonly [u: Value, v?: Value],
  name: string,
): Value {
  const positions = x.rows.valid * x.columns.valid;
  const batch = x.value.shape[3] as number;
  const product = v === undefined ? u : graph.node('Mul', [u, v], { name: `${name}.product` });
  const sum = channelSum(graph, product, `${name}.sum`);
  const share = graph.scalar(1 / (positions * batch));
  return graph.node('Mul', [graph.reshape(sum, [x.channels, 1]), share], { name });
}

/** A layer whose output a global statistics layer reads. */
interface StatisticsSource {
  readonly source: string;
  readonly input: Activation;
}

/**
 * For each source with P positions, the mean m = mean(x) and the deviation d = sqrt(mean((x - m)^2) + floor),
 * `[1, 1, channels, batch]`, all concatenated along the channels.
 *
 * Backward: dX = dM / P + (x - m) dD / (P d). Without deviations only m, and dX = dM / P.
 */
export function addGlobalStatistics(
  root: Graph,
  sources: readonly StatisticsSource[],
  { varianceFloor, deviations }: Pick<GlobalStatisticsLayer, 'varianceFloor' | 'deviations'>,
): Pass {
  const single = wholeExtent(1);
  const parts = sources.map(({ source, input }) => {
    const graph = root.scope(source);
    const { whole: x, padded } = cropped(graph, input);
    const share = graph.scalar(1 / (x.rows.valid * x.columns.valid));
    const mean = positionMean(graph, x.value, share, 'mean');
    const centred = graph.node('Sub', [x.value, mean], { name: 'centred' });
    if (deviations === false) {
      // The zeros give dM the positions of x.
      const dX = (dMean: Value) => {
        const zeros = graph.node('Mul', [centred, graph.scalar(0)]);
        return padded(graph.node('Add', [zeros, graph.node('Mul', [dMean, share])], { name: 'dX' }));
      };
      return { source, channels: x.channels, values: [mean], dX };
    }
    const squared = graph.node('Mul', [centred, centred], { name: 'squared' });
    const variance = positionMean(graph, squared, share, 'variance');
    const floored = graph.node('Add', [variance, graph.scalar(varianceFloor)]);
    const deviation = graph.node('Sqrt', [floored], { name: 'deviation' });
    const dX = (dMean: Value, dDeviation: Value) => {
      const slope = graph.node('Div', [graph.node('Mul', [dDeviation, share]), deviation]);
      const along = graph.node('Mul', [centred, slope], { name: 'dX.along' });
      return padded(graph.node('Add', [along, graph.node('Mul', [dMean, share])], { name: 'dX' }));
    };
    return { source, channels: x.channels, values: [mean, deviation], dX };
  });
  const value = root.node(
    'Concat',
    parts.flatMap(({ values }) => values),
    { axis: 2, name: 'output' },
  );
  const sizes = parts.flatMap((part) => part.values.map(() => part.channels));
  const channels = sizes.reduce((sum, size) => sum + size, 0);
  return {
    output: { value, rows: single, columns: single, channels },
    backward(dY) {
      const gradients = sizes.length === 1 ? [dY] : root.split(dY, 2, sizes, 'dStatistics');
      const each = deviations === false ? 1 : 2;
      const dSources = parts.map(({ source, dX }, i) => {
        const dSource = () => dX(gradients[each * i] as Value, gradients[each * i + 1] as Value);
        return [source, dSource] as const;
      });
      const [, dLast] = dSources.at(-1) as (typeof dSources)[number];
      return { parameters: {}, dX: dLast, dSources: Object.fromEntries(dSources.slice(0, -1)) };
    },
  };
}
