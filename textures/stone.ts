/** Stone: gravel, granite, marble, pebbles, sand. */
import {
  emptyCell,
  fractalNoise,
  gradientNoise,
  type Lattice,
  nearestCell,
  sine,
  squareValue,
} from './noise.ts';
import { type Material, mix, smoothstep } from './surface.ts';

/** Mica, quartz and feldspar: flat grains of three tones. */
export const granite: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const grainPx = random.between(2.7, 3.8);
    const mica = random.between(0.2, 0.32);
    const feldspar = random.between(0.55, 0.7);
    const cell = emptyCell();
    return (at) => {
      const { u, v } = at;
      const { id } = nearestCell(lattice, u / grainPx, v / grainPx, 1, cell);
      const grain = (lattice.value[id] as number) + 0.3 * gradientNoise(lattice, u / 15, v / 15);
      const mineral = grain < mica ? 0.1 : grain < feldspar ? 0.42 : 0.68;
      at.tone = mineral + 0.2 * (lattice.value[255 - id] as number);
      at.height = 0;
    };
  },
};

/** Dark veins where warped noise crosses zero, thin and thick ones, on clouded white. */
export const marble: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const veinPx = random.between(30, 42);
    const depth = random.between(0.45, 0.65);
    return (at) => {
      const { u, v } = at;
      const warp = fractalNoise(lattice, u / 45, v / 45, 3);
      const thick = vein(lattice, u / veinPx + 1.3 * warp, v / (1.7 * veinPx) + warp);
      const thin = vein(lattice, u / 19 + 40.5 - 1.6 * warp, v / 27 + warp);
      at.tone = 0.86 + 0.12 * warp - depth * thick - 0.35 * thin * (0.5 + 0.5 * warp);
      at.height = 0;
    };
  },
};

/** 1 where the noise is zero, with a steep falloff. */
function vein(lattice: Lattice, x: number, y: number): number {
  const near = 1 - Math.min(1, Math.abs(gradientNoise(lattice, x, y)));
  const squared = near * near;
  const fourth = squared * squared;
  return fourth * fourth;
}

/** Rounded stones of different shades, with dark gaps. */
export const pebbles: Material = {
  turns: 0.06,
  gloss: 0.08,
  piece: (random, lattice) => {
    const stonePx = random.between(16, 21);
    const palest = random.between(0.75, 0.95);
    const cell = emptyCell();
    return (at) => {
      const { u, v } = at;
      const bend = 0.12 * gradientNoise(lattice, u / 9, v / 9);
      nearestCell(lattice, u / stonePx + bend, v / stonePx - bend, 0.85, cell);
      const rim = Math.min(cell.second - cell.nearest, 1.5 * (0.64 - cell.nearest));
      const shade = mix(0.35, palest, lattice.value[cell.id] as number);
      const mottle = gradientNoise(lattice, u / 4 + cell.id, v / 4);
      at.tone = mix(0.06, shade + 0.1 * mottle, smoothstep(0.02, 0.14, rim));
      const dome = Math.sqrt(Math.max(0, 1 - 1.5 * cell.nearest * cell.nearest));
      at.height = stonePx * 0.55 * dome * smoothstep(0, 0.3, rim) + 0.25 * mottle;
    };
  },
};

/** Crushed stone: sharp facets with different tilts. */
export const gravel: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const stonePx = random.between(8, 10.5);
    const cell = emptyCell();
    return (at) => {
      const { u, v } = at;
      const { dx, dy, id, nearest, second } = nearestCell(lattice, u / stonePx, v / stonePx, 1, cell);
      const slope = (lattice.gradientX[id] as number) * dx + (lattice.gradientY[id] as number) * dy;
      const break2 = (lattice.gradientY[id] as number) * dx - (lattice.gradientX[id] as number) * dy;
      const rim = second - nearest;
      const shade = 0.45 + 0.4 * (lattice.value[id] as number);
      at.tone = mix(0.05, shade, smoothstep(0.01, 0.16, rim)) + 0.07 * (squareValue(lattice, u, v) - 0.5);
      at.height = stonePx * (0.8 * slope + 0.6 * Math.abs(break2) - 0.35 * nearest);
    };
  },
};

/** Wind ripples with a steep side, and grains of a pixel. */
export const sand: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const ripplePx = random.between(19, 27);
    const ripplesPxHigh = random.between(1.6, 3);
    return (at) => {
      const { u, v } = at;
      const phase = v / ripplePx + 0.55 * fractalNoise(lattice, u / 55, v / 40, 2);
      const ripple = sine(phase) + 0.3 * sine(2 * phase + 0.2);
      const grain = squareValue(lattice, u * 0.8, v * 0.8) + squareValue(lattice, u * 0.5 + 90, v * 0.5);
      at.tone = 0.5 + 0.14 * grain + 0.04 * ripple;
      at.height = ripplesPxHigh * ripple + 0.45 * grain;
    };
  },
};
