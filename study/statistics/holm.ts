/** Holm's correction: with many comparisons one is bound to look striking. */

/**
 * p-values such that the chance of one or more false alarms among all of them stays under the level that they are compared with,
 * whatever their dependence (Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6,
 * 1979): the smallest times the number of comparisons, the next times one less, and so on, none below the one before it.
 */
export function holmAdjusted(pValues: readonly number[]): readonly number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => (pValues[a] as number) - (pValues[b] as number));
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * (pValues[at] as number)));
    adjusted[at] = largest;
  });
  return adjusted;
}
