/** Draws a heat map over the picture. */
import type { HeatMap } from '../../shared/inference-api.ts';
import { context2d } from '../dom/element.ts';

interface HeatDrawing {
  readonly map: HeatMap;
  /** Size of the scaled picture. */
  readonly width: number;
  readonly height: number;
  /** The most likely class of each position. */
  readonly likeliest: Uint16Array;
  /**
   * The class whose probability is drawn; undefined draws the most likely class of each position in its
   * colour.
   */
  readonly shownClass: number | undefined;
  /** 0..1. */
  readonly strength: number;
  readonly colourOf: ClassColours;
}

export type ClassColours = (index: number) => string;

/**
 * Assigns colours to classes in the order of first use. Hues advance by the golden angle, with three
 * alternating lightnesses, so that the first classes have clearly different colours.
 */
export function classColours(): ClassColours {
  const order = new Map<number, number>();
  return (index) => {
    const position = order.get(index) ?? order.size;
    order.set(index, position);
    return `oklch(${[0.72, 0.55, 0.85][position % 3]} 0.15 ${(position * 137.5 + 30) % 360})`;
  };
}

const heatColour = 'oklch(0.68 0.21 35)';

export function drawHeat(canvas: HTMLCanvasElement, drawing: HeatDrawing): void {
  const { map, width, height, likeliest, shownClass, strength, colourOf } = drawing;
  canvas.width = width;
  canvas.height = height;
  const context = context2d(canvas);
  const positions = map.rows * map.columns;
  const edge = (map.fieldPx - map.stridePx) / 2;
  for (let position = 0; position < positions; position++) {
    const row = Math.floor(position / map.columns);
    const column = position % map.columns;
    const index = shownClass ?? (likeliest[position] as number);
    const probability = map.probabilities[index * positions + position] as number;
    context.globalAlpha = strength * (shownClass === undefined ? 0.25 + 0.75 * probability : probability);
    context.fillStyle = shownClass === undefined ? colourOf(index) : heatColour;
    context.fillRect(edge + column * map.stridePx, edge + row * map.stridePx, map.stridePx, map.stridePx);
  }
}

export function clearOverlay(canvas: HTMLCanvasElement): void {
  canvas.width = 1;
  canvas.height = 1;
}
