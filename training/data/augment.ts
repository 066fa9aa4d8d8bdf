/**
 * Varies training patches before the network sees them. Pure: the same random stream gives the same patch.
 */
import type { GreyImage } from '../../model/image.ts';
import { cutPatch, inputPx, type Patch, type PatchPosition, patchBytes } from '../../model/patch.ts';
import type { RandomStream } from '../../model/random.ts';
import type { Augmentation } from '../../model/training-config.ts';
import { distortPatch, drawDistortion, windowCentre } from './distortion.ts';

export interface PatchRequest {
  readonly position: PatchPosition;
  readonly patchPx: number;
  /** Calls `cut` with the training image. */
  read(cut: (image: GreyImage) => Patch): Promise<Patch>;
  /** A patch of another training image, a new one at each call. Only `jitter64` calls it. */
  clutter(): Promise<Patch>;
}

/**
 * `[64,64]` grey levels of the requested patch: as cut (`none`), shifted inside clutter (`jitter64`), or
 * rotated, mirrored and with other grey levels, half of them also scaled (`strong`). All random numbers are
 * drawn and all images requested before this returns, so that the order in which images arrive has no effect.
 */
export function augmentPatch(
  kind: Augmentation,
  request: PatchRequest,
  random: RandomStream,
): Promise<Patch> {
  switch (kind) {
    case 'none':
      return request.read((image) => cutPatch(image, request.position, request.patchPx));
    case 'jitter64':
      return jitteredPatch(request, random);
    case 'strong':
      return distortedPatch(request, random);
    default:
      return kind satisfies never;
  }
}

/**
 * Half of the patches are cut as for an evaluation, and then only turned by quarters. Interpolation blurs the
 * other half, and a network that meets blurred patches only is worse on sharp ones (docs/trials.md).
 */
const quarterTurnedShare = 0.5;

function distortedPatch({ read, position, patchPx }: PatchRequest, random: RandomStream): Promise<Patch> {
  const distortion = drawDistortion(random);
  const fraction = { x: random.uniform(), y: random.uniform() };
  if (random.uniform() < quarterTurnedShare) {
    const turned = { ...distortion, turns: Math.floor(4 * distortion.turns) / 4, scale: 1 };
    const middle = { x: inputPx / 2, y: inputPx / 2 };
    return read((image) => {
      const data = cutPatch(image, position, patchPx);
      return distortPatch({ data, width: inputPx, height: inputPx }, middle, inputPx, turned);
    });
  }
  return read((image) => {
    const centre = windowCentre(image, position, fraction, patchPx, distortion);
    return distortPatch(image, centre, patchPx, distortion);
  });
}

async function jitteredPatch(
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

/** The largest shift of `jitter64` in each direction, in pixels of the 64x64 patch. */
const shiftLimit = { acrossPx: 22, downPx: 10 } as const;

/** Positive values move the patch right and down. */
interface Shift {
  readonly acrossPx: number;
  readonly downPx: number;
}

export function drawShift(random: RandomStream): Shift {
  return {
    acrossPx: random.integer(-shiftLimit.acrossPx, shiftLimit.acrossPx),
    downPx: random.integer(-shiftLimit.downPx, shiftLimit.downPx),
  };
}

/** The number of neighbouring patches that a shift uncovers: three if it is diagonal. */
export function clutterCount({ acrossPx, downPx }: Shift): 0 | 1 | 3 {
  if (acrossPx !== 0 && downPx !== 0) return 3;
  return acrossPx !== 0 || downPx !== 0 ? 1 : 0;
}

/**
 * The paper's jitter, which keeps a network from relying on where in the window a texture is: the 64x64
 * window onto the shifted patch. The uncovered area shows `clutter`: the patch to the left or right, then the
 * one above or below, then the diagonal one, as far as they are visible.
 */
export function shiftPatch(patch: Patch, shift: Shift, clutter: readonly Patch[]): Patch {
  const { acrossPx, downPx } = shift;
  const window = new Uint8Array(patchBytes);
  const sidePx = acrossPx - inputPx * Math.sign(acrossPx);
  const abovePx = downPx - inputPx * Math.sign(downPx);
  paste(patch, acrossPx, downPx, window);
  const places = [
    ...(acrossPx !== 0 ? [[sidePx, downPx] as const] : []),
    ...(downPx !== 0 ? [[acrossPx, abovePx] as const] : []),
    ...(acrossPx !== 0 && downPx !== 0 ? [[sidePx, abovePx] as const] : []),
  ];
  places.forEach(([left, top], i) => {
    paste(clutter[i] as Patch, left, top, window);
  });
  return window;
}

/** Copies the part of a patch at (`left`, `top`) that is inside the window. */
function paste(patch: Patch, left: number, top: number, window: Patch): void {
  const firstColumn = Math.max(0, -left);
  const endColumn = Math.min(inputPx, inputPx - left);
  const endRow = Math.min(inputPx, inputPx - top);
  for (let row = Math.max(0, -top); row < endRow; row++) {
    const start = row * inputPx;
    const visible = patch.subarray(start + firstColumn, start + endColumn);
    window.set(visible, (row + top) * inputPx + left + firstColumn);
  }
}
