/**
 * What a network computes, in the plainest way: float64 loops over each patch, written from the definitions
 * of `model/layer.ts` and nothing else. Slow and independent of every runtime, so that engines and files can
 * be checked against it.
 */
import { describeLayers } from '../../model/description.ts';
import { type GlobalStatisticsLayer, type Layer, type Shape, volume } from '../../model/layer.ts';
import type { Network } from '../../model/network.ts';
import { type Parameters, parameter } from '../../model/parameters.ts';
import { patchBytes } from '../../model/patch.ts';

/** Logits `[count,C]` of patches `[count,64,64]`, grey 0..255. */
export function referenceLogits(network: Network, parameters: Parameters, patches: Uint8Array): Float64Array {
  const rows = Array.from({ length: patches.length / patchBytes }, (_, i) => {
    const patch = Float64Array.from(patches.subarray(i * patchBytes, (i + 1) * patchBytes));
    return [...referenceActivations(network, parameters, patch).values()].at(-1) ?? new Float64Array();
  });
  return Float64Array.from(rows.flatMap((row) => [...row]));
}

/** Softmax of each row of `logits` `[count,C]`. */
export function referenceProbabilities(logits: Float64Array, classes: number): Float64Array {
  const probabilities = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const powers = row.map((value) => Math.exp(value - Math.max(...row)));
    const sum = powers.reduce((total, power) => total + power, 0);
    probabilities.set(
      powers.map((power) => power / sum),
      start,
    );
  }
  return probabilities;
}

/**
 * The output of every layer for one patch, `[channels,height,width]` each, by the layer's name; of the head
 * the logits `[C]`.
 */
export function referenceActivations(
  network: Network,
  parameters: Parameters,
  patch: Float64Array,
): ReadonlyMap<string, Float64Array> {
  const activations = new Map<string, Float64Array>();
  let value = patch;
  for (const { layer, inputShape, outputShape } of describeLayers(network)) {
    value =
      layer.kind === 'globalStatistics'
        ? globalStatistics(layer, network, activations)
        : layerOutput(layer, value, inputShape, outputShape, parameters);
    activations.set(layer.name, value);
  }
  return activations;
}

function layerOutput(
  layer: Exclude<Layer, GlobalStatisticsLayer>,
  x: Float64Array,
  input: Shape,
  output: Shape,
  parameters: Parameters,
): Float64Array {
  switch (layer.kind) {
    case 'standardise':
      return standardise(x, layer.varianceFloor);
    case 'subtractMean':
      return x.map((value) => value - layer.meanGrey);
    case 'convolution': {
      const kernel = parameter(parameters, `${layer.name}.kernel`);
      const bias = layer.hasBias === false ? undefined : parameter(parameters, `${layer.name}.bias`);
      return convolution(x, input, output, { ...layer, kernel, bias });
    }
    case 'batchNorm': {
      const [scale, shift, mean, variance] = ['scale', 'shift', 'mean', 'variance'].map((part) =>
        parameter(parameters, `${layer.name}.${part}`),
      ) as [Float32Array, Float32Array, Float32Array, Float32Array];
      const positions = input[1] * input[2];
      return x.map((value, i) => {
        const c = Math.floor(i / positions);
        const deviation = Math.sqrt((variance[c] as number) + layer.epsilon);
        const factor = Math.abs(scale[c] as number) / deviation;
        return factor * (value - (mean[c] as number)) + (shift[c] as number);
      });
    }
    case 'relu':
      return x.map((value) => Math.max(value, 0));
    case 'maxPool':
      return maxPool(x, input, output, layer.sizePx);
    case 'globalAverage':
      return meanOverPositions(x, input);
    default:
      throw layer satisfies never;
  }
}

function standardise(x: Float64Array, varianceFloor: number): Float64Array {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value) => (value - mean) / Math.sqrt(variance + varianceFloor));
}

/** Per channel of each source the mean, then per channel the deviation. */
function globalStatistics(
  { of, varianceFloor, deviations }: GlobalStatisticsLayer,
  network: Network,
  activations: ReadonlyMap<string, Float64Array>,
): Float64Array {
  const shapes = new Map(describeLayers(network).map(({ layer, outputShape }) => [layer.name, outputShape]));
  const statistics = of.flatMap((source) => {
    const [x, shape] = [activations.get(source), shapes.get(source)];
    if (x === undefined || shape === undefined) throw new Error(`no layer ${source}`);
    const mean = meanOverPositions(x, shape);
    const positions = shape[1] * shape[2];
    const squares = x.map((value, i) => (value - (mean[Math.floor(i / positions)] as number)) ** 2);
    const deviation = meanOverPositions(squares, shape).map((variance) =>
      Math.sqrt(variance + varianceFloor),
    );
    return deviations === false ? [...mean] : [...mean, ...deviation];
  });
  return Float64Array.from(statistics);
}

/**
 * y[f,r,s] = bias[f] + sum over c,i,j of kernel[f,c,i,j] x[c,t r+i,t s+j] at stride t: a correlation, as
 * convolution is usually defined.
 */
function convolution(
  x: Float64Array,
  [channels, height, width]: Shape,
  [filters, rows, columns]: Shape,
  {
    kernelPx,
    stridePx = 1,
    kernel,
    bias,
  }: {
    readonly kernelPx: number;
    readonly stridePx?: number;
    readonly kernel: Float32Array;
    readonly bias: Float32Array | undefined;
  },
): Float64Array {
  const y = new Float64Array(filters * rows * columns);
  let position = 0;
  for (let f = 0; f < filters; f++) {
    const plane = y.subarray(f * rows * columns, (f + 1) * rows * columns).fill(bias?.[f] ?? 0);
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < kernelPx; i++) {
        for (let j = 0; j < kernelPx; j++) {
          const weight = kernel[position++] as number;
          for (let r = 0; r < rows; r++) {
            const from = (c * height + r * stridePx + i) * width + j;
            const to = r * columns;
            for (let s = 0; s < columns; s++)
              plane[to + s] = (plane[to + s] as number) + weight * (x[from + s * stridePx] as number);
          }
        }
      }
    }
  }
  return y;
}

function maxPool(x: Float64Array, [, height, width]: Shape, output: Shape, sizePx: number): Float64Array {
  const [, rows, columns] = output;
  return new Float64Array(volume(output)).map((_, index) => {
    const c = Math.floor(index / (rows * columns));
    const r = Math.floor(index / columns) % rows;
    const s = index % columns;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < sizePx; i++) {
      for (let j = 0; j < sizePx; j++) {
        largest = Math.max(largest, x[(c * height + r * sizePx + i) * width + s * sizePx + j] as number);
      }
    }
    return largest;
  });
}

function meanOverPositions(x: Float64Array, [channels, height, width]: Shape): Float64Array {
  const positions = height * width;
  return new Float64Array(channels).map((_, c) => {
    const plane = x.subarray(c * positions, (c + 1) * positions);
    return plane.reduce((sum, value) => sum + value, 0) / positions;
  });
}

/** The smallest and the largest value of every layer's output, and 0, on patches `[count,64,64]`. */
export function referenceRanges(network: Network, parameters: Parameters, patches: Uint8Array) {
  const ranges = new Map<string, { readonly min: number; readonly max: number }>();
  for (let start = 0; start < patches.length; start += patchBytes) {
    const patch = Float64Array.from(patches.subarray(start, start + patchBytes));
    for (const [layer, values] of referenceActivations(network, parameters, patch)) {
      const { min, max } = ranges.get(layer) ?? { min: 0, max: 0 };
      ranges.set(layer, {
        min: values.reduce((a, b) => Math.min(a, b), min),
        max: values.reduce((a, b) => Math.max(a, b), max),
      });
    }
  }
  return ranges;
}
