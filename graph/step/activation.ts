/**
 * What flows between the layers of a training step: `[rows, columns, channels, batch]`, space outermost and the batch innermost. In
 * this layout mixing rows or columns is one matrix product over everything else, neighbouring rows are adjacent blocks of memory, and
 * every innermost loop runs over the batch.
 *
 * More rows and columns may be stored than are valid, because the last tiles of a convolution extend past the edge. The extra values
 * are finite and have no meaning; layers ignore them, so their gradient is zero.
 */
import type { Graph } from '../builder.ts';
import { type Dimension, graphFault, type Value } from '../value.ts';

/** A spatial axis: how many rows (or columns) are stored, of which the first `valid` count. */
export interface Extent {
  readonly stored: number;
  readonly valid: number;
}

export interface Activation {
  /** `[rows.stored, columns.stored, channels, batch]`. */
  readonly value: Value;
  readonly rows: Extent;
  readonly columns: Extent;
  readonly channels: number;
}

/** What a layer adds to a step: its output, and its gradients once dY is known. */
export interface Pass {
  readonly output: Activation;
  /** `dY`: gradient of the loss with respect to the output's value, in its shape. */
  backward(dY: Value): LayerGradients;
}

export interface LayerGradients {
  /** Gradients by parameter name, in the layout in which the step stores the parameter. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** Gradient with respect to the input's value. Adds its nodes when called: the first layer of a network needs none. */
  dX(): Value;
}

/** An activation all of whose rows and columns are valid. */
export function activation(value: Value): Activation {
  const [rows, columns, channels] = value.shape;
  return {
    value,
    rows: wholeExtent(known(rows)),
    columns: wholeExtent(known(columns)),
    channels: known(channels),
  };
}

export function wholeExtent(size: number): Extent {
  return { stored: size, valid: size };
}

export function isWhole({ rows, columns }: Activation): boolean {
  return rows.stored === rows.valid && columns.stored === columns.valid;
}

function known(size: Dimension | undefined): number {
  if (typeof size !== 'number') throw graphFault(`an activation of size ${size}`);
  return size;
}

/** Reshapes to an activation's shape; the batch takes the remaining size. */
export function asActivation(
  graph: Graph,
  value: Value,
  like: Omit<Activation, 'value'>,
  name: string,
): Value {
  return graph.reshape(value, [like.rows.stored, like.columns.stored, like.channels, -1], name);
}
