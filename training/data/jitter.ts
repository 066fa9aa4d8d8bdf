/**
 * The paper's jitter against position: the training patch is shifted inside a cluttered background, so that a network cannot
 * lean on where in the window a texture lies. The background is made of other training images placed around the patch.
 */
import { inputPx } from '../../model/network.ts';
import { type Patch, patchBytes } from '../../model/patch.ts';
import type { RandomStream } from '../../model/random.ts';

/** Farthest shift either way, in pixels of the 64x64 patch. */
export const shiftLimit = { acrossPx: 22, downPx: 10 } as const;

/** To the right and down where positive. */
export interface Shift {
  readonly acrossPx: number;
  readonly downPx: number;
}

export function drawShift(random: RandomStream): Shift {
  return {
    acrossPx: random.integer(-shiftLimit.acrossPx, shiftLimit.acrossPx),
    downPx: random.integer(-shiftLimit.downPx, shiftLimit.downPx),
  };
}

/** Patches that a shift uncovers: none, one, or three where it goes across the corner. */
export function clutterCount({ acrossPx, downPx }: Shift): 0 | 1 | 3 {
  if (acrossPx !== 0 && downPx !== 0) return 3;
  return acrossPx !== 0 || downPx !== 0 ? 1 : 0;
}

/**
 * The 64x64 window onto the shifted patch. What the shift uncovers shows the patches of `clutter`, which lie
 * beside it, above or below it and across the corner, in this order, as far as they are seen.
 */
export function shiftPatch(patch: Patch, shift: Shift, clutter: readonly Patch[]): Patch {
  const { acrossPx, downPx } = shift;
  const window = new Uint8Array(patchBytes);
  const besidePx = acrossPx - inputPx * Math.sign(acrossPx);
  const abovePx = downPx - inputPx * Math.sign(downPx);
  paste(patch, acrossPx, downPx, window);
  const places = [
    ...(acrossPx !== 0 ? [[besidePx, downPx] as const] : []),
    ...(downPx !== 0 ? [[acrossPx, abovePx] as const] : []),
    ...(acrossPx !== 0 && downPx !== 0 ? [[besidePx, abovePx] as const] : []),
  ];
  places.forEach(([left, top], i) => {
    paste(clutter[i] as Patch, left, top, window);
  });
  return window;
}

/** Copies the part of a patch laid at (`left`, `top`) that falls into the window. */
function paste(patch: Patch, left: number, top: number, window: Patch): void {
  const firstColumn = Math.max(0, -left);
  const endColumn = Math.min(inputPx, inputPx - left);
  const endRow = Math.min(inputPx, inputPx - top);
  for (let row = Math.max(0, -top); row < endRow; row++) {
    const start = row * inputPx;
    const seen = patch.subarray(start + firstColumn, start + endColumn);
    window.set(seen, (row + top) * inputPx + left + firstColumn);
  }
}
