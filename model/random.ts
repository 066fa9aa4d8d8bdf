/**
 * Seeded random streams. Every use has a separate stream, named by the seed and a purpose such as `('epoch',
 * 3, 'patches')`. Uses do not affect each other, so a resumed run draws the same numbers as an uninterrupted
 * one, and variants with the same seed draw the same numbers.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

export interface RandomStream {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Uniform integer in [low, high], both included. */
  integer(low: number, high: number): number;
  /** Standard normal deviate (Marsaglia's polar method, 1964). */
  normal(): number;
}

export function randomStream(seed: number, ...purpose: readonly (string | number)[]): RandomStream {
  const generator = xoroshiro128plusFromState(stateFromText([seed, ...purpose].join('\u0000')));
  const uniform = () => uniformFloat64(generator);
  let spare: number | undefined;

  function normal(): number {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      spare = v * scale;
      return u * scale;
    }
  }

  return {
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    integer: (low, high) => uniformInt(generator, low, high),
    normal,
  };
}

/** Shuffles in place (Fisher and Yates; Durstenfeld 1964) and returns the same array. */
export function shuffle<T extends { [index: number]: unknown; length: number }>(
  items: T,
  random: RandomStream,
): T {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    const held = items[last];
    items[last] = items[other];
    items[other] = held;
  }
  return items;
}

/**
 * 128 bits from a text: four FNV-1a hashes with different offsets, each finished by MurmurHash3's 32-bit
 * mixer.
 */
function stateFromText(text: string): number[] {
  const state = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35].map((offset) => {
    let hash = offset;
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  });
  return state.some((word) => word !== 0) ? state : [1, 2, 3, 4];
}
