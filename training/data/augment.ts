/** How a training patch is varied before the network sees it. All of it is pure: the same stream gives the same patch. */
import type { GreyImage } from '../../model/image.ts';
import { cutPatch, type Patch, type PatchPosition } from '../../model/patch.ts';
import type { RandomStream } from '../../model/random.ts';
import type { Augmentation } from '../../model/training-config.ts';
import { distortPatch, drawDistortion } from './distortion.ts';
import { drawShift, shiftPatch } from './jitter.ts';

export interface PatchRequest {
  readonly image: GreyImage;
  readonly position: PatchPosition;
  readonly patchPx: number;
  /** A patch of another training image, a new one at each call; `jitter64` alone asks for it. */
  clutter(): Patch;
}

/**
 * `[64,64]` grey levels of the patch asked for, varied by `kind`:
 * `none` as cut; `jitter64` the paper's shift inside clutter; `strong` turned, scaled, flipped and in another light.
 */
export function augmentPatch(kind: Augmentation, request: PatchRequest, random: RandomStream): Patch {
  const { image, position, patchPx } = request;
  switch (kind) {
    case 'none':
      return cutPatch(image, position, patchPx);
    case 'jitter64':
      return shiftPatch(cutPatch(image, position, patchPx), drawShift(random), request.clutter);
    case 'strong':
      return distortPatch(image, position, patchPx, drawDistortion(random));
    default:
      return kind satisfies never;
  }
}
