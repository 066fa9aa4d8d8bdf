/** A max pooling that stands by itself. One that follows a convolution is computed with the convolution. */
import type { Graph } from '../builder.ts';
import type { Value } from '../value.ts';
import { type Activation, activation, asActivation, type Pass } from './activation.ts';
import { joinMasks } from './masks.ts';
import { maximum } from './maximum.ts';
import { giveRowsBack, takeRows } from './positions.ts';

/** The largest of every `sizePx` x `sizePx` cell; rows and columns that fill no cell are dropped. */
export function addMaxPool(graph: Graph, x: Activation, sizePx: number): Pass {
  if (sizePx === 1) return { output: x, gradient: (d) => ({ parameters: {}, input: () => d }) };
  const [rows, columns] = [Math.floor(x.rows.valid / sizePx), Math.floor(x.columns.valid / sizePx)];
  const phases = Array.from({ length: sizePx ** 2 }, (_, phase) =>
    phasePositions(x, rows, columns, sizePx, phase),
  );
  const byPixel = graph.reshape(x.value, [x.rows.stored * x.columns.stored, -1]);
  const taken = phases.map((positions, i) => takeRows(graph, byPixel, positions, `phase${i}`));
  const largest = maximum(graph, taken, 'largest');
  const output = activation(graph.reshape(largest.value, [rows, columns, x.channels, -1], 'output'));

  function input(outputGradient: Value): Value {
    const mask = joinMasks(graph, { masks: largest.winners(), axis: 0 }, 'phases');
    const byPhase = graph.reshape(mask, [sizePx ** 2, rows * columns, -1]);
    const given = graph.reshape(outputGradient, [1, rows * columns, -1]);
    const routed = graph.node('Mul', [byPhase, given], { name: 'phases.gradient' });
    const places = graph.reshape(routed, [sizePx ** 2 * rows * columns, -1]);
    const pixels = x.rows.stored * x.columns.stored;
    const back = giveRowsBack(graph, places, phases.flat(), pixels, 'pixels.gradient');
    return asActivation(graph, back, x, 'input.gradient');
  }
  return {
    output,
    gradient: (outputGradient) => ({ parameters: {}, input: () => input(outputGradient) }),
  };
}

/** For every cell the pixel at one place of it, row by row; positions are those of the stored input. */
function phasePositions(
  x: Activation,
  rows: number,
  columns: number,
  sizePx: number,
  phase: number,
): readonly number[] {
  const [i, j] = [Math.floor(phase / sizePx), phase % sizePx];
  return Array.from({ length: rows * columns }, (_, cell) => {
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    return (row * sizePx + i) * x.columns.stored + column * sizePx + j;
  });
}
