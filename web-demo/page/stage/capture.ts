/** From the picture on the stage to grey levels and patches, by `model/`'s definitions alone. */
import { type GreyImage, greyFromPixels } from '../../../model/image.ts';
import { cutPatch, type Patch, patchBytes, patchGrid } from '../../../model/patch.ts';
import { context2d, element } from '../dom/element.ts';
import type { Size, Square } from './square.ts';

export type PictureElement = HTMLVideoElement | HTMLCanvasElement;

export interface Capture {
  /** `[count,64,64]`. */
  readonly patches: Uint8Array;
  readonly count: number;
  readonly grabMs: number;
  readonly preprocessMs: number;
}

/** Reads pixels of a picture; one canvas serves all reads, kept in memory that the processor reads. */
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

  /** The patch that the square holds. */
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
    const patches = new Uint8Array(positions.length * patchBytes);
    positions.forEach((position, i) => {
      cutPatch(image, position, patchPx, patches.subarray(i * patchBytes, (i + 1) * patchBytes));
    });
    return { patches, count: positions.length, ...times(startedAt, grabbedAt) };
  }

  return { grey, square, whole };
}
export type PictureReader = ReturnType<typeof pictureReader>;

function times(startedAt: number, grabbedAt: number) {
  return { grabMs: grabbedAt - startedAt, preprocessMs: performance.now() - grabbedAt };
}

/** Draws a patch's grey levels into a canvas of 64x64. */
export function paintPatch(canvas: HTMLCanvasElement, patch: Patch): void {
  const { width, height } = canvas;
  const image = new ImageData(width, height);
  patch.forEach((level, i) => {
    image.data.fill(level, 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  });
  context2d(canvas).putImageData(image, 0, 0);
}
