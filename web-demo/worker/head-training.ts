/**
 * Retrains a network's last layer on fixed features: multinomial logistic regression by gradient descent with
 * Nesterov momentum (Nesterov 1983), on features with zero mean and unit variance. The scaling is folded into
 * the weights at the end, so that they apply to the network's own features.
 */
import { crossEntropy, softmaxRows } from '../../model/scores.ts';

export interface Features {
  /** `[count,size]`. */
  readonly values: Float32Array;
  readonly size: number;
  readonly classes: Int32Array;
}

/** Weights `[classes,size]` and biases `[classes]` of the last layer. */
export interface Head {
  readonly weights: Float32Array;
  readonly biases: Float32Array;
}

export interface HeadStep {
  readonly done: number;
  readonly total: number;
  /** Mean cross-entropy in nats, every class with the same weight. */
  readonly loss: number;
}

const steps = 200;
const momentumFactor = 0.9;
/** Needed because hundreds of features always separate a few patches. */
const weightDecay = 1e-3;
/** The loss's curvature is at most 1/2 on features of unit length, so this rate does not overshoot. */
const learningRate = 1;

/** Trains, and yields the loss of each step. */
export function* trainHead(features: Features, classCount: number): Generator<HeadStep, Head> {
  const { size, classes } = features;
  const scaling = scalingOf(features);
  const x = scaled(features, scaling);
  const patchWeights = balancedWeights(classes, classCount);
  const columns = size + 1;
  let values = new Float32Array(classCount * columns);
  const momentum = new Float32Array(values.length);
  for (let step = 1; step <= steps; step++) {
    const ahead = values.map((value, i) => value + momentumFactor * (momentum[i] as number));
    const { gradient, loss } = lossAndGradient(x, ahead, classes, patchWeights, classCount);
    for (let i = 0; i < momentum.length; i++) {
      const isBias = i % columns === size;
      const decay = isBias ? 0 : weightDecay * (ahead[i] as number);
      momentum[i] =
        momentumFactor * (momentum[i] as number) - learningRate * ((gradient[i] as number) + decay);
    }
    values = values.map((value, i) => value + (momentum[i] as number));
    yield { done: step, total: steps, loss };
  }
  return unscaled(values, scaling, classCount);
}

interface Scaling {
  readonly mean: Float64Array;
  /** Factor for centred features, after which rows have unit length on average. */
  readonly factor: Float64Array;
}

function scalingOf({ values, size }: Features): Scaling {
  const count = values.length / size;
  const mean = new Float64Array(size);
  const squares = new Float64Array(size);
  values.forEach((value, i) => {
    mean[i % size] = (mean[i % size] as number) + value / count;
  });
  values.forEach((value, i) => {
    const centred = value - (mean[i % size] as number);
    squares[i % size] = (squares[i % size] as number) + (centred * centred) / count;
  });
  // Constant features carry no information; the floor avoids a division by zero.
  const factor = squares.map((variance) => (variance < 1e-12 ? 0 : 1 / Math.sqrt(variance * size)));
  return { mean, factor };
}

/** `[count,size + 1]`: the scaled features, and a one for the bias. */
function scaled({ values, size }: Features, { mean, factor }: Scaling): Float32Array {
  const count = values.length / size;
  const x = new Float32Array(count * (size + 1));
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < size; i++) {
      const centred = (values[row * size + i] as number) - (mean[i] as number);
      x[row * (size + 1) + i] = centred * (factor[i] as number);
    }
    x[row * (size + 1) + size] = 1;
  }
  return x;
}

/** Weights that sum to one, with the same sum for every class. */
function balancedWeights(classes: Int32Array, classCount: number): Float64Array {
  const counts = new Float64Array(classCount);
  for (const c of classes) counts[c] = (counts[c] as number) + 1;
  return Float64Array.from(classes, (c) => 1 / (classCount * (counts[c] as number)));
}

function lossAndGradient(
  x: Float32Array,
  values: Float32Array,
  classes: Int32Array,
  patchWeights: Float64Array,
  classCount: number,
): { readonly gradient: Float32Array; readonly loss: number } {
  const columns = values.length / classCount;
  const logits = products(x, values, columns, classCount);
  const probabilities = softmaxRows(logits, classCount);
  const gradient = new Float32Array(values.length);
  let loss = 0;
  for (let row = 0; row < classes.length; row++) {
    const weight = patchWeights[row] as number;
    const own = classes[row] as number;
    loss += weight * crossEntropy(logits.subarray(row * classCount, (row + 1) * classCount), own);
    for (let c = 0; c < classCount; c++) {
      const dLogit = weight * ((probabilities[row * classCount + c] as number) - (c === own ? 1 : 0));
      for (let i = 0; i < columns; i++) {
        gradient[c * columns + i] =
          (gradient[c * columns + i] as number) + dLogit * (x[row * columns + i] as number);
      }
    }
  }
  return { gradient, loss };
}

/** `x` `[count,columns]` times the transpose of `values` `[classes,columns]`. */
function products(x: Float32Array, values: Float32Array, columns: number, classCount: number): Float32Array {
  const count = x.length / columns;
  const result = new Float32Array(count * classCount);
  for (let row = 0; row < count; row++) {
    for (let c = 0; c < classCount; c++) {
      let sum = 0;
      for (let i = 0; i < columns; i++) {
        sum += (x[row * columns + i] as number) * (values[c * columns + i] as number);
      }
      result[row * classCount + c] = sum;
    }
  }
  return result;
}

/** From w' (x - mean) factor + b' to w x + b. */
function unscaled(values: Float32Array, { mean, factor }: Scaling, classCount: number): Head {
  const size = mean.length;
  const weights = new Float32Array(classCount * size);
  const biases = new Float32Array(classCount);
  for (let c = 0; c < classCount; c++) {
    let bias = values[c * (size + 1) + size] as number;
    for (let i = 0; i < size; i++) {
      const weight = (values[c * (size + 1) + i] as number) * (factor[i] as number);
      weights[c * size + i] = weight;
      bias -= weight * (mean[i] as number);
    }
    biases[c] = bias;
  }
  return { weights, biases };
}
