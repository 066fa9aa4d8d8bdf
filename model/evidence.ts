/**
 * Why a network with global statistics chooses a class: what each position of its feature maps adds to a linear
 * function of the statistics, such as a logit, or the difference of two.
 *
 * A mean over positions is a sum, so its part is exact: position p adds w x_p / n. A deviation
 * d = sqrt(mean((x - m)^2) + floor) is no sum over positions. Its value w d is divided among the positions in
 * proportion to (x_p - m)^2, their shares of the variance, and equally if the map is constant. With both parts
 * the positions of all maps add up to the function without its bias.
 */

/** The maps of one source of the statistics, for one patch. */
export interface FeatureMaps {
  /** `[channels,positions]` */
  readonly values: Float32Array;
  readonly channels: number;
  readonly positions: number;
}

/** Weights of the statistics of one source, `[channels]` each. */
export interface StatisticWeights {
  readonly means: ArrayLike<number>;
  readonly deviations: ArrayLike<number>;
}

export interface Evidence {
  /** `[positions]`, of the means. */
  readonly means: Float64Array;
  /** `[positions]`, of the deviations. */
  readonly deviations: Float64Array;
}

/** What each position of the maps adds. */
export function positionEvidence(
  { values, channels, positions }: FeatureMaps,
  weights: StatisticWeights,
  varianceFloor: number,
): Evidence {
  const means = new Float64Array(positions);
  const deviations = new Float64Array(positions);
  for (let c = 0; c < channels; c++) {
    const map = values.subarray(c * positions, (c + 1) * positions);
    const mean = map.reduce((sum, value) => sum + value, 0) / positions;
    const squares = map.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / positions + varianceFloor);
    const [meanWeight, deviationWeight] = [weights.means[c] as number, weights.deviations[c] as number];
    for (let p = 0; p < positions; p++) {
      const value = map[p] as number;
      const share = squares === 0 ? 1 / positions : (value - mean) ** 2 / squares;
      means[p] = (means[p] as number) + (meanWeight * value) / positions;
      deviations[p] = (deviations[p] as number) + deviationWeight * deviation * share;
    }
  }
  return { means, deviations };
}

export function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
