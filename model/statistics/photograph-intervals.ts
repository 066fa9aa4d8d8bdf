/**
 * Intervals for shares of errors and mean losses of one evaluation. Patches of a photograph are not
 * independent, so whole photographs are resampled. The intervals of few photographs are widened by Student's
 * t (Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015).
 */
import type { EvaluationEstimate } from '../evaluation-file.ts';
import { normalQuantile, sumOf } from './descriptive.ts';
import { studentQuantile } from './incomplete-beta.ts';
import { pairedPValue, significanceLevel, signTest } from './p-values.ts';
import { deviationsOf, drawReplicates, type Interval, inMemory, intervalOf } from './replicates.ts';
import { difference, pairedSamples, type Sample } from './sample.ts';
import { noVariance, poolOf, strata, type Variation, variationOf } from './variation.ts';
import { wilsonInterval } from './wilson.ts';

/** `part` of `whole` for each photograph, such as wrong patches of its patches. */
export interface Ratio {
  readonly part: readonly number[];
  readonly whole: readonly number[];
}

export function ratioOf({ part, whole }: Ratio): number {
  return sumOf(part) / sumOf(whole);
}

/**
 * A ratio as a sample whose mean it is: the value plus the influence of each photograph on it, so that
 * resampling photographs gives its variation (the delta method; Davison and Hinkley, "Bootstrap Methods and
 * their Application", 1997, section 2.7.2).
 */
function influenceOf(ratio: Ratio): Float64Array {
  const value = ratioOf(ratio);
  const weight = ratio.part.length / sumOf(ratio.whole);
  return Float64Array.from(
    ratio.part,
    (part, i) => value + weight * (part - value * (ratio.whole[i] as number)),
  );
}

const mostReplicates = 4000;
/** Bounds the memory for the draws of many photographs. */
const mostDraws = 50_000_000;
/** The ranges of errors, and of their differences. */
export const shareRange: Interval = { low: 0, high: 1 };
export const differenceRange: Interval = { low: -1, high: 1 };
const seed = 1;

/** The intervals of one evaluation, all over the same draws of its photographs. */
export function resampling(photographs: readonly { readonly file: string; readonly label: string }[]) {
  const images = photographs.map(({ file }) => file);
  const labels = photographs.map(({ label }) => label);
  const sampleOf = (values: Float64Array): Sample => ({ seed, images, labels, values });
  const pool = poolOf([sampleOf(new Float64Array(images.length))]);
  const count = Math.max(1000, Math.min(mostReplicates, Math.floor(mostDraws / images.length)));
  const replicates = inMemory(drawReplicates(count, pool.size, seed));

  // Resampled values deviate as if the variance were known, which makes intervals of few photographs too
  // short.
  const freedom = Math.max(1, images.length - strata(labels).length);
  const widening = studentQuantile(0.025, freedom) / normalQuantile;

  const varies = ({ photographVariance }: Variation) => images.length > 1 && photographVariance > noVariance;
  const intervalFor = (variation: Variation, range: Interval) =>
    intervalOf(
      variation,
      deviationsOf(variation, replicates).map((deviation) => widening * deviation),
      range,
    );
  const estimateOf = (variation: Variation, range: Interval): EvaluationEstimate => ({
    value: variation.estimate,
    interval: varies(variation) ? intervalFor(variation, range) : null,
  });
  const mean = (values: Float64Array, range: Interval) =>
    estimateOf(variationOf([sampleOf(values)], pool), range);

  return {
    /** A mean over patches or photographs, such as their loss. */
    mean: (ratio: Ratio, range: Interval) => ({
      ...mean(influenceOf(ratio), range),
      value: ratioOf(ratio),
    }),
    /**
     * A share of errors. If the photographs of a class do not differ, resampling shows no variation; the
     * interval is then that of so many photographs. One photograph that is partly wrong has none.
     */
    share(ratio: Ratio): EvaluationEstimate {
      const value = ratioOf(ratio);
      const { interval } = mean(influenceOf(ratio), shareRange);
      if (interval !== null || (images.length === 1 && value > 0 && value < 1)) return { value, interval };
      return { value, interval: wilsonInterval(value * images.length, images.length) };
    },
    /**
     * The difference of two models' shares of errors on the same photographs; nothing if none differs. Its
     * interval contains 0 if the test does not reject that there is none: the interval assumes nearly normal
     * variation, which few photographs cannot show.
     */
    paired(own: Ratio, other: Ratio) {
      const sampled = (ratio: Ratio) => sampleOf(influenceOf(ratio));
      const samples = pairedSamples([sampled(own)], [sampled(other)], difference);
      const variation = variationOf(samples, pool);
      const value = variation.estimate;
      const tested = (interval: Interval, pValue: number) => {
        const isShown = pValue <= significanceLevel;
        const { low, high } = interval;
        const withZero = { low: Math.min(0, low), high: Math.max(0, high) };
        return { difference: { value, interval: isShown ? interval : withZero }, pValue };
      };
      if (varies(variation)) {
        const pValue = pairedPValue(samples, variation, replicates, seed);
        return tested(intervalFor(variation, differenceRange), pValue);
      }
      // Their signs are exact. The models may read different numbers of patches.
      const differences = own.part.map(
        (part, i) => part * (other.whole[i] as number) - (other.part[i] as number) * (own.whole[i] as number),
      );
      if (images.length === 1 || differences.every((one) => one === 0))
        return { difference: { value, interval: null }, pValue: null };
      // The photographs of a class do not differ. As many others may as Wilson's interval allows for none of
      // these.
      const { high: share } = wilsonInterval(0, images.length);
      return tested(
        { low: Math.max(-1, value - share), high: Math.min(1, value + share) },
        signTest(differences),
      );
    },
  };
}

export type Resampling = ReturnType<typeof resampling>;
