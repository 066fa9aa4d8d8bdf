/**
 * The order of names: by the code points of their NFC form. A locale's order differs between machines, and
 * the order of a directory between file systems.
 */

/** For `sort`. JavaScript's own order compares UTF-16 units, which is not the order of code points. */
export function compareCodePoints(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * As `compareCodePoints` on the NFC forms; names with equal NFC forms are ordered by their own code points.
 */
export function compareNames(a: string, b: string): number {
  return compareCodePoints(a.normalize('NFC'), b.normalize('NFC')) || compareCodePoints(a, b);
}

/** Surrogates encode code points above all others, but their units are below U+E000..U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
