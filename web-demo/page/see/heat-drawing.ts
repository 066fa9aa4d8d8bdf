/** Draws a heat map over the picture: all classes in their colours, or where one class is likely. */
import type { HeatMap } from '../../shared/inference-api.ts';
import { dye } from '../dom/colours.ts';
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
 * The colours of the model's surfaces, or else colours in the order of first use, so that the first classes
 * have clearly different ones. The index after the last of the `classes` is that of places that show none.
 */
export function classColours(classes = 0, colours: readonly number[] = []): ClassColours {
  const order = new Map<number, number>();
  return (index) => {
    if (index === classes) return veilColour;
    const position = colours[index] ?? order.get(index) ?? order.size;
    order.set(index, position);
    return dye(position);
  };
}

export const veilColour = 'rgb(20 16 10)';
const contourColour = 'oklch(0.68 0.21 35)';
/** The outline of one class is where its probability is a half. */
export const contourAt = 0.5;

/**
 * All classes: each position in the colour of its most likely class. One class: the rest of the picture is
 * veiled, so that the surface itself stays visible, and outlined.
 */
export function drawHeat(canvas: HTMLCanvasElement, drawing: HeatDrawing): void {
  const { map, width, height, likeliest, shownClass, strength, colourOf } = drawing;
  canvas.width = width;
  canvas.height = height;
  const context = context2d(canvas);
  const { rows, columns, stridePx, fieldPx } = map;
  const positions = rows * columns;
  const edge = (fieldPx - stridePx) / 2;
  for (let position = 0; position < positions; position++) {
    const index = shownClass ?? (likeliest[position] as number);
    const probability = map.probabilities[index * positions + position] ?? 1;
    context.globalAlpha = strength * (shownClass === undefined ? 0.25 + 0.75 * probability : 1 - probability);
    context.fillStyle = shownClass === undefined ? colourOf(index) : veilColour;
    const [row, column] = [Math.floor(position / columns), position % columns];
    context.fillRect(edge + column * stridePx, edge + row * stridePx, stridePx, stridePx);
  }
  if (shownClass === undefined) return;
  context.globalAlpha = 1;
  context.strokeStyle = contourColour;
  context.lineWidth = 2;
  context.stroke(contour(map, shownClass, edge));
}

/** The borders between positions on both sides of `contourAt`. */
function contour({ rows, columns, stridePx, probabilities }: HeatMap, index: number, edge: number): Path2D {
  const path = new Path2D();
  const isIn = (row: number, column: number) =>
    row >= 0 &&
    row < rows &&
    column >= 0 &&
    column < columns &&
    (probabilities[(index * rows + row) * columns + column] as number) >= contourAt;
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      const [x, y] = [edge + column * stridePx, edge + row * stridePx];
      if (isIn(row, column) !== isIn(row - 1, column)) {
        path.moveTo(x, y);
        path.lineTo(x + stridePx, y);
      }
      if (isIn(row, column) !== isIn(row, column - 1)) {
        path.moveTo(x, y);
        path.lineTo(x, y + stridePx);
      }
    }
  }
  return path;
}

export function clearOverlay(canvas: HTMLCanvasElement): void {
  canvas.width = 1;
  canvas.height = 1;
}
