/** Some browsers change what pages read from canvases, so that they cannot be recognised by it. A reading would then be of other pixels. */
import { context2d, element } from '../dom/element.ts';

const sidePx = 16;

/** Whether a canvas gives other levels than were written into it. */
export function altersPixels(): boolean {
  const context = context2d(element('canvas', { width: sidePx, height: sidePx }), {
    willReadFrequently: true,
  });
  const written = new ImageData(sidePx, sidePx);
  written.data.forEach((_, i) => {
    written.data[i] = i % 4 === 3 ? 255 : (i * 37) % 251;
  });
  context.putImageData(written, 0, 0);
  const read = context.getImageData(0, 0, sidePx, sidePx);
  return read.data.some((level, i) => level !== written.data[i]);
}
