/**
 * What flows between the layers of a training step: `[rows, columns, channels, batch]`, space outermost and the batch innermost. In this
 * layout mixing rows or columns is one matrix product over everything else, neighbouring rows are blocks of memory that lie beside
 * each other, and every innermost loop runs over the batch.
 *
 * Rows and columns may be stored that are not valid: tiles of a convolution stand out over the edge. What they hold is finite and
 * of no meaning; whoever reads an activation leaves them out, so their gradient is zero.
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

/** What a layer adds to a step. */
export interface Pass {
  readonly output: Activation;
  /** The layer's part of the way back, given the loss's gradient by the output's value (same shape). */
  gradient(outputGradient: Value): LayerGradients;
}

export interface LayerGradients {
  /** By the name of the parameter, in the shape in which the step holds it. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** The gradient by the input's value; adds its nodes when called, so that the first layer of a network can do without. */
  input(): Value;
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

/** Reshapes to an activation's shape; the batch is what is left. */
export function asActivation(
  graph: Graph,
  value: Value,
  like: Omit<Activation, 'value'>,
  name: string,
): Value {
  return graph.reshape(value, [like.rows.stored, like.columns.stored, like.channels, -1], name);
}
