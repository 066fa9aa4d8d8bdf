/** Makes live results readable: averages over time, and an order of classes that does not flicker. */
import { topClasses } from '../../../model/scores.ts';

/** Time constant: a change has reached 63 % after this time. */
const smoothingMs = 350;
/** A class must be more likely by this much to move ahead of another one. */
const minLead = 0.02;

/** Exponential average over time: `elapsedMs` since `previous`. The result sums to one if both rows do. */
export function smoothed(previous: Float32Array, next: Float32Array, elapsedMs: number): Float32Array {
  if (previous.length !== next.length) return next.slice();
  const share = 1 - Math.exp(-elapsedMs / smoothingMs);
  return next.map((value, i) => {
    const before = previous[i] as number;
    return before + share * (value - before);
  });
}

/**
 * The first `count` classes by decreasing probability. A class that was lower in `previous` moves ahead only
 * with a lead, so that classes of about equal probability keep their order.
 */
export function stableOrder(
  previous: readonly number[],
  probabilities: Float32Array,
  count: number,
): readonly number[] {
  const place = new Map(previous.map((c, i) => [c, i]));
  const order = [...topClasses(probabilities, probabilities.length)];
  // Bubble sort: swaps neighbours until no swap is due.
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < order.length; i++) {
      const [above, below] = [order[i - 1] as number, order[i] as number];
      if (!wasAbove(place, below, above)) continue;
      if ((probabilities[above] as number) - (probabilities[below] as number) >= minLead) continue;
      order[i - 1] = below;
      order[i] = above;
      changed = true;
    }
  }
  return order.slice(0, count);
}

function wasAbove(place: ReadonlyMap<number, number>, a: number, b: number): boolean {
  const [placeA, placeB] = [place.get(a), place.get(b)];
  return placeA !== undefined && (placeB === undefined || placeA < placeB);
}
