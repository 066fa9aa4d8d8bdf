/**
 * Classifies every photograph by features of the others, so that the label of each can be compared with what
 * photographs of other labels look like: linear discriminant analysis (Fisher 1936) in a cross-validation.
 */
import { equalIndices } from '../../model/group-by.ts';
import { randomStream, shuffle } from '../../model/random.ts';
import { classMeans, shrunkCovariance, standardised } from '../../model/statistics/covariance.ts';
import { cholesky, dot, solveLower, solveUpper } from '../../model/statistics/linear-algebra.ts';

interface LabelledFeatures {
  /** Of each photograph; all of one length. */
  readonly features: readonly Float32Array[];
  /** Class index of each photograph. */
  readonly labels: readonly number[];
  readonly classes: number;
  /** Photographs with the same number look the same and stay in one fold. */
  readonly clusters: readonly number[];
}

const mostFolds = 10;

/**
 * Logits `[photographs, classes]` from the other folds, with equal priors; those of a photograph are NaN if
 * the other folds have no photograph of its class.
 */
export function heldOutLogits(data: LabelledFeatures): Float32Array {
  const { features, labels, classes } = data;
  const logits = new Float32Array(labels.length * classes).fill(Number.NaN);
  const foldOf = foldsOf(data);
  for (const fold of new Set(foldOf)) {
    const training = [...labels.keys()].filter((i) => foldOf[i] !== fold);
    const classify = discriminant(
      training.map((i) => features[i] as Float32Array),
      training.map((i) => labels[i] as number),
      classes,
    );
    if (classify === undefined) continue;
    const present = new Set(training.map((i) => labels[i]));
    foldOf.forEach((own, i) => {
      if (own === fold && present.has(labels[i] as number))
        logits.set(classify(features[i] as Float32Array), i * classes);
    });
  }
  return logits;
}

/** Deals the clusters of each class out to the folds, at random but always in the same way. */
function foldsOf({ labels, classes, clusters }: LabelledFeatures): readonly number[] {
  const members = equalIndices(clusters);
  const foldOf = new Array<number>(labels.length).fill(0);
  const random = randomStream(1, 'folds of an inspection');
  for (let c = 0; c < classes; c++) {
    const own = members.filter(([first = 0]) => labels[first] === c);
    const start = random.integer(0, mostFolds - 1);
    shuffle(own, random).forEach((cluster, place) => {
      for (const i of cluster) foldOf[i] = (start + place) % mostFolds;
    });
  }
  return foldOf;
}

/** Of a standardised feature. One odd photograph must not decide what the classes look like. */
const largestFeature = 4;

function limited(value: number): number {
  return Math.max(-largestFeature, Math.min(largestFeature, value));
}

/**
 * Gives the logits of a photograph: for class c with mean m and the covariance W within the classes,
 * y' W^-1 m - m' W^-1 m / 2 (Hastie, Tibshirani and Friedman 2009, equation 4.10, with equal priors). Classes
 * without photographs get the lowest logit. Undefined with fewer than two classes.
 */
function discriminant(features: readonly Float32Array[], labels: readonly number[], classes: number) {
  const width = features[0]?.length ?? 0;
  const flat = new Float32Array(features.length * width);
  features.forEach((row, i) => {
    flat.set(row, i * width);
  });
  if (new Set(labels).size < 2) return undefined;
  const { mean, deviation, standard: unlimited } = standardised(flat, width);
  const standard = unlimited.map(limited);
  const { means, shares } = classMeans(standard, labels, classes, width);
  const lower = cholesky(shrunkCovariance(standard, labels, means, width), width);
  const maps = means.map((centre, c) => {
    if (shares[c] === 0) return undefined;
    const row = solveUpper(lower, solveLower(lower, centre, width), width);
    return { row, offset: -dot(row, centre) / 2 };
  });
  return (photograph: Float32Array): Float32Array => {
    const y = Float64Array.from(photograph, (value, f) =>
      limited((value - (mean[f] as number)) / (deviation[f] as number)),
    );
    const values = maps.map((map) =>
      map === undefined ? Number.POSITIVE_INFINITY : dot(map.row, y) + map.offset,
    );
    const lowest = Math.min(...values);
    return Float32Array.from(values, (value) => (value === Number.POSITIVE_INFINITY ? lowest : value));
  };
}
