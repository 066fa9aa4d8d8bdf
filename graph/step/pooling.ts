/**
 * Elementwise maximum of several tensors with its winners, and max pooling as a separate layer. A max pooling
 * that follows a convolution is computed with the convolution, using the same functions.
 */
import type { Graph } from '../builder.ts';
import { graphFault, type Value } from '../value.ts';
import { type Activation, activation, asActivation, type Pass } from './activation.ts';
import { gatherRows, scatterAddRows } from './gather.ts';

/**
 * The elementwise maximum of several values, and which value it is. Of equal values the first wins and gets
 * the whole gradient, as in other frameworks, so that no gradient is lost or doubled on a flat patch.
 */
export interface Maximum {
  readonly value: Value;
  /**
   * A bool mask for each value; exactly one of them is true at every position. Adds its nodes when called.
   */
  winners(): readonly Value[];
}

export function maximum(graph: Graph, values: readonly Value[], name: string): Maximum {
  const [first, ...others] = values;
  if (first === undefined) throw graphFault(`${name}: expected one or more values`);
  // largest[i] is the maximum of values 0 to i.
  const largest: Value[] = [first];
  others.forEach((challenger, i) => {
    const isLast = i === others.length - 1;
    const best = largest[i] as Value;
    largest.push(graph.node('Max', [best, challenger], { name: isLast ? name : `${name}.${i}` }));
  });
  const value = largest.at(-1) as Value;

  function winners(): readonly Value[] {
    const stays = others.map((challenger, i) =>
      graph.node('GreaterOrEqual', [largest[i] as Value, challenger], { name: `${name}.stays${i}` }),
    );
    return values.map((_, i) => wonBy(graph, stays, i, `${name}.won${i}`));
  }
  return { value, winners };
}

/** Value `i` wins if it is larger than the maximum of the values before it and no later value is larger. */
function wonBy(graph: Graph, stays: readonly Value[], i: number, name: string): Value {
  const beaten = stays[i - 1];
  const arrived = beaten === undefined ? [] : [graph.node('Not', [beaten], { name: `${name}.arrives` })];
  const [first, ...conditions] = [...arrived, ...stays.slice(i)];
  if (first === undefined) throw graphFault(`${name}: expected two or more values`);
  return conditions.reduce((all, condition) => graph.node('And', [all, condition]), first);
}

/** Bool masks of one shape, to concatenate along an axis. */
export interface MaskRow {
  readonly masks: readonly Value[];
  readonly axis: number;
}

/**
 * Concatenates the masks of a row along its axis, as 1 and 0. With `within`, another row, a mask is 1 only
 * where the concatenation of that row is true as well. The CPU concatenates bools, a quarter of the size of
 * floats; onnxruntime cannot on a GPU, so there the masks are cast to floats first.
 */
export function joinMasks(graph: Graph, { masks, axis }: MaskRow, name: string, within?: MaskRow): Value {
  if (graph.target !== 'cpu') return joinFloats(graph, { masks, axis }, name, within);
  const common = within && graph.node('Concat', within.masks, { axis: within.axis, name: `${name}.within` });
  const counted = common === undefined ? masks : masks.map((mask) => graph.node('And', [mask, common]));
  const won = graph.node('Concat', counted, { axis, name: `${name}.won` });
  return graph.node('Cast', [won], { to: graph.float, name: `${name}.mask` });
}

function joinFloats(graph: Graph, { masks, axis }: MaskRow, name: string, within?: MaskRow): Value {
  const common = within && joinFloats(graph, within, `${name}.within`);
  const floats = masks.map((mask) => graph.node('Cast', [mask], { to: graph.float }));
  const counted = common === undefined ? floats : floats.map((one) => graph.node('Mul', [one, common]));
  return graph.node('Concat', counted, { axis, name: `${name}.mask` });
}

/**
 * Max pooling as a separate layer: the maximum of every `sizePx` x `sizePx` window; rows and columns of an
 * incomplete window are dropped. Each position of the window is gathered into a separate tensor ("phase"),
 * and the maximum compares the phases. Backward, dY goes to the phase that won and is scattered to the
 * pixels.
 */
export function addMaxPool(graph: Graph, x: Activation, sizePx: number): Pass {
  if (sizePx === 1) return { output: x, backward: (dY) => ({ parameters: {}, dX: () => dY }) };
  const [rows, columns] = [Math.floor(x.rows.valid / sizePx), Math.floor(x.columns.valid / sizePx)];
  const phases = Array.from({ length: sizePx ** 2 }, (_, phase) => phasePositions(x, sizePx, phase));
  const byPixel = graph.reshape(x.value, [x.rows.stored * x.columns.stored, -1]); // [pixels, C B]
  const gathered = phases.map((positions, i) => gatherRows(graph, byPixel, positions, `phase${i}`));
  const largest = maximum(graph, gathered, 'largest'); // [rows columns, C B]
  const output = activation(graph.reshape(largest.value, [rows, columns, x.channels, -1], 'output'));

  function dX(dY: Value): Value {
    const mask = joinMasks(graph, { masks: largest.winners(), axis: 0 }, 'phases');
    const byPhase = graph.reshape(mask, [sizePx ** 2, rows * columns, -1]);
    const oneRow = graph.reshape(dY, [1, rows * columns, -1]);
    const routed = graph.node('Mul', [byPhase, oneRow], { name: 'dPhases' }); // [phases, rows columns, C B]
    const places = graph.reshape(routed, [sizePx ** 2 * rows * columns, -1]);
    const pixels = x.rows.stored * x.columns.stored;
    const scattered = scatterAddRows(graph, places, phases.flat(), pixels);
    return asActivation(graph, scattered, x, 'dX');
  }
  return { output, backward: (dY) => ({ parameters: {}, dX: () => dX(dY) }) };
}

/** For every window the pixel at one position in it, row by row, as positions of the stored input. */
function phasePositions(x: Activation, sizePx: number, phase: number): readonly number[] {
  const [rows, columns] = [Math.floor(x.rows.valid / sizePx), Math.floor(x.columns.valid / sizePx)];
  const [i, j] = [Math.floor(phase / sizePx), phase % sizePx];
  return Array.from({ length: rows * columns }, (_, window) => {
    const [row, column] = [Math.floor(window / columns), window % columns];
    return (row * sizePx + i) * x.columns.stored + column * sizePx + j;
  });
}
