/** Draws activation maps and kernels of a layer. */
import type { LayerActivation } from '../../shared/inference-api.ts';
import { context2d } from '../dom/element.ts';

/** The first `count` channels by decreasing mean magnitude. */
export function strongestChannels({ shape, values }: LayerActivation, count: number): readonly number[] {
  const [channels, height, width] = shape;
  const positions = height * width;
  const strength = Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = 0; i < positions; i++) sum += Math.abs(values[c * positions + i] as number);
    return sum;
  });
  return strength
    .map((_, c) => c)
    .sort((a, b) => (strength[b] as number) - (strength[a] as number) || a - b)
    .slice(0, count);
}

/** Draws one channel: zero is black, positive values go from red to pale, negative values are blue. */
export function drawChannel(canvas: HTMLCanvasElement, layer: LayerActivation, channel: number): void {
  const [, height, width] = layer.shape;
  const positions = height * width;
  const values = layer.values.subarray(channel * positions, (channel + 1) * positions);
  drawValues(canvas, values, width, height, largestMagnitude(values));
}

/** Draws a kernel's weights. `largest` is the scale, which all kernels of the layer share. */
export function drawKernel(
  canvas: HTMLCanvasElement,
  weights: Float32Array,
  sidePx: number,
  largest: number,
): void {
  drawValues(canvas, weights, sidePx, sidePx, largest, greyScale);
}

export function largestMagnitude(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-9);
}

type Colour = readonly [red: number, green: number, blue: number];
type Scale = (value: number) => Colour;

/** -1..1 to blue, black, red and pale. */
function heatScale(value: number): Colour {
  if (value < 0) return [60 * -value, 120 * -value, 210 * -value];
  const warm = Math.min(1, 2 * value);
  const pale = Math.max(0, 2 * value - 1);
  return [20 + 200 * warm + 30 * pale, 18 + 60 * warm + 160 * pale, 16 + 30 * warm + 180 * pale];
}

/** -1..1 to black..white. */
function greyScale(value: number): Colour {
  const level = 127.5 * (1 + value);
  return [level, level, level];
}

function drawValues(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  width: number,
  height: number,
  largest: number,
  scale: Scale = heatScale,
): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    image.data.set([...scale(value / largest), 255], 4 * i);
  });
  context2d(canvas).putImageData(image, 0, 0);
}
