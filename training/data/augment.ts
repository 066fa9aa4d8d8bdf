/** How a training patch is varied before the network sees it. All of it is pure: the same stream gives the same patch. */
import type { GreyImage } from '../../model/image.ts';
import { cutPatch, type Patch, type PatchPosition } from '../../model/patch.ts';
import type { RandomStream } from '../../model/random.ts';
import type { Augmentation } from '../../model/training-config.ts';
import { distortPatch, drawDistortion } from './distortion.ts';
import { clutterCount, drawShift, shiftPatch } from './jitter.ts';

export interface PatchRequest {
  readonly position: PatchPosition;
  readonly patchPx: number;
  /** What `cut` makes of the training image. */
  read(cut: (image: GreyImage) => Patch): Promise<Patch>;
  /** A patch of another training image, a new one at each call; `jitter64` alone asks for it. */
  clutter(): Promise<Patch>;
}

/**
 * `[64,64]` grey levels of the patch asked for, varied by `kind`: `none` as cut; `jitter64` the paper's shift
 * inside clutter; `strong` turned, scaled, flipped and in another light. All random numbers are drawn and all
 * images asked for before this returns, so that the order in which images come does not matter.
 */
export function augmentPatch(
  kind: Augmentation,
  request: PatchRequest,
  random: RandomStream,
): Promise<Patch> {
  const { read, position, patchPx } = request;
  switch (kind) {
    case 'none':
      return read((image) => cutPatch(image, position, patchPx));
    case 'jitter64':
      return shiftedPatch(request, random);
    case 'strong': {
      const distortion = drawDistortion(random);
      return read((image) => distortPatch(image, position, patchPx, distortion));
    }
    default:
      return kind satisfies never;
  }
}

async function shiftedPatch(
  { read, position, patchPx, clutter }: PatchRequest,
  random: RandomStream,
): Promise<Patch> {
  const shift = drawShift(random);
  const own = read((image) => cutPatch(image, position, patchPx));
  const [patch, ...around] = await Promise.all([
    own,
    ...Array.from({ length: clutterCount(shift) }, clutter),
  ]);
  return shiftPatch(patch, shift, around);
}
