/**
 * The activations of a training step have the layout `[rows, columns, channels, batch]`, with space outermost
 * and the batch innermost. In this layout a linear combination of rows or columns is one matrix product over
 * all other axes, neighbouring rows are adjacent blocks of memory, and every innermost loop runs over the
 * batch.
 *
 * An activation can store more rows and columns than are valid, because the last tiles of a convolution
 * extend past the edge. The extra values are finite and meaningless; layers ignore them, so their gradient is
 * zero.
 */
import type { Graph } from '../builder.ts';
import { knownSize, type Value } from '../value.ts';

/** A spatial axis: the number of stored rows (or columns), of which the first `valid` are used. */
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

/** A layer in a step: its output, and its gradients for a given dY. */
export interface Pass {
  readonly output: Activation;
  /** For a batch normalisation: mean and variance of the batch, by the names of their running averages. */
  readonly statistics?: Readonly<Record<string, Value>>;
  /** `dY`: gradient of the loss with respect to the output's value, in its shape. */
  backward(dY: Value): LayerGradients;
}

interface LayerGradients {
  /** Gradients by parameter name, in the layout in which the step stores the parameter. */
  readonly parameters: Readonly<Record<string, Value>>;
  /**
   * Gradient with respect to the input's value. Adds its nodes when called, because the first layer of a
   * network does not need it.
   */
  dX(): Value;
  /**
   * For a layer with several inputs: gradients with respect to the other inputs, by the layer that computes
   * them.
   */
  readonly dSources?: Readonly<Record<string, () => Value>>;
}

/** An activation whose rows and columns are all valid. */
export function activation(value: Value): Activation {
  const [rows, columns, channels] = value.shape;
  return {
    value,
    rows: wholeExtent(knownSize(rows, 'the rows of an activation')),
    columns: wholeExtent(knownSize(columns, 'the columns of an activation')),
    channels: knownSize(channels, 'the channels of an activation'),
  };
}

export function wholeExtent(size: number): Extent {
  return { stored: size, valid: size };
}

export function isWhole({ rows, columns }: Pick<Activation, 'rows' | 'columns'>): boolean {
  return rows.stored === rows.valid && columns.stored === columns.valid;
}

/**
 * The valid rows and columns of an activation, for layers whose result depends on every position. `padded`
 * pads a gradient to the stored size.
 */
export function cropped(
  graph: Graph,
  x: Activation,
): { readonly whole: Activation; padded(gradient: Value): Value } {
  if (isWhole(x)) return { whole: x, padded: (gradient) => gradient };
  const { rows, columns } = x;
  const corner = [graph.integers([0, 0]), graph.integers([rows.valid, columns.valid])] as const;
  const value = graph.node('Slice', [x.value, ...corner, graph.integers([0, 1])], { name: 'valid' });
  const pads = [0, 0, 0, 0, rows.stored - rows.valid, columns.stored - columns.valid, 0, 0];
  return {
    whole: {
      value,
      rows: wholeExtent(rows.valid),
      columns: wholeExtent(columns.valid),
      channels: x.channels,
    },
    padded: (gradient) =>
      graph.node('Pad', [gradient, graph.integers(pads)], { mode: 'constant', name: 'dX.padded' }),
  };
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
