/** Timber: bark, planed wood, a parquet floor. */
import { fractalNoise, gradientNoise, type Lattice, squareValue } from './noise.ts';
import { fraction, type Material, mix, smoothstep } from './surface.ts';

/** Long plates between dark furrows that split and join. */
export const bark: Material = {
  turns: 0.04,
  gloss: 0,
  piece: (random, lattice) => {
    const platePx = random.between(9, 13);
    const stretch = random.between(3, 4.5);
    return (at) => {
      const { u, v } = at;
      const warp = fractalNoise(lattice, u / 28, v / 28, 2);
      const furrow = Math.abs(gradientNoise(lattice, u / platePx + 0.7 * warp, v / (stretch * platePx)));
      const crack = Math.abs(gradientNoise(lattice, u / 17 + 50, v / 7 + 1.5 * warp));
      const rough = fractalNoise(lattice, u / 4, v / 7, 2);
      const plate = smoothstep(0.02, 0.42, furrow) * mix(0.65, 1, smoothstep(0, 0.12, crack));
      at.tone = mix(0.1, 0.58, plate) + 0.12 * rough;
      at.height = 6.5 * plate + 1.3 * rough;
    };
  },
};

/** Rings cut lengthwise, each darkening to a sharp edge, and fibres; the rings bow around knots. */
export const wood: Material = {
  turns: 0.06,
  gloss: 0,
  piece: (random, lattice) => {
    const ringPx = random.between(7, 11);
    const light = random.between(0.62, 0.8);
    return (at) => {
      const { u, v } = at;
      at.tone = grain(lattice, u, v, ringPx, light);
      at.height = 0;
    };
  },
};

/** Tone of sawn wood that runs along v. */
function grain(lattice: Lattice, u: number, v: number, ringPx: number, light: number): number {
  const bow = gradientNoise(lattice, u / 48, v / 150) + 0.12 * gradientNoise(lattice, u / 14, v / 60);
  const ring = fraction(u / ringPx + 3.2 * bow);
  const late = ring * ring * smoothstep(1, 0.9, ring);
  const fibre = gradientNoise(lattice, u / 1.3, v / 24);
  return light - 0.42 * late + 0.1 * fibre;
}

/**
 * Basket-weave parquet: squares of four strips in alternating directions, each strip from a different piece
 * of wood.
 */
export const floor: Material = {
  turns: 0.06,
  gloss: 0.1,
  piece: (random, lattice) => {
    const squarePx = random.between(38, 46);
    const strips = 4;
    const ringPx = random.between(5, 7);
    return (at) => {
      const { u, v } = at;
      const column = Math.floor(u / squarePx);
      const row = Math.floor(v / squarePx);
      const along = ((column + row) & 1) === 0;
      const x = along ? u : v;
      const y = along ? v : u;
      const strip = Math.floor((x * strips) / squarePx);
      const end = Math.floor(y / squarePx);
      const shade = squareValue(lattice, strip, 3 * end + (along ? 0 : 128));
      const seamX = Math.abs(fraction((x * strips) / squarePx + 0.5) - 0.5) * (squarePx / strips);
      const seamY = Math.abs(fraction(y / squarePx + 0.5) - 0.5) * squarePx;
      const seam = smoothstep(0.2, 1.3, Math.min(seamX, seamY));
      const timber = grain(lattice, x + 97 * strip, y + 531 * end, ringPx, 0.5 + 0.35 * shade);
      at.tone = mix(0.08, 0.85 * timber + 0.1, seam);
      at.height = seam;
    };
  },
};
