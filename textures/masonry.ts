/** Wall coverings: brick, tiles, a rendered wall, wallpaper. */
import { fractalNoise, gradientNoise, sine, squareValue } from './noise.ts';
import { fraction, type Material, mix, smoothstep } from './surface.ts';

/** Running bond with pale mortar; bricks differ in shade and have rough faces. */
export const brick: Material = {
  turns: 0.03,
  gloss: 0,
  piece: (random, lattice) => {
    const coursePx = random.between(13, 17);
    const lengthPx = coursePx * random.between(2.2, 2.7);
    const mortarPx = random.between(1.2, 1.9);
    const mortar = random.between(0.6, 0.85);
    return (at) => {
      const { u, v } = at;
      const ragged = 0.8 * gradientNoise(lattice, u / 5, v / 5);
      const course = Math.floor(v / coursePx);
      const along = u / lengthPx + 0.5 * (course & 1);
      const toJoint = (0.5 - Math.abs(fraction(along) - 0.5)) * lengthPx + ragged;
      const toBed = (0.5 - Math.abs(fraction(v / coursePx) - 0.5)) * coursePx + ragged;
      const face = smoothstep(mortarPx - 0.7, mortarPx + 0.7, Math.min(toJoint, toBed));
      const rough = fractalNoise(lattice, u / 5, v / 4, 2);
      const shade = 0.24 + 0.26 * squareValue(lattice, Math.floor(along), course);
      at.tone = mix(mortar, shade + 0.12 * rough, face);
      at.height = 2.2 * face + 0.8 * rough;
    };
  },
};

/** Glazed square mosaic in two shades, bevelled, with grout. */
export const tiles: Material = {
  turns: 0.06,
  gloss: 0.35,
  piece: (random, lattice) => {
    const tilePx = random.between(15, 20);
    const dark = random.between(0.2, 0.4);
    const light = random.between(0.65, 0.85);
    const darkShare = random.between(0.3, 0.6);
    return (at) => {
      const { u, v } = at;
      const column = Math.floor(u / tilePx);
      const row = Math.floor(v / tilePx);
      const pick = squareValue(lattice, column, row);
      const x = 0.5 - Math.abs(fraction(u / tilePx) - 0.5);
      const y = 0.5 - Math.abs(fraction(v / tilePx) - 0.5);
      const inside = Math.min(x, y) * tilePx;
      const glaze = smoothstep(0.9, 1.7, inside);
      const shade = (pick < darkShare ? dark : light) + 0.15 * (pick - 0.5);
      at.tone = mix(0.85, shade + 0.05 * gradientNoise(lattice, u / 11, v / 11), glaze);
      at.height = 1.6 * smoothstep(0.8, 4, inside) + 0.25 * gradientNoise(lattice, u / 16, v / 16);
    };
  },
};

/** Knock-down render: flat islands of plaster on a rough ground. */
export const wall: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const islandPx = random.between(13, 18);
    const cover = random.between(-0.1, 0.1);
    const paint = random.between(0.62, 0.85);
    return (at) => {
      const { u, v } = at;
      const shape = fractalNoise(lattice, u / islandPx, v / islandPx, 3);
      const plateau = smoothstep(cover - 0.13, cover + 0.13, shape);
      const rough = fractalNoise(lattice, u / 4, v / 4, 2);
      at.tone = paint + 0.05 * plateau + 0.03 * rough;
      at.height = 3.2 * plateau + 0.75 * rough * (1 - 0.8 * plateau);
    };
  },
};

/** Printed ogees in a half-drop repeat, a six-petalled flower in each; the paper is smooth. */
export const wallpaper: Material = {
  turns: 0.03,
  gloss: 0,
  piece: (random, lattice) => {
    const repeatPx = random.between(30, 38);
    const paper = random.between(0.65, 0.9);
    const ink = random.between(0.2, 0.4);
    return (at) => {
      const { u, v } = at;
      const x = u / repeatPx;
      const y = v / (1.5 * repeatPx);
      const motif = Math.max(ogee(x, y), flower(x, y - 0.25), flower(x + 0.5, y + 0.25));
      at.tone = mix(paper, ink, motif) + 0.03 * gradientNoise(lattice, u / 3, v / 3);
      at.height = 0;
    };
  },
};

/** 1 on the lines between the motifs: two mirrored waves that touch. */
function ogee(x: number, y: number): number {
  const sway = 0.25 * sine(y);
  const right = Math.abs(fraction(x - sway + 0.25) - 0.5);
  const left = Math.abs(fraction(x + sway + 0.75) - 0.5);
  return smoothstep(0.055, 0.025, Math.min(left, right));
}

/**
 * 1 on a flower at integer coordinates; the real part of (x + iy)^6 / r^6 is the cosine of six times the
 * angle.
 */
function flower(x: number, y: number): number {
  const dx = fraction(x + 0.5) - 0.5;
  const dy = 1.5 * (fraction(y + 0.5) - 0.5);
  const squared = dx * dx + dy * dy + 1e-9;
  if (squared > 0.09) return 0;
  const re = (dx * dx - dy * dy) / squared;
  const im = (2 * dx * dy) / squared;
  const reach = 0.2 + 0.07 * re * (re * re - 3 * im * im);
  const radius = Math.sqrt(squared);
  return smoothstep(reach + 0.015, reach - 0.015, radius) * smoothstep(0.045, 0.065, radius);
}
