/** Cloth whose threads show: denim, knit, plaid. */
import { fractalNoise, gradientNoise, sine, squareValue } from './noise.ts';
import { clamp01, fraction, type Material, mix, smoothstep } from './surface.ts';

/** Steep twill: dark warp over pale weft, with slubs and worn patches. */
export const denim: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const twillPx = random.between(4.2, 5.4);
    const worn = random.between(0.1, 0.3);
    return (at) => {
      const { u, v } = at;
      const slub = gradientNoise(lattice, u / 2.5, v / 40);
      const ridge = sine((u + 0.55 * v) / twillPx + 0.25 * slub);
      const thread = sine((2 * u) / twillPx);
      const wear = fractalNoise(lattice, u / 30, v / 45, 2);
      const yarn = 0.5 + 0.5 * ridge;
      at.tone = 0.2 + 0.3 * yarn + 0.09 * slub + worn * wear * yarn + 0.05 * thread;
      at.height = 0.8 * yarn + 0.4 * slub;
    };
  },
};

/** Stocking stitch: columns of V, two plump legs each, of fuzzy yarn. */
export const knit: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const columnPx = random.between(12, 16);
    const stitchPx = columnPx * random.between(0.68, 0.85);
    const yarn = random.between(0.5, 0.8);
    return (at) => {
      const { u, v } = at;
      const wander = 0.08 * gradientNoise(lattice, u / 22, v / 22);
      const side = fraction(u / columnPx + wander) - 0.5;
      const across = Math.abs(side);
      const row = fraction(v / stitchPx + 1.15 * across + wander) - 0.5;
      const legX = (across - 0.25) / 0.27;
      const legY = row / 0.52;
      const plump = Math.sqrt(clamp01(1 - legX * legX - 0.8 * legY * legY));
      const fuzz = gradientNoise(lattice, u / 1.7 + side * 3, v / 1.7);
      const twist = sine(v / 3.1 + 4 * across * (side < 0 ? 1 : -1));
      at.tone = mix(0.1, yarn, smoothstep(0, 0.6, plump)) + 0.08 * fuzz + 0.05 * twist * plump;
      at.height = 0.3 * columnPx * plump + 0.4 * fuzz;
    };
  },
};

/** Tartan: one row of stripes both ways, crossed in a 2/2 twill. */
export const plaid: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const settPx = random.between(40, 52);
    const ground = random.between(0.3, 0.5);
    const band = random.between(0.1, 0.2);
    const stripe = (x: number) => {
      const t = fraction(x / settPx);
      if (t < 0.32) return band;
      if (t > 0.64 && t < 0.7) return 0.95;
      return t > 0.42 && t < 0.47 ? 0.8 : ground;
    };
    return (at) => {
      const { u, v } = at;
      const warpOnTop = fraction((u + v) / 5);
      const share = smoothstep(0.15, 0.45, warpOnTop) * smoothstep(1, 0.75, warpOnTop);
      const fibre = squareValue(lattice, u * 0.7, v * 0.7) - 0.5;
      at.tone = mix(stripe(u), stripe(v), share) + 0.08 * fibre;
      at.height = 0.25 * share;
    };
  },
};
