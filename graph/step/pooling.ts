/**
 * Maxima: the values of several equally shaped tensors compared place by place, which of them won, and max pooling on its own. A max
 * pooling that follows a convolution is computed together with the convolution, from the same parts.
 */
import type { Graph } from '../builder.ts';
import { graphFault, type Value } from '../value.ts';
import { type Activation, activation, asActivation, type Pass } from './activation.ts';
import { gatherRows, scatterAddRows } from './gather.ts';

/**
 * The largest of several values, place by place, and which one won. Of equal values the first wins and takes the whole gradient, as
 * in every framework: on a flat patch no gradient is lost or doubled.
 */
export interface Maximum {
  readonly value: Value;
  /** A bool mask for each of the values; at every place exactly one of them is true. Adds its nodes when called. */
  winners(): readonly Value[];
}

export function maximum(graph: Graph, values: readonly Value[], name: string): Maximum {
  const [first, ...others] = values;
  if (first === undefined) throw graphFault(`${name}: the maximum of nothing`);
  // largest[i] is the maximum of values 0 to i, which value i + 1 challenges.
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

/** Value `i` won if it beat the maximum before it and no later value beat the maximum. */
function wonBy(graph: Graph, stays: readonly Value[], i: number, name: string): Value {
  const beaten = stays[i - 1];
  const arrived = beaten === undefined ? [] : [graph.node('Not', [beaten], { name: `${name}.arrives` })];
  const [first, ...conditions] = [...arrived, ...stays.slice(i)];
  if (first === undefined) throw graphFault(`${name}: a single value has no winner`);
  return conditions.reduce((all, condition) => graph.node('And', [all, condition]), first);
}

/** Bool masks of one shape, to be joined along an axis. */
export interface MaskRow {
  readonly masks: readonly Value[];
  readonly axis: number;
}

/**
 * The masks of a row joined along its axis, as 1 and 0. With `within`, another row, each mask counts only where that row, joined, is
 * true as well. The CPU joins bools, a quarter of the size of floats; onnxruntime's WebGPU cannot concatenate bools, so for a GPU the
 * masks are floats from the start.
 */
export function joinMasks(graph: Graph, { masks, axis }: MaskRow, name: string, within?: MaskRow): Value {
  if (graph.target === 'gpu') return joinFloats(graph, { masks, axis }, name, within);
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
 * Max pooling on its own: the largest of every `sizePx` x `sizePx` window; rows and columns that fill no window are dropped.
 * Each place of the window is gathered into a tensor of its own ("phase"), and the maximum compares the phases. Backward, dY goes to
 * the phase that won, and is scattered back to the pixels.
 */
export function addMaxPool(graph: Graph, x: Activation, sizePx: number): Pass {
  if (sizePx === 1) return { output: x, backward: (dY) => ({ parameters: {}, dX: () => dY }) };
  const [rows, columns] = [Math.floor(x.rows.valid / sizePx), Math.floor(x.columns.valid / sizePx)];
  const phases = Array.from({ length: sizePx ** 2 }, (_, phase) =>
    phasePositions(x, rows, columns, sizePx, phase),
  );
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
    const scattered = scatterAddRows(graph, places, phases.flat(), pixels, 'dPixels');
    return asActivation(graph, scattered, x, 'dX');
  }
  return { output, backward: (dY) => ({ parameters: {}, dX: () => dX(dY) }) };
}

/** For every window the pixel at one place of it, row by row; positions are those of the stored input. */
function phasePositions(
  x: Activation,
  rows: number,
  columns: number,
  sizePx: number,
  phase: number,
): readonly number[] {
  const [i, j] = [Math.floor(phase / sizePx), phase % sizePx];
  return Array.from({ length: rows * columns }, (_, window) => {
    const [row, column] = [Math.floor(window / columns), window % columns];
    return (row * sizePx + i) * x.columns.stored + column * sizePx + j;
  });
}
