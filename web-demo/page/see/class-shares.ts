/** What a heat map says of the picture as a whole. */
import type { HeatMap } from '../../shared/inference-api.ts';

/** The likeliest class of each place, `[rows x columns]`. */
export function likeliestClasses({ probabilities, rows, columns }: HeatMap): Uint16Array {
  const places = rows * columns;
  const classes = probabilities.length / places;
  const likeliest = new Uint16Array(places);
  for (let place = 0; place < places; place++) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if ((probabilities[c * places + place] as number) > (probabilities[best * places + place] as number)) {
        best = c;
      }
    }
    likeliest[place] = best;
  }
  return likeliest;
}

export interface ClassShare {
  readonly index: number;
  /** Of the places, 0..1. */
  readonly share: number;
}

/** Classes that are likeliest somewhere, by falling share of the places. */
export function classShares(likeliest: Uint16Array): readonly ClassShare[] {
  const counts = new Map<number, number>();
  for (const index of likeliest) counts.set(index, (counts.get(index) ?? 0) + 1);
  return [...counts]
    .map(([index, count]) => ({ index, share: count / likeliest.length }))
    .sort((a, b) => b.share - a.share || a.index - b.index);
}

/** The place whose square lies nearest to the one at (`x`, `y`) of the picture that was slid over. */
export function nearestPlace({ rows, columns, stridePx }: HeatMap, x: number, y: number): number {
  const nearest = (position: number, count: number) =>
    Math.min(Math.max(Math.round(position / stridePx), 0), count - 1);
  return nearest(y, rows) * columns + nearest(x, columns);
}
