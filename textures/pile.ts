/** Soft coverings: carpet, corduroy, fur, buttoned upholstery. */
import { emptyCell, fractalNoise, gradientNoise, nearestCell, sine } from './noise.ts';
import { fraction, type Material, mix, smoothstep } from './surface.ts';

/** Loop pile in near-regular rows, flecked. */
export const carpet: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const loopPx = random.between(5, 6.5);
    const wool = random.between(0.45, 0.7);
    const fleck = random.between(0.08, 0.25);
    const cell = emptyCell();
    return (at) => {
      const { u, v } = at;
      const row = Math.floor(v / loopPx);
      nearestCell(lattice, u / (1.35 * loopPx) + 0.5 * (row & 1), v / loopPx, 0.35, cell);
      const rim = cell.second - cell.nearest;
      const loop = smoothstep(0, 0.55, rim);
      const fuzz = gradientNoise(lattice, u / 1.6, v / 1.6);
      const tone = wool + fleck * ((lattice.value[cell.id] as number) - 0.5) * 2;
      at.tone = mix(0.12, tone, loop) + 0.1 * fuzz;
      at.height = 0.4 * loopPx * loop + 0.5 * fuzz;
    };
  },
};

/** Parallel wales with deep grooves; the nap lies in patches. */
export const corduroy: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const walePx = random.between(9, 12.5);
    const cloth = random.between(0.45, 0.7);
    return (at) => {
      const { u, v } = at;
      const bend = 0.5 * gradientNoise(lattice, u / 60, v / 60);
      const t = fraction(u / walePx + bend) - 0.5;
      const round = Math.sqrt(Math.max(0, 1 - 4.2 * t * t));
      const nap = gradientNoise(lattice, u / 1.8, v / 3.2);
      const brushed = gradientNoise(lattice, u / 25, v / 40);
      at.tone = mix(0.08, cloth + 0.08 * brushed, round) + 0.07 * nap;
      at.height = 0.42 * walePx * round + 0.45 * nap;
    };
  },
};

/** Hair that runs one way, bends, and gathers into locks with pale tips. */
export const fur: Material = {
  turns: 0.06,
  gloss: 0.05,
  piece: (random, lattice) => {
    const lockPx = random.between(8, 12);
    const coat = random.between(0.4, 0.6);
    return (at) => {
      const { u, v } = at;
      const bend = 9 * gradientNoise(lattice, u / 40, v / 40);
      const across = u + bend;
      const lock = gradientNoise(lattice, across / lockPx, v / (2.6 * lockPx));
      const part = across + 4 * lock;
      const hair = gradientNoise(lattice, part / 1.6, v / 17);
      const undercoat = gradientNoise(lattice, part / 3.3 + 77, v / 24);
      at.tone = coat + 0.22 * hair + 0.16 * undercoat + 0.22 * lock;
      at.height = 2.4 * lock + 0.7 * hair + 0.7 * undercoat;
    };
  },
};

/** Buttoned upholstery: cushions in a diamond lattice, drawn in at buttons, of fine-grained cloth. */
export const upholstery: Material = {
  turns: 0.03,
  gloss: 0.16,
  piece: (random, lattice) => {
    const widthPx = random.between(36, 46);
    const heightPx = widthPx * random.between(1.1, 1.35);
    const cover = random.between(0.35, 0.6);
    return (at) => {
      const { u, v } = at;
      const a = fraction(u / widthPx + v / heightPx) - 0.5;
      const b = fraction(u / widthPx - v / heightPx) - 0.5;
      const puffA = 1 - 4 * a * a;
      const puffB = 1 - 4 * b * b;
      const cushion = Math.sqrt(puffA * puffB);
      const pleat = smoothstep(0, 0.3, Math.min(puffA, puffB));
      const corner = (0.5 - Math.abs(a)) ** 2 + (0.5 - Math.abs(b)) ** 2;
      const button = smoothstep(0.012, 0.006, corner);
      const weave = sine(u / 3.1) * sine(v / 3.1);
      const crease = fractalNoise(lattice, u / 14, v / 14, 2);
      at.tone = mix(mix(0.4 * cover, cover, pleat), 1.25 * cover, button) + 0.03 * weave + 0.02 * crease;
      at.height = 0.2 * widthPx * cushion + 2 * button + 0.4 * crease;
    };
  },
};
