/** The means and the covariance of features within classes. */

/** Features scaled to mean 0 and deviation 1 over the training patches, so that shrinking treats them alike. */
export function standardised(features: Float32Array, width: number) {
  const count = features.length / width;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  features.forEach((value, i) => {
    mean[i % width] = (mean[i % width] as number) + value / count;
  });
  features.forEach((value, i) => {
    const f = i % width;
    deviation[f] = (deviation[f] as number) + (value - (mean[f] as number)) ** 2 / count;
  });
  deviation.forEach((variance, f) => {
    deviation[f] = Math.sqrt(variance);
  });
  // A feature that hardly varies must not decide alone, by its rounding errors or by the first patch that
  // activates it.
  const typical = deviation.toSorted()[Math.floor(width / 2)] as number;
  deviation.forEach((value, f) => {
    const least = leastVariation * Math.max(typical, Math.abs(mean[f] as number));
    deviation[f] = Math.max(value, least) || 1;
  });
  const standard = Float64Array.from(
    features,
    (value, i) => (value - (mean[i % width] as number)) / (deviation[i % width] as number),
  );
  return { mean, deviation, standard };
}

/** Of a feature, relative to the median of all and to its own mean. */
const leastVariation = 0.01;

export function classMeans(
  standard: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
  width: number,
) {
  const counts = new Array<number>(classes).fill(0);
  const means = Array.from({ length: classes }, () => new Float64Array(width));
  for (let i = 0; i < labels.length; i++) {
    const c = labels[i] as number;
    counts[c] = (counts[c] ?? 0) + 1;
    const mean = means[c] as Float64Array;
    for (let f = 0; f < width; f++) mean[f] = (mean[f] as number) + (standard[i * width + f] as number);
  }
  means.forEach((mean, c) => {
    for (let f = 0; f < width; f++) mean[f] = (mean[f] as number) / Math.max(1, counts[c] as number);
  });
  return { means, shares: counts.map((count) => count / labels.length) };
}

/**
 * Covariance within the classes `[F,F]`, shrunk towards a multiple of the identity by the share that Ledoit
 * and Wolf (2004) derive, so that it can be inverted however few patches there are.
 */
export function shrunkCovariance(
  standard: Float64Array,
  labels: ArrayLike<number>,
  means: readonly Float64Array[],
  width: number,
): Float64Array {
  const count = labels.length;
  const covariance = new Float64Array(width * width);
  const residual = new Float64Array(width);
  let fourthPowers = 0;
  for (let i = 0; i < count; i++) {
    const mean = means[labels[i] as number] as Float64Array;
    let square = 0;
    for (let f = 0; f < width; f++) {
      const value = (standard[i * width + f] as number) - (mean[f] as number);
      residual[f] = value;
      square += value * value;
    }
    fourthPowers += square * square;
    for (let a = 0; a < width; a++) {
      const left = residual[a] as number;
      if (left === 0) continue;
      // The lower triangle; the other half is its mirror image.
      for (let b = 0; b <= a; b++) {
        const at = a * width + b;
        covariance[at] = (covariance[at] as number) + left * (residual[b] as number);
      }
    }
  }
  let norm = 0;
  let trace = 0;
  for (let a = 0; a < width; a++) {
    for (let b = 0; b <= a; b++) {
      const value = (covariance[a * width + b] as number) / count;
      covariance[a * width + b] = value;
      covariance[b * width + a] = value;
      norm += (a === b ? 1 : 2) * value * value;
      if (a === b) trace += value;
    }
  }
  // Of flat pictures only rounding errors vary within a class.
  const scale = trace / width > leastVariance ? trace / width : 1;
  const distance = Math.max(Number.MIN_VALUE, norm / width - (trace / width) ** 2);
  const noise = Math.min(distance, Math.max(0, fourthPowers / count - norm) / (count * width));
  const share = Math.min(1, Math.max(leastShrinkage, noise / distance));
  return covariance.map((value, at) => (1 - share) * value + (at % (width + 1) === 0 ? share * scale : 0));
}

/** Of features of variance 1. */
const leastVariance = 1e-6;

/** Keeps the matrix positive definite where patches are many but features depend on one another. */
const leastShrinkage = 1e-3;
