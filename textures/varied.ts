/**
 * Many more generated classes, for pre-training: a class is one piece of one material, or of two that are
 * combined, stretched and with its own tones. Its pictures differ in place, light, exposure and noise, as
 * those of a texture do.
 */
import type { GreyImage } from '../model/image.ts';
import { type RandomStream, randomStream } from '../model/random.ts';
import { fractalNoise, type Lattice, randomLattice } from './noise.ts';
import { photograph } from './photograph.ts';
import { clamp01, type Material, mix, type SurfaceShader, smoothstep } from './surface.ts';
import { materials, textureNames } from './textures.ts';

/**
 * `[sidePx, sidePx]` grey levels of picture `index` of class `number`. The same arguments give the same
 * bytes.
 */
export function drawVaried(seed: number, number: number, index: number, sidePx: number): GreyImage {
  const material = variedMaterial(seed, number);
  const random = randomStream(seed, 'varied picture', number, index);
  const surface = material.piece(random, randomLattice(random));
  return photograph(surface, material, random, sidePx, sidePx);
}

/** The material of a class. Only its irregularity and its place differ from picture to picture. */
function variedMaterial(seed: number, number: number): Material {
  const random = randomStream(seed, 'varied class', number);
  const [first, second] = [ingredient(random, seed, number, 0), ingredient(random, seed, number, 1)];
  const combine = combinations[random.integer(0, combinations.length - 1)] as Combination;
  const share = random.between(0.25, 0.75);
  const patchPx = random.between(8, 40);
  const [low, high] = tones(random);
  return {
    turns: random.between(0.02, 0.12),
    gloss: random.uniform() < 0.25 ? random.between(0, 0.15) : 0,
    piece: (_, lattice) => {
      const [a, b] = [first(lattice), second(lattice)];
      const combined = combine(a, b, { share, patchPx, lattice });
      return (at) => {
        combined(at);
        at.tone = mix(low, high, clamp01(at.tone));
      };
    },
  };
}

/** Darkest and palest tone; reversed in a third of the classes. */
function tones(random: RandomStream): readonly [number, number] {
  const low = random.between(0, 0.3);
  const high = random.between(0.6, 1);
  return random.uniform() < 1 / 3 ? [high, low] : [low, high];
}

/** One piece of a material, stretched. */
function ingredient(random: RandomStream, seed: number, number: number, at: number) {
  const material = materials[textureNames[random.integer(0, textureNames.length - 1)] ?? 'bark'];
  const scale = 2 ** random.between(-0.7, 0.7);
  const stretch = random.uniform() < 0.5 ? 1 : 2 ** random.between(-0.6, 0.6);
  const [acrossScale, downScale] = [scale * stretch, scale / stretch];
  const swaps = random.uniform() < 0.5;
  const relief = random.between(0.5, 1.2) / scale;
  return (lattice: Lattice): SurfaceShader => {
    // The same stream for all pictures, so that sizes and shades belong to the class.
    const surface = material.piece(randomStream(seed, 'varied piece', number, at), lattice);
    return (point) => {
      const { u, v } = point;
      point.u = acrossScale * (swaps ? v : u);
      point.v = downScale * (swaps ? u : v);
      surface(point);
      point.height *= relief;
      point.u = u;
      point.v = v;
    };
  };
}

interface Mixture {
  /** Of the second material, 0..1. */
  readonly share: number;
  /** Size of the patches of a patchwork. */
  readonly patchPx: number;
  readonly lattice: Lattice;
}
type Combination = (a: SurfaceShader, b: SurfaceShader, mixture: Mixture) => SurfaceShader;

const combinations: readonly Combination[] = [
  (a) => a,
  (a, b, { share }) => both(a, b, () => share),
  // Patches of the second material on the first.
  (a, b, { share, patchPx, lattice }) =>
    both(a, b, (u, v) => {
      const noise = fractalNoise(lattice, u / patchPx + 31.7, v / patchPx + 5.9, 2);
      return smoothstep(-0.1, 0.1, noise + share - 0.5);
    }),
];

function both(a: SurfaceShader, b: SurfaceShader, shareAt: (u: number, v: number) => number): SurfaceShader {
  return (at) => {
    const { u, v } = at;
    a(at);
    const { tone, height } = at;
    b(at);
    const share = shareAt(u, v);
    at.tone = mix(tone, at.tone, share);
    at.height = mix(height, at.height, share);
  };
}
