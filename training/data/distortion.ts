/**
 * The `strong` augmentation: the patch is taken from its image anew, at another angle and size, mirrored, and
 * in another light. It reads the photograph around the patch, so turning it brings no empty corners.
 */
import type { GreyImage } from '../../model/image.ts';
import { inputPx } from '../../model/network.ts';
import { type Patch, type PatchPosition, patchBytes } from '../../model/patch.ts';
import type { RandomStream } from '../../model/random.ts';

export interface Distortion {
  /** Full turns, clockwise. */
  readonly turns: number;
  /** Above 1 the texture appears larger. */
  readonly scale: number;
  /** Left and right exchanged; with the turn this gives every flip. */
  readonly mirrored: boolean;
  /** Exponent on levels of 0..1. */
  readonly gamma: number;
  /** Factor on the distance from the mean, so that dark textures do not drown in black. */
  readonly contrast: number;
  /** Grey levels added. */
  readonly brightness: number;
}

/** Changes nothing. */
export const noDistortion: Distortion = {
  turns: 0,
  scale: 1,
  mirrored: false,
  gamma: 1,
  contrast: 1,
  brightness: 0,
};

/** Any angle; scale 0.7..1.4 and gamma 1/1.4..1.4, evenly on a logarithmic scale. */
export function drawDistortion(random: RandomStream): Distortion {
  return {
    turns: random.uniform(),
    scale: Math.exp(random.between(Math.log(0.7), Math.log(1.4))),
    mirrored: random.uniform() < 0.5,
    gamma: Math.exp(random.between(-Math.log(1.4), Math.log(1.4))),
    contrast: random.between(0.7, 1.3),
    brightness: random.between(-20, 20),
  };
}

/**
 * `[64,64]` grey levels around the middle of the patch. Source pixels are interpolated bilinearly, several
 * for each pixel of the result where it covers several; beyond its edges the image goes on as its mirror
 * image. `noDistortion` gives what `cutPatch` gives wherever `patchPx` is a multiple of 64.
 */
export function distortPatch(
  image: GreyImage,
  position: PatchPosition,
  patchPx: number,
  distortion: Distortion,
): Patch {
  const view = viewOf(position, patchPx, distortion);
  const patch = sampleView(windowOnto(image, view), view);
  const curve = toneCurve(distortion, meanLevel(patch));
  for (let i = 0; i < patchBytes; i++) patch[i] = curve[patch[i] as number] as number;
  return patch;
}

/**
 * Where the result's samples lie in the image: at (x, y) + column x (acrossX, acrossY) + row x (downX,
 * downY).
 */
interface View {
  readonly x: number;
  readonly y: number;
  readonly acrossX: number;
  readonly acrossY: number;
  readonly downX: number;
  readonly downY: number;
  /** Samples for each pixel of the result, along each side. */
  readonly perPixel: number;
}

function viewOf(position: PatchPosition, patchPx: number, { turns, scale, mirrored }: Distortion): View {
  const sidePx = patchPx / scale;
  const perPixel = Math.max(1, Math.round(sidePx / inputPx));
  const samples = inputPx * perPixel;
  const stepPx = sidePx / samples;
  const downX = stepPx * Math.sin(2 * Math.PI * turns);
  const downY = stepPx * Math.cos(2 * Math.PI * turns);
  const acrossX = mirrored ? -downY : downY;
  const acrossY = mirrored ? downX : -downX;
  // Pixel centres lie at whole numbers, so the middle of the patch is half a pixel short of its middle edge.
  const middle = (samples - 1) / 2;
  return {
    x: position.x + (patchPx - 1) / 2 - middle * (acrossX + downX),
    y: position.y + (patchPx - 1) / 2 - middle * (acrossY + downY),
    acrossX,
    acrossY,
    downX,
    downY,
    perPixel,
  };
}

/** A rectangle of the plane that the image and its mirror images tile. */
interface Window {
  readonly data: Uint8Array;
  /** Bytes from row to row. */
  readonly stride: number;
  /** Place of `data[0]` in the plane. */
  readonly left: number;
  readonly top: number;
}

/**
 * All pixels that the view's samples are interpolated from: the image itself, or a copy where they go beyond
 * it.
 */
function windowOnto(image: GreyImage, view: View): Window {
  const last = inputPx * view.perPixel - 1;
  const [left, right] = extent(view.x, last * view.acrossX, last * view.downX);
  const [top, bottom] = extent(view.y, last * view.acrossY, last * view.downY);
  if (left >= 0 && top >= 0 && right < image.width && bottom < image.height) {
    return { data: image.data, stride: image.width, left: 0, top: 0 };
  }
  const columns = mirroredIndices(left, right, image.width);
  const rows = mirroredIndices(top, bottom, image.height);
  const data = new Uint8Array(columns.length * rows.length);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) data[at++] = image.data[row * image.width + column] as number;
  }
  return { data, stride: columns.length, left, top };
}

/**
 * First and last whole pixel around a parallelogram's corners. The last leaves room for the interpolation's
 * neighbour and for rounding.
 */
function extent(start: number, across: number, down: number): readonly [first: number, last: number] {
  const low = start + Math.min(0, across) + Math.min(0, down);
  const high = start + Math.max(0, across) + Math.max(0, down);
  return [Math.floor(low - 1e-6), Math.floor(high + 1e-6) + 1];
}

/** Indices `first` to `last` folded into 0..size-1: ... 1 0 0 1 ... size-1 size-1 size-2 ... */
function mirroredIndices(first: number, last: number, size: number): Int32Array {
  return Int32Array.from({ length: last - first + 1 }, (_, i) => {
    const place = (((first + i) % (2 * size)) + 2 * size) % (2 * size);
    return place < size ? place : 2 * size - 1 - place;
  });
}

function sampleView(window: Window, view: View): Patch {
  const { perPixel, acrossX, acrossY, downX, downY } = view;
  const x = view.x - window.left;
  const y = view.y - window.top;
  const share = 1 / (perPixel * perPixel);
  const patch = new Uint8Array(patchBytes);
  for (let row = 0, at = 0; row < inputPx; row++) {
    for (let column = 0; column < inputPx; column++, at++) {
      let sum = 0;
      for (let down = row * perPixel; down < (row + 1) * perPixel; down++) {
        for (let across = column * perPixel; across < (column + 1) * perPixel; across++) {
          sum += interpolate(
            window,
            x + across * acrossX + down * downX,
            y + across * acrossY + down * downY,
          );
        }
      }
      patch[at] = Math.floor(sum * share + 0.5);
    }
  }
  return patch;
}

/** Bilinear, at a place in the window's own pixels. */
function interpolate({ data, stride }: Window, x: number, y: number): number {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const dx = x - column;
  const at = row * stride + column;
  const above = data[at] as number;
  const below = data[at + stride] as number;
  const north = above + dx * ((data[at + 1] as number) - above);
  const south = below + dx * ((data[at + stride + 1] as number) - below);
  return north + (y - row) * (south - north);
}

function meanLevel(patch: Patch): number {
  let sum = 0;
  for (let i = 0; i < patchBytes; i++) sum += patch[i] as number;
  return sum / patchBytes;
}

/** What becomes of each of the 256 grey levels of a patch. */
function toneCurve({ gamma, contrast, brightness }: Distortion, mean: number): Uint8Array {
  const bend = (level: number) => 255 * (level / 255) ** gamma;
  const middle = bend(mean);
  return Uint8Array.from({ length: 256 }, (_, level) => {
    const lit = middle + contrast * (bend(level) - middle) + brightness;
    return Math.floor(Math.min(255, Math.max(0, lit)) + 0.5);
  });
}
