/**
 * The noise functions of the materials. They use only +, -, *, /, square roots and table look-ups, whose
 * results IEEE 754 defines exactly, so a texture has the same pixels on every machine.
 */
import { type RandomStream, shuffle } from '../model/random.ts';

const period = 256;
const wrap = period - 1;

/** The random tables of one image. Noise repeats after 256 lattice cells. */
export interface Lattice {
  /** `[512]` a permutation of 0..255, twice. */
  readonly order: Uint8Array;
  /** `[256]` uniform in [0, 1). */
  readonly value: Float64Array;
  /** `[256]` unit vectors at even angles. */
  readonly gradientX: Float64Array;
  readonly gradientY: Float64Array;
}

export function randomLattice(random: RandomStream): Lattice {
  const once = shuffle(
    Uint8Array.from({ length: period }, (_, i) => i),
    random,
  );
  const order = new Uint8Array(2 * period);
  order.set(once);
  order.set(once, period);
  return {
    order,
    value: Float64Array.from({ length: period }, () => random.uniform()),
    gradientX: Float64Array.from({ length: period }, (_, i) => sine(i / period + 0.25)),
    gradientY: Float64Array.from({ length: period }, (_, i) => sine(i / period)),
  };
}

/**
 * sin(2 pi turns) to 0.001 by two parabolas (N. Capens, "Fast and accurate sine/cosine", 2006), the same on
 * every machine.
 */
export function sine(turns: number): number {
  const t = turns - Math.floor(turns + 0.5);
  const parabola = 8 * t - 16 * t * Math.abs(t);
  return parabola + 0.225 * (parabola * Math.abs(parabola) - parabola);
}

/**
 * Gradient noise (Perlin, "Improving noise", 2002) scaled to fill about -1..1; features are about one unit
 * wide.
 */
export function gradientNoise({ order, gradientX, gradientY }: Lattice, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const dx = x - left;
  const dy = y - top;
  const column = left & wrap;
  const row = top & wrap;
  const west = order[column] as number;
  const east = order[column + 1] as number;
  const nw = order[west + row] as number;
  const ne = order[east + row] as number;
  const sw = order[west + row + 1] as number;
  const se = order[east + row + 1] as number;
  const atNw = (gradientX[nw] as number) * dx + (gradientY[nw] as number) * dy;
  const atNe = (gradientX[ne] as number) * (dx - 1) + (gradientY[ne] as number) * dy;
  const atSw = (gradientX[sw] as number) * dx + (gradientY[sw] as number) * (dy - 1);
  const atSe = (gradientX[se] as number) * (dx - 1) + (gradientY[se] as number) * (dy - 1);
  const across = fade(dx);
  const north = atNw + across * (atNe - atNw);
  const south = atSw + across * (atSe - atSw);
  return 1.5 * (north + fade(dy) * (south - north));
}

/** Perlin's quintic 6t^5 - 15t^4 + 10t^3. */
function fade(t: number): number {
  return t * t * t * (t * (6 * t - 15) + 10);
}

/**
 * Fractal sum (fBm): each octave has twice the frequency and half the amplitude of the previous one; about
 * -1..1.
 */
export function fractalNoise(lattice: Lattice, x: number, y: number, octaves: number): number {
  let sum = 0;
  let strength = 1;
  let total = 0;
  let frequency = 1;
  for (let octave = 0; octave < octaves; octave++) {
    sum += strength * gradientNoise(lattice, x * frequency + 17.3 * octave, y * frequency + 9.1 * octave);
    total += strength;
    strength /= 2;
    frequency *= 2;
  }
  return (1.4 * sum) / total;
}

/** One uniform value in [0, 1) for each unit square of the plane. */
export function squareValue({ order, value }: Lattice, x: number, y: number): number {
  const column = order[Math.floor(x) & wrap] as number;
  return value[order[column + (Math.floor(y) & wrap)] as number] as number;
}

/** Cellular noise at a point. The record is reused, because it is computed for every pixel. */
interface Cell {
  /** Distance to the nearest and to the second nearest seed. */
  nearest: number;
  second: number;
  /** From the nearest seed to the point. */
  dx: number;
  dy: number;
  /** 0..255, of the nearest seed: an index into the lattice's tables. */
  id: number;
}

export function emptyCell(): Cell {
  return { nearest: 0.5, second: 0.5, dx: 0.5, dy: 0.5, id: 0 };
}

/**
 * Cellular noise (Worley, "A cellular texture basis function", 1996): one seed in each unit square, at most
 * `jitter` / 2 from its centre on each axis (0 gives a square lattice, 1 the most irregular one). It searches
 * the 3x3 squares around the point.
 */
export function nearestCell(
  { order, value }: Lattice,
  x: number,
  y: number,
  jitter: number,
  into: Cell,
): Cell {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const base = 0.5 - jitter / 2;
  let nearest = 9;
  let second = 9;
  for (let column = left - 1; column <= left + 1; column++) {
    const start = order[column & wrap] as number;
    const offsetX = x - column - base;
    for (let row = top - 1; row <= top + 1; row++) {
      const id = order[start + (row & wrap)] as number;
      const dx = offsetX - jitter * (value[id] as number);
      const dy = y - row - base - jitter * (value[wrap - id] as number);
      const distance = dx * dx + dy * dy;
      if (distance < nearest) {
        second = nearest;
        nearest = distance;
        into.dx = dx;
        into.dy = dy;
        into.id = id;
      } else if (distance < second) second = distance;
    }
  }
  into.nearest = Math.sqrt(nearest);
  into.second = Math.sqrt(second);
  return into;
}
