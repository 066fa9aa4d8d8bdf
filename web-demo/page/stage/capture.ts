/** Reads grey levels and patches from the picture on the stage, as `model/` defines them, and draws them. */
import { type GreyImage, greyFromPixels } from '../../../model/image.ts';
import { cutPatch, cutPatches, inputPx, type Patch, patchGrid } from '../../../model/patch.ts';
import { context2d, element } from '../dom/element.ts';
import type { Size, Square } from './square.ts';

export type PictureElement = HTMLVideoElement | HTMLCanvasElement;

interface Capture {
  /** `[count,64,64]`. */
  readonly patches: Uint8Array;
  readonly count: number;
  readonly grabMs: number;
  readonly preprocessMs: number;
}

/** Reads pixels of a picture through one reused canvas in CPU memory. */
export function pictureReader() {
  const canvas = element('canvas');
  const context = context2d(canvas, { willReadFrequently: true });

  function grey(picture: PictureElement, x: number, y: number, width: number, height: number): GreyImage {
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context.drawImage(picture, x, y, width, height, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    return greyFromPixels({ data, width, height, channels: 4 });
  }

  /** The patch in the square. */
  function square(picture: PictureElement, at: Square): Capture {
    const startedAt = performance.now();
    const image = grey(picture, at.x, at.y, at.sidePx, at.sidePx);
    const grabbedAt = performance.now();
    const patches = cutPatch(image, { x: 0, y: 0 }, at.sidePx);
    return { patches, count: 1, ...times(startedAt, grabbedAt) };
  }

  /** The fixed grid of patches that covers the picture, at most 15. Errors: `image-too-small`. */
  function whole(picture: PictureElement, { width, height }: Size, patchPx: number): Capture {
    const startedAt = performance.now();
    const positions = patchGrid(width, height, patchPx);
    const image = grey(picture, 0, 0, width, height);
    const grabbedAt = performance.now();
    const patches = cutPatches(image, positions, patchPx);
    return { patches, count: positions.length, ...times(startedAt, grabbedAt) };
  }

  return { grey, square, whole };
}
export type PictureReader = ReturnType<typeof pictureReader>;

function times(startedAt: number, grabbedAt: number) {
  return { grabMs: grabbedAt - startedAt, preprocessMs: performance.now() - grabbedAt };
}

/** Draws grey levels into a canvas, with the upper left corner at (`x`, `y`). */
export function paintGrey(canvas: HTMLCanvasElement, { data, width, height }: GreyImage, x = 0, y = 0): void {
  const pixels = new ImageData(width, height);
  data.forEach((level, i) => {
    pixels.data.fill(level, 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  });
  context2d(canvas, { willReadFrequently: true }).putImageData(pixels, x, y);
}

export function paintPatch(canvas: HTMLCanvasElement, patch: Patch): void {
  paintGrey(canvas, { data: patch, width: inputPx, height: inputPx });
}

/** Whether the browser changes pixels that pages read from a canvas, to prevent fingerprinting. */
export function altersPixels(): boolean {
  const context = context2d(element('canvas', { width: 16, height: 16 }), { willReadFrequently: true });
  const written = new ImageData(16, 16);
  written.data.forEach((_, i) => {
    written.data[i] = i % 4 === 3 ? 255 : (i * 37) % 251;
  });
  context.putImageData(written, 0, 0);
  const read = context.getImageData(0, 0, 16, 16);
  return read.data.some((level, i) => level !== written.data[i]);
}
