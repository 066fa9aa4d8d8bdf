/** Which values and epochs the axes of the curves name. */

/**
 * Values to name on the y axis, from 0 to the top of the scale in at most five round steps. A run that ran away is cut off at
 * about twice what guessing scores, so that the rest of it stays readable.
 */
export function valueTicks(shown: readonly number[], guess: number | undefined): readonly number[] {
  const highest = Math.max(0, ...shown.filter(Number.isFinite));
  const top = guess === undefined || guess === 0 ? highest : Math.min(highest, 2 * guess);
  if (top === 0) return [0, 1];
  const unit = 10 ** Math.floor(Math.log10(top / 5));
  const step = unit * ([1, 2, 5].find((size) => top / (size * unit) <= 5) ?? 10);
  // Ten digits drop what binary fractions add: 3 x 0.1 is 0.3.
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, i) => Number((i * step).toPrecision(10)));
}

/** A tick in decimals, small ones as powers of ten. */
export function tickText(value: number): string {
  return value !== 0 && value < 1e-3 ? value.toExponential() : String(value);
}

/** Epochs to name: the first, and round steps that leave at most nine. */
export function epochTicks(lastEpoch: number): readonly number[] {
  const step = [1, 5, 10, 20, 50, 100, 200, 500, 1000].find((s) => lastEpoch / s <= 8) ?? 2000;
  const rounds = Array.from({ length: Math.floor(lastEpoch / step) }, (_, i) => (i + 1) * step);
  return step === 1 ? rounds : [1, ...rounds];
}
