/** Parameters as a step holds them: kernels `[taps, filters, channels]`, taps row by row, instead of `[filters, channels, height, width]`. */

/** The shape in which a step holds a parameter of `model/`'s shape. Biases stay as they are. */
export function heldShape(shape: readonly number[]): readonly number[] {
  if (shape.length !== 4) return shape;
  const [filters, channels, height, width] = shape as readonly [number, number, number, number];
  return [height * width, filters, channels];
}

/** Values of `model/`'s layout in the step's layout. */
export function toHeld(shape: readonly number[], values: Float32Array): Float32Array {
  if (shape.length !== 4) return values.slice();
  const [taps, planes] = tapsAndPlanes(shape);
  return turned(values, planes, taps);
}

/** Values of the step's layout in `model/`'s layout. */
export function fromHeld(shape: readonly number[], values: Float32Array): Float32Array {
  if (shape.length !== 4) return values.slice();
  const [taps, planes] = tapsAndPlanes(shape);
  return turned(values, taps, planes);
}

function tapsAndPlanes(shape: readonly number[]): readonly [taps: number, planes: number] {
  const [filters, channels, height, width] = shape as readonly [number, number, number, number];
  return [height * width, filters * channels];
}

/** A matrix `[rows, columns]` turned to `[columns, rows]`. */
function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return result;
}
