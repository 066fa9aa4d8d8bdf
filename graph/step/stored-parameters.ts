/**
 * How a step stores parameters: kernels are `[positions, filters, channels]`, with kernel positions row by
 * row, instead of `model/`'s `[filters, channels, height, width]`. The first transform of a kernel in each
 * algorithm is then one matrix product over the positions.
 */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { constantMatrix, type Matrix } from './matrix.ts';

/** The shape in which a step stores a parameter of `model/`'s shape. Vectors are unchanged. */
export function storedShape(shape: readonly number[]): readonly number[] {
  if (shape.length !== 4) return shape;
  const [filters, channels, height, width] = shape as readonly [number, number, number, number];
  return [height * width, filters, channels];
}

/** Values of `model/`'s layout in the step's layout. */
export function toStored(shape: readonly number[], values: Float32Array): Float32Array {
  if (shape.length !== 4) return values.slice();
  const [positions, planes] = positionsAndPlanes(shape);
  return transposedValues(values, planes, positions);
}

/** Values of the step's layout in `model/`'s layout. */
export function fromStored(shape: readonly number[], values: Float32Array): Float32Array {
  if (shape.length !== 4) return values.slice();
  const [positions, planes] = positionsAndPlanes(shape);
  return transposedValues(values, positions, planes);
}

function positionsAndPlanes(shape: readonly number[]): readonly [positions: number, planes: number] {
  const [filters, channels, height, width] = shape as readonly [number, number, number, number];
  return [height * width, filters * channels];
}

/** `[rows, columns]` to `[columns, rows]`. */
function transposedValues(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return result;
}

/** The two axes after the kernel positions: as stored, or transposed for the backward pass. */
type KernelOrder = 'filters-channels' | 'channels-filters';

/**
 * Source of the weights of a pass: inputs of the step, initializers of a file, or kernels that another graph
 * prepares.
 */
export interface Weights {
  /**
   * `transform` `[rows, positions]` times the kernel: `[rows, filters, channels]`, or `[rows, channels,
   * filters]`, depending on `order`; without `transform` the kernel itself.
   */
  kernel(graph: Graph, name: string, transform: Matrix | undefined, order: KernelOrder): Value;
  /** A parameter with one value per channel, `[channels]`. */
  vector(name: string): Value;
}

/** Weights that are values of the same graph, such as its inputs. */
export function weightsInGraph(parameter: (name: string) => Value): Weights {
  return {
    vector: parameter,
    kernel(graph, name, transform, order) {
      const stored = parameter(name);
      const isTransposed = order === 'channels-filters';
      const kernel = isTransposed
        ? graph.node('Transpose', [stored], { perm: [0, 2, 1], name: 'transposed' })
        : stored;
      if (transform === undefined) return kernel;
      const [positions = 1, ...sizes] = kernel.shape as readonly number[];
      const matrix = constantMatrix(graph, transform);
      const transformed = graph.node('MatMul', [matrix, graph.reshape(kernel, [positions, -1])]);
      return graph.reshape(transformed, [transform.length, ...sizes]);
    },
  };
}
