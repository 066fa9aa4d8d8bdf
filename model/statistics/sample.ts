/**
 * The input of the statistics: one value for each validation photograph of a run, such as its error or the
 * difference from the reference's. Photographs are the unit, because the patches of one are not independent.
 */
import { TexturaError } from '../error.ts';

/** The errors of a network, trained with one seed, on its validation photographs. */
export interface RunErrors {
  readonly seed: number;
  readonly photographs: readonly PhotographError[];
}

export interface PhotographError {
  /** Identifies the photograph in all runs. */
  readonly image: string;
  readonly label: string;
  /** Share of its patches that are misclassified, 0..1. */
  readonly error: number;
}

/** One value for each validation photograph of a seed. */
export interface Sample {
  readonly seed: number;
  readonly images: readonly string[];
  readonly labels: readonly string[];
  readonly values: Float64Array;
}

/** The errors of a run as a sample. */
export function errorSample({ seed, photographs }: RunErrors): Sample {
  return {
    seed,
    images: photographs.map(({ image }) => image),
    labels: photographs.map(({ label }) => label),
    values: Float64Array.from(photographs, ({ error }) => error),
  };
}

/**
 * For each seed that both have, `compare(variant's error, reference's error)` of every photograph.
 * Errors: `data-unusable` if the two were not validated on the same photographs.
 */
export function pairedSamples(
  variant: readonly Sample[],
  reference: readonly Sample[],
  compare: (variant: number, reference: number) => number,
): readonly Sample[] {
  return variant.flatMap((sample) => {
    const other = reference.find(({ seed }) => seed === sample.seed);
    return other === undefined ? [] : [paired(sample, other, compare)];
  });
}

function paired(
  variant: Sample,
  reference: Sample,
  compare: (variant: number, reference: number) => number,
): Sample {
  const places = new Map(reference.images.map((image, i) => [image, i]));
  const values = Float64Array.from(variant.images, (image, i) => {
    const own = variant.values[i] as number;
    return compare(own, reference.values[places.get(image) ?? -1] ?? Number.NaN);
  });
  if (places.size !== values.length || values.some(Number.isNaN)) {
    throw new TexturaError(
      'data-unusable',
      `seed ${variant.seed}: expected both networks to be validated on the same photographs, got ${values.length} and ${places.size}`,
    );
  }
  return { ...variant, values };
}

export function difference(variant: number, reference: number): number {
  return variant - reference;
}

/**
 * Whether the variant is better, a tie counting half: its mean is the probability of improvement of Agarwal
 * et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (NeurIPS 2021, section 4.3),
 * with photographs as tasks. Runs are compared within a seed, because they get the same patches in the same
 * order.
 */
export function improvement(variant: number, reference: number): number {
  return variant === reference ? 0.5 : Number(variant < reference);
}
