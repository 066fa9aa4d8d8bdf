/**
 * The order of names everywhere: by Unicode code points of their NFC form. A locale's order differs between machines, and the
 * order of a folder between file systems.
 */

/** For `sort`: negative where `a` comes first. Compares code points; JavaScript's own order compares UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** As `compareCodePoints` on the NFC forms; names that differ in their form alone keep an order of their own. */
export function compareNames(a: string, b: string): number {
  return compareCodePoints(a.normalize('NFC'), b.normalize('NFC')) || compareCodePoints(a, b);
}

/** Surrogates stand for code points above all others, but their units lie below U+E000..U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
