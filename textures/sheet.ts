/** Smooth sheets: hammered glass, rusted steel, water. */
import { emptyCell, fractalNoise, gradientNoise, nearestCell, squareValue } from './noise.ts';
import { type Material, mix, smoothstep } from './surface.ts';

/** Hammered glass: each dimple is a lens that shows the blurred background small and upside down. */
export const glass: Material = {
  turns: 0.06,
  gloss: 0.3,
  piece: (random, lattice) => {
    const dimplePx = random.between(11, 15);
    const power = random.between(2, 3.2);
    const cell = emptyCell();
    return (at) => {
      const { u, v } = at;
      nearestCell(lattice, u / dimplePx, v / dimplePx, 0.8, cell);
      const behindU = u / dimplePx - power * cell.dx;
      const behindV = v / dimplePx - power * cell.dy;
      at.tone = 0.5 + 0.33 * gradientNoise(lattice, behindU / 3.2, behindV / 3.2);
      at.height = 0.32 * dimplePx * (cell.nearest * cell.nearest - 0.12 * (cell.second - cell.nearest));
    };
  },
};

/** Steel whose paint flakes: dark scabs of rust with ragged edges and pits. */
export const rust: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const scabPx = random.between(17, 25);
    const cover = random.between(-0.12, 0.12);
    const paint = random.between(0.6, 0.85);
    return (at) => {
      const { u, v } = at;
      const spread = fractalNoise(lattice, u / scabPx, v / scabPx, 5);
      const eaten = smoothstep(cover - 0.03, cover + 0.03, spread);
      const halo = smoothstep(cover - 0.35, cover, spread);
      const scale = fractalNoise(lattice, u / 7 + 33, v / 7, 3);
      const pit = smoothstep(0.3, 0.5, scale);
      const bare = 0.3 + 0.2 * scale - 0.15 * pit;
      at.tone = mix(paint - 0.2 * halo, bare, eaten) + 0.05 * (squareValue(lattice, u, v) - 0.5);
      at.height = eaten * (0.9 * scale - 1.2) - 0.8 * pit * eaten;
    };
  },
};

/** Ripples seen at a slant: long low waves, broken by smaller ones, with glints. */
export const water: Material = {
  turns: 0.06,
  gloss: 0.75,
  piece: (random, lattice) => {
    const wavePx = random.between(17, 24);
    const swell = random.between(2.2, 3.2);
    const depth = random.between(0.3, 0.5);
    return (at) => {
      const { u, v } = at;
      const warp = 0.5 * gradientNoise(lattice, u / 40, v / 30);
      const long = gradientNoise(lattice, u / (2.6 * wavePx) + warp, (1.5 * v) / wavePx + warp);
      const short = gradientNoise(lattice, u / wavePx + 31, (2.6 * v) / wavePx + 1.2 * warp);
      const crest = (1 - Math.abs(long)) ** 2;
      at.tone = depth + 0.2 * long + 0.12 * short;
      at.height = swell * (1.3 * crest + 0.7 * short);
    };
  },
};
