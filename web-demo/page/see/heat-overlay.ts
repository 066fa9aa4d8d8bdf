/** Draws a heat map over the picture. */

import type { HeatMap } from '../../shared/inference-api.ts';
import { context2d } from '../dom/element.ts';

export interface HeatDrawing {
  readonly map: HeatMap;
  /** Size of the picture that was slid over. */
  readonly width: number;
  readonly height: number;
  /** The likeliest class of each place. */
  readonly likeliest: Uint16Array;
  /** The class whose probability is drawn; undefined draws the likeliest class of each place in its colour. */
  readonly shown: number | undefined;
  /** 0..1. */
  readonly strength: number;
  readonly colourOf: ClassColours;
}

export type ClassColours = (index: number) => string;

/**
 * Gives each class a colour when it is first asked for: hues go round by the golden angle, in turns of three lightnesses, so that those
 * that are seen first are far apart.
 */
export function classColours(): ClassColours {
  const places = new Map<number, number>();
  return (index) => {
    const place = places.get(index) ?? places.size;
    places.set(index, place);
    return `oklch(${[0.72, 0.55, 0.85][place % 3]} 0.15 ${(place * 137.5 + 30) % 360})`;
  };
}

const heatColour = 'oklch(0.68 0.21 35)';

export function drawHeat(canvas: HTMLCanvasElement, drawing: HeatDrawing): void {
  const { map, width, height, likeliest, shown, strength, colourOf } = drawing;
  canvas.width = width;
  canvas.height = height;
  const context = context2d(canvas);
  const places = map.rows * map.columns;
  const edge = (map.fieldPx - map.stridePx) / 2;
  for (let place = 0; place < places; place++) {
    const row = Math.floor(place / map.columns);
    const column = place % map.columns;
    const index = shown ?? (likeliest[place] as number);
    const probability = map.probabilities[index * places + place] as number;
    context.globalAlpha = strength * (shown === undefined ? 0.25 + 0.75 * probability : probability);
    context.fillStyle = shown === undefined ? colourOf(index) : heatColour;
    context.fillRect(edge + column * map.stridePx, edge + row * map.stridePx, map.stridePx, map.stridePx);
  }
}

export function clearOverlay(canvas: HTMLCanvasElement): void {
  canvas.width = 1;
  canvas.height = 1;
}
