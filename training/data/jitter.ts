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

/**
 * The 64x64 window onto the shifted patch. What the shift uncovers shows the patches that lie beside it, above or below it and
 * across the corner; `clutter` is asked for each of them that is seen, in this order.
 */
export function shiftPatch(patch: Patch, { acrossPx, downPx }: Shift, clutter: () => Patch): Patch {
  const window = new Uint8Array(patchBytes);
  const besidePx = acrossPx - inputPx * Math.sign(acrossPx);
  const abovePx = downPx - inputPx * Math.sign(downPx);
  paste(patch, acrossPx, downPx, window);
  if (acrossPx !== 0) paste(clutter(), besidePx, downPx, window);
  if (downPx !== 0) paste(clutter(), acrossPx, abovePx, window);
  if (acrossPx !== 0 && downPx !== 0) paste(clutter(), besidePx, abovePx, window);
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
