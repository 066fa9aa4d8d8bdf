/** A material as a function of the place on it: how light it is there, and how high. */
import type { RandomStream } from '../model/random.ts';
import type { Lattice } from './noise.ts';

/** A place on a surface and what is there. One record serves all pixels, as records of their own would cost most of the time. */
export interface SurfacePoint {
  /** The place, in pixels of a photograph at scale 1. */
  u: number;
  v: number;
  /** Share of the light that comes back, 0..1. */
  tone: number;
  /** In pixels towards the camera. */
  height: number;
}

/** Writes tone and height of the place. */
export type Surface = (at: SurfacePoint) => void;

export interface Material {
  /** Draws one piece of the material: its own sizes and shades come from `random`, its irregularity from `lattice`. */
  readonly piece: (random: RandomStream, lattice: Lattice) => Surface;
  /** Photographs are turned by up to this share of a full turn, either way. */
  readonly turns: number;
  /** Strength of highlights, 0 matt to 1 mirror. */
  readonly gloss: number;
}

/** Fractional part, 0 <= result < 1 for negative values too. */
export function fraction(x: number): number {
  return x - Math.floor(x);
}

/** 0 up to `low`, 1 from `high` on, 3t^2 - 2t^3 between; `low` may be the larger one, which turns it round. */
export function smoothstep(low: number, high: number, x: number): number {
  const t = clamp01((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}

export function mix(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

export function clamp01(x: number): number {
  return Math.min(1, Math.max(0, x));
}
