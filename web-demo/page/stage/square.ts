/** The square of the picture that is classified, in whole pixels of the picture. */
import { leastPatchPx } from '../../../model/patch.ts';

export interface Square {
  readonly x: number;
  readonly y: number;
  readonly sidePx: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The longest side of a square in the picture. */
export function longestSidePx({ width, height }: Size): number {
  return Math.min(width, height);
}

/** Shrinks the square around its middle and moves it, as little as needed to lie inside the picture. */
export function fitted({ x, y, sidePx }: Square, size: Size): Square {
  const longest = longestSidePx(size);
  const side = Math.round(Math.min(Math.max(sidePx, Math.min(leastPatchPx, longest)), longest));
  const within = (position: number, room: number) => Math.round(Math.min(Math.max(position, 0), room - side));
  const shift = (sidePx - side) / 2;
  return { x: within(x + shift, size.width), y: within(y + shift, size.height), sidePx: side };
}

/** A square in the middle of the picture. */
export function centred(sidePx: number, { width, height }: Size): Square {
  return fitted({ x: (width - sidePx) / 2, y: (height - sidePx) / 2, sidePx }, { width, height });
}

export function moved({ x, y, sidePx }: Square, dx: number, dy: number, size: Size): Square {
  return fitted({ x: x + dx, y: y + dy, sidePx }, size);
}

/** The square with another side and the same middle. */
export function scaled({ x, y, sidePx }: Square, toPx: number, size: Size): Square {
  const shift = (sidePx - toPx) / 2;
  return fitted({ x: x + shift, y: y + shift, sidePx: toPx }, size);
}

/** A square of another side at the same relative position, after the picture has changed its size. */
export function carriedOver({ x, y, sidePx }: Square, toPx: number, from: Size, to: Size): Square {
  const middleX = ((x + sidePx / 2) / from.width) * to.width;
  const middleY = ((y + sidePx / 2) / from.height) * to.height;
  return fitted({ x: middleX - toPx / 2, y: middleY - toPx / 2, sidePx: toPx }, to);
}
