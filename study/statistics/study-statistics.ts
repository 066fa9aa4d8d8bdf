/**
 * The statistics of a study: each network's error with its 95 % interval, and its difference from the
 * reference with a p-value.
 *
 * They cover variation over seeds and over validation photographs of the same classes. All seeds train on
 * photographs of one pool, so variation over training photographs is not included (Nadeau and Bengio,
 * "Inference for the Generalization Error", Machine Learning 52, 2003).
 */

import { type Correlation, correlationOf } from '../../model/statistics/correlation.ts';
import { meanOf } from '../../model/statistics/descriptive.ts';
import { holmAdjusted, pairedPValue } from '../../model/statistics/p-values.ts';
import { differenceRange, shareRange } from '../../model/statistics/photograph-intervals.ts';
import {
  deviations,
  drawReplicates,
  type Interval,
  intervalOf,
  probabilityWithin,
  type Replicates,
  smallestDetectable,
} from '../../model/statistics/replicates.ts';
import {
  difference,
  errorSample,
  improvement,
  pairedSamples,
  type RunErrors,
  type Sample,
} from '../../model/statistics/sample.ts';
import {
  noVariance,
  type Pool,
  poolOf,
  type Variation,
  variationOf,
} from '../../model/statistics/variation.ts';
import { interquartileSamples } from './interquartile-mean.ts';

/** All runs of one network. */
export interface ArmErrors {
  readonly name: string;
  readonly runs: readonly RunErrors[];
}

export interface Estimate {
  readonly value: number;
  /** The middle 95 %; undefined if there is no variation, see `Basis`. */
  readonly interval: Interval | undefined;
}

/**
 * What intervals and p-values are based on. One seed has neither, because it says nothing about others. If
 * all seeds and photographs agree exactly there is no variation either: an interval of length 0 would be a
 * false certainty.
 */
export type Basis = 'seeds and photographs' | 'one seed' | 'no variation';

export interface ArmStatistics {
  readonly name: string;
  readonly basis: Basis;
  readonly seeds: readonly number[];
  /** Number of different photographs that it was validated on. */
  readonly photographs: number;
  /** Of the top-1 error of patches; each photograph counts the same. */
  readonly mean: Estimate;
  readonly interquartileMean: Estimate;
  /** With the reference; undefined for the reference, and if they have no seed in common. */
  readonly comparison: Comparison | undefined;
}

export interface Comparison {
  readonly basis: Basis;
  readonly seeds: readonly number[];
  /** By seed. */
  readonly seedDifferences: ReadonlyMap<number, number>;
  /** Mean error minus that of the reference: above 0 is worse. */
  readonly difference: Estimate;
  /** Probability that it is better than the reference on a photograph, a tie counting half. */
  readonly improvement: Estimate;
  /** Of the errors of the two networks over the seeds; undefined for fewer than three seeds. */
  readonly correlation: Correlation | undefined;
  /** Undefined if there is no variation, see `Basis`. */
  readonly test: Test | undefined;
}

export interface Test {
  readonly pValue: number;
  /** With Holm's correction over all comparisons of the study. */
  readonly adjustedPValue: number;
  /**
   * The smallest difference that is detected with a power of 80 % at the 5 % level, before the correction.
   */
  readonly smallestDetectable: number;
  /** The margin of equivalence, a share. */
  readonly margin: number;
  /** Probability that the true difference lies within the margin, on either side of 0. */
  readonly withinMargin: number;
  /**
   * Whether the 95 % interval of the difference lies within the margin: two one-sided tests at the 2.5 % level
   * (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987). In simulated
   * studies whose true difference is just outside the margin, the usual 5 % claim equivalence in up to 6.9 % of
   * cases, this rule in up to 3.5 % (docs/study-method.md).
   */
  readonly isEquivalent: boolean;
}

interface StatisticsSettings {
  /** Number of replicates for intervals and p-values. */
  readonly replicates: number;
  readonly seed: number;
}

const defaultStatisticsSettings: StatisticsSettings = { replicates: 20_000, seed: 1 };

/**
 * Statistics of each arm that has a run; the first of `arms` is the reference. `margin` is that of
 * equivalence, a share. Errors: `data-unusable` if runs of one seed were validated on different photographs.
 */
export function studyStatistics(
  arms: readonly ArmErrors[],
  margin: number,
  settings: StatisticsSettings = defaultStatisticsSettings,
): readonly ArmStatistics[] {
  const samples = arms.map(({ name, runs }): NamedSamples => ({ name, samples: runs.map(errorSample) }));
  const pool = poolOf(samples.flatMap((arm) => arm.samples));
  const [reference] = samples;
  const variations = samples
    .filter((arm) => arm.samples.length > 0)
    .map((arm) => armVariations(arm, arm === reference ? undefined : reference, pool));
  const all = variations.flatMap(({ mean, interquartileMean, paired }) =>
    paired === undefined
      ? [mean, interquartileMean]
      : [mean, interquartileMean, paired.difference, paired.improvement],
  );
  const replicates = drawReplicates(settings.replicates, pool.size, settings.seed);
  const resampling: StudyResampling = {
    replicates,
    deviations: deviations(
      all.filter((variation) => basisOf(variation) === 'seeds and photographs'),
      replicates,
    ),
    settings,
    margin,
  };
  const compared = variations.map(({ paired }) => paired && comparison(paired, resampling));
  const adjusted = holmAdjusted(compared.flatMap((found) => found?.test?.pValue ?? []));
  let rank = 0;
  const corrected = compared.map((found): Comparison | undefined => {
    if (found?.test === undefined) return found && { ...found, test: undefined };
    return { ...found, test: { ...found.test, adjustedPValue: adjusted[rank++] as number } };
  });
  return variations.map((arm, i) => armStatistics(arm, corrected[i], resampling));
}

type UncorrectedComparison = Omit<Comparison, 'test'> & {
  readonly test: Omit<Test, 'adjustedPValue'> | undefined;
};

interface NamedSamples {
  readonly name: string;
  readonly samples: readonly Sample[];
}

interface ArmVariations extends NamedSamples {
  readonly mean: Variation;
  readonly interquartileMean: Variation;
  readonly paired: PairedVariations | undefined;
}

/** Of a network and the reference. */
interface PairedVariations {
  /** For each seed that both have. */
  readonly differences: readonly Sample[];
  readonly difference: Variation;
  readonly improvement: Variation;
  readonly correlation: Correlation | undefined;
}

function armVariations(arm: NamedSamples, reference: NamedSamples | undefined, pool: Pool): ArmVariations {
  return {
    ...arm,
    mean: variationOf(arm.samples, pool),
    interquartileMean: variationOf(interquartileSamples(arm.samples), pool),
    paired: reference && pairedVariations(arm.samples, reference.samples, pool),
  };
}

function pairedVariations(
  samples: readonly Sample[],
  reference: readonly Sample[],
  pool: Pool,
): PairedVariations | undefined {
  const differences = pairedSamples(samples, reference, difference);
  if (differences.length === 0) return undefined;
  return {
    differences,
    difference: variationOf(differences, pool),
    improvement: variationOf(pairedSamples(samples, reference, improvement), pool),
    correlation: correlationOf(seedPairs(samples, reference)),
  };
}

/** Shared by all arms. */
interface StudyResampling {
  readonly replicates: Replicates;
  /** Of the estimates that vary. */
  readonly deviations: ReadonlyMap<Variation, Float64Array>;
  readonly settings: StatisticsSettings;
  readonly margin: number;
}

function armStatistics(
  { name, samples, mean, interquartileMean }: ArmVariations,
  comparison: Comparison | undefined,
  resampling: StudyResampling,
): ArmStatistics {
  return {
    name,
    basis: basisOf(mean),
    seeds: samples.map(({ seed }) => seed),
    photographs: poolOf(samples).size,
    mean: estimateOf(mean, shareRange, resampling),
    interquartileMean: estimateOf(interquartileMean, shareRange, resampling),
    comparison,
  };
}

function comparison(paired: PairedVariations, resampling: StudyResampling): UncorrectedComparison {
  const { differences, difference, improvement, correlation } = paired;
  const { replicates, settings, margin } = resampling;
  const estimate = estimateOf(difference, differenceRange, resampling);
  const deviating = resampling.deviations.get(difference);
  return {
    basis: basisOf(difference),
    seeds: differences.map(({ seed }) => seed),
    seedDifferences: new Map(differences.map(({ seed, values }) => [seed, meanOf(values)])),
    difference: estimate,
    improvement: estimateOf(improvement, shareRange, resampling),
    correlation,
    test: deviating && {
      pValue: pairedPValue(differences, difference, replicates, settings.seed),
      smallestDetectable: smallestDetectable(deviating),
      margin,
      withinMargin: probabilityWithin(margin, difference, deviating),
      isEquivalent: estimate.interval !== undefined && isWithin(estimate.interval, margin),
    },
  };
}

/** The mean errors of both networks for each seed that both have. */
function seedPairs(samples: readonly Sample[], reference: readonly Sample[]): readonly [number, number][] {
  return samples.flatMap(({ seed, values }): [number, number][] => {
    const other = reference.find((sample) => sample.seed === seed);
    return other === undefined ? [] : [[meanOf(values), meanOf(other.values)]];
  });
}

function estimateOf(variation: Variation, range: Interval, { deviations }: StudyResampling): Estimate {
  const found = deviations.get(variation);
  return { value: variation.estimate, interval: found && intervalOf(variation, found, range) };
}

/** Whether an interval lies within the margin on both sides of 0. */
export function isWithin({ low, high }: Interval, margin: number): boolean {
  return -margin < low && high < margin;
}

function basisOf({ seeds, runVariance, photographVariance }: Variation): Basis {
  if (seeds < 2) return 'one seed';
  return Math.max(runVariance, photographVariance) < noVariance ? 'no variation' : 'seeds and photographs';
}
