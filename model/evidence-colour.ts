/** The colours of evidence (`evidence.ts`), laid over a grey picture by the page and by reports. */

/** Colours of evidence, red, green and blue: for the class it is asked about, and for the other. */
export const evidenceColours = { first: [226, 122, 24], second: [42, 98, 190] } as const;
/** Opacity of the strongest evidence. */
const strongest = 0.82;
/** Share of the pixels whose evidence is within the scale of the colours. */
const scaledShare = 0.98;

/** The evidence that gets the strongest colour: all but 2 % of the pixels of the maps have less, or 1. */
export function evidenceLimit(maps: readonly Float64Array[]): number {
  const values = maps.flatMap((map) => Array.from(map, Math.abs)).sort((a, b) => a - b);
  return values[Math.floor(scaledShare * (values.length - 1))] || 1;
}

/** A grey level 0..255 under the colour of its evidence, whose strength is -1..1 and clipped beyond. */
export function evidenceColour(level: number, evidence: number): readonly number[] {
  const colour = evidence > 0 ? evidenceColours.first : evidenceColours.second;
  const strength = strongest * Math.min(1, Math.abs(evidence)) ** 0.8;
  const light = 0.45 + 0.65 * (level / 255);
  return colour.map((part) => Math.round(level + strength * (Math.min(255, part * light) - level)));
}
