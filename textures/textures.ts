/**
 * 25 generated classes of surfaces, for training, tests and demonstrations without photographs. Scale,
 * direction, light, contrast, brightness and noise vary from picture to picture, so that classes overlap in
 * simple statistics and a network has to learn to distinguish them.
 */
import type { GreyImage } from '../model/image.ts';
import { randomStream } from '../model/random.ts';
import { foliage, honeycomb, leather } from './living.ts';
import { brick, tiles, wall, wallpaper } from './masonry.ts';
import { randomLattice } from './noise.ts';
import { photograph } from './photograph.ts';
import { carpet, corduroy, fur, upholstery } from './pile.ts';
import { glass, rust, water } from './sheet.ts';
import { granite, gravel, marble, pebbles, sand } from './stone.ts';
import type { Material } from './surface.ts';
import { bark, floor, wood } from './timber.ts';
import { denim, knit, plaid } from './weave.ts';

/** In code-point order, which is the order of labels everywhere. */
export const textureNames = [
  'bark',
  'brick',
  'carpet',
  'corduroy',
  'denim',
  'floor',
  'foliage',
  'fur',
  'glass',
  'granite',
  'gravel',
  'honeycomb',
  'knit',
  'leather',
  'marble',
  'pebbles',
  'plaid',
  'rust',
  'sand',
  'tiles',
  'upholstery',
  'wall',
  'wallpaper',
  'water',
  'wood',
] as const;

export type TextureName = (typeof textureNames)[number];

export const materials: Readonly<Record<TextureName, Material>> = {
  bark,
  brick,
  carpet,
  corduroy,
  denim,
  floor,
  foliage,
  fur,
  glass,
  granite,
  gravel,
  honeycomb,
  knit,
  leather,
  marble,
  pebbles,
  plaid,
  rust,
  sand,
  tiles,
  upholstery,
  wall,
  wallpaper,
  water,
  wood,
};

/**
 * `[height, width]` grey levels of photograph number `index` of a texture. The same arguments give the same
 * bytes on every machine. The scale of the material does not depend on the picture's size.
 */
export function drawTexture(
  name: TextureName,
  seed: number,
  index: number,
  width: number,
  height: number,
): GreyImage {
  const random = randomStream(seed, 'texture', name, index);
  const material = materials[name];
  const surface = material.piece(random, randomLattice(random));
  return photograph(surface, material, random, width, height);
}
