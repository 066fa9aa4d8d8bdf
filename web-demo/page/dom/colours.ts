/**
 * Colours of surfaces and classes: dyes of a weaver, then hues that advance by the golden angle. All are of
 * middle lightness, so that they are visible on light and dark ground, and always stand next to a name.
 */
const dyes = [
  'oklch(0.58 0.17 32)',
  'oklch(0.55 0.12 255)',
  'oklch(0.76 0.14 90)',
  'oklch(0.6 0.11 150)',
  'oklch(0.55 0.14 330)',
  'oklch(0.72 0.1 205)',
  'oklch(0.48 0.08 65)',
  'oklch(0.76 0.11 5)',
  'oklch(0.62 0.12 118)',
  'oklch(0.5 0.17 293)',
  'oklch(0.74 0.15 58)',
  'oklch(0.42 0.1 235)',
] as const;

/** The colour of a surface, as CSS. The first twelve are easy to tell apart. */
export function dye(index: number): string {
  return dyes[index] ?? `oklch(${[0.72, 0.55, 0.82][index % 3]} 0.14 ${(index * 137.5 + 30) % 360})`;
}
