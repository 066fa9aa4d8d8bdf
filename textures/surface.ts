/** A material is a function from a position to brightness and height. */
import type { RandomStream } from '../model/random.ts';
import type { Lattice } from './noise.ts';

/**
 * A position on a surface with its tone and height. One record is reused for all pixels, because allocating
 * one per pixel would take most of the time.
 */
export interface SurfacePoint {
  /** Position in pixels of a photograph at scale 1. */
  u: number;
  v: number;
  /** Share of reflected light, 0..1. */
  tone: number;
  /** Height in pixels, towards the camera. */
  height: number;
}

/** Computes tone and height at the position. */
export type SurfaceShader = (at: SurfacePoint) => void;

export interface Material {
  /**
   * Creates one piece of the material: its sizes and shades come from `random`, its irregularity from
   * `lattice`.
   */
  readonly piece: (random: RandomStream, lattice: Lattice) => SurfaceShader;
  /** Maximum rotation of photographs in either direction, as a share of a full turn. */
  readonly turns: number;
  /** Strength of highlights, 0 matt to 1 mirror. */
  readonly gloss: number;
}

/** Fractional part, 0 <= result < 1 for negative values too. */
export function fraction(x: number): number {
  return x - Math.floor(x);
}

/**
 * 0 up to `low`, 1 from `high`, 3t^2 - 2t^3 between; if `low` is larger than `high`, the result is reversed.
 */
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
