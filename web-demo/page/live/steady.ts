/** Numbers that a person can read while the picture moves: an average that follows, and an order that doesn't flicker. */
import { topClasses } from '../../../model/scores.ts';

/** After this time a change has reached 63 % of its size. */
const followMs = 350;
/** A class must lead the one before it by this much to pass it. */
const passingLead = 0.02;

/** Exponential average over time: `elapsedMs` since `previous`. Shares stay shares, since both rows sum to one. */
export function followed(previous: Float32Array, next: Float32Array, elapsedMs: number): Float32Array {
  if (previous.length !== next.length) return next.slice();
  const share = 1 - Math.exp(-elapsedMs / followMs);
  return next.map((value, i) => {
    const before = previous[i] as number;
    return before + share * (value - before);
  });
}

/**
 * The first `count` classes by falling probability, where a class that stood lower in `previous` passes another only with a lead:
 * two that are about equal keep their order.
 */
export function steadyOrder(
  previous: readonly number[],
  probabilities: Float32Array,
  count: number,
): readonly number[] {
  const place = new Map(previous.map((c, i) => [c, i]));
  const order = [...topClasses(probabilities, probabilities.length)];
  // One pass of exchanges between neighbours at a time, until none of them is due.
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < order.length; i++) {
      const [above, below] = [order[i - 1] as number, order[i] as number];
      if (!stoodAbove(place, below, above)) continue;
      if ((probabilities[above] as number) - (probabilities[below] as number) >= passingLead) continue;
      order[i - 1] = below;
      order[i] = above;
      changed = true;
    }
  }
  return order.slice(0, count);
}

function stoodAbove(place: ReadonlyMap<number, number>, a: number, b: number): boolean {
  const [placeA, placeB] = [place.get(a), place.get(b)];
  return placeA !== undefined && (placeB === undefined || placeA < placeB);
}
