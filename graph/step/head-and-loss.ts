/**
 * The head: logits averaged over the positions that are left; and the gradient of the loss by them. The loss is the cross-entropy
 * of the softmax, weighted patch by patch: with p = softmax(logits), its gradient by the logits is weight (p - one-hot of the label).
 */
import type { Graph } from '../builder.ts';
import { tensorOf } from '../tensor.ts';
import type { Value } from '../value.ts';
import { type Activation, asActivation, type Extent, type Pass } from './activation.ts';
import { constantMatrix, type Matrix, transposed } from './matrix.ts';

/** Averages over the valid positions: the output is `[1, 1, channels, batch]`. */
export function averagePositions(graph: Graph, x: Activation): Pass {
  const single: Extent = { stored: 1, valid: 1 };
  if (x.rows.stored * x.columns.stored === 1) {
    return { output: x, gradient: (d) => ({ parameters: {}, input: () => d }) };
  }
  const shares = averagingRow(x);
  const positions = graph.reshape(x.value, [x.rows.stored * x.columns.stored, -1]);
  const mean = graph.node('MatMul', [constantMatrix(graph, shares), positions], { name: 'mean' });
  const output = { rows: single, columns: single, channels: x.channels };
  return {
    output: { ...output, value: asActivation(graph, mean, output, 'output') },
    gradient: (outputGradient) => ({
      parameters: {},
      input() {
        const flat = graph.reshape(outputGradient, [1, -1]);
        const spread = graph.node('MatMul', [constantMatrix(graph, transposed(shares)), flat]);
        return asActivation(graph, spread, x, 'input.gradient');
      },
    }),
  };
}

function averagingRow({ rows, columns }: Activation): Matrix {
  const share = 1 / (rows.valid * columns.valid);
  const positions = Array.from({ length: rows.stored * columns.stored }, (_, at) => {
    const isValid = Math.floor(at / columns.stored) < rows.valid && at % columns.stored < columns.valid;
    return isValid ? share : 0;
  });
  return [positions];
}

/** `[1, 1, classes, batch]` to `[batch, classes]`. */
export function patchesFirst(graph: Graph, x: Activation, name: string): Value {
  return graph.node('Transpose', [graph.reshape(x.value, [x.channels, -1])], { perm: [1, 0], name });
}

/**
 * The loss's gradient by the logits, `[1, 1, classes, batch]`. `logits` is `[batch, classes]`, `labels` int32 `[batch]`, `weights`
 * float `[batch]`: 1 / count for the mean over a batch, 0 for rows that only fill it up.
 */
export function lossGradient(graph: Graph, logits: Value, labels: Value, weights: Value): Value {
  const [, classes] = logits.shape as readonly number[];
  const indices = Int32Array.from({ length: classes ?? 0 }, (_, i) => i);
  const every = graph.constant(tensorOf('int32', [1, indices.length], indices));
  const isLabel = graph.node('Equal', [graph.reshape(labels, [-1, 1]), every]);
  const oneHot = graph.node('Cast', [isLabel], { to: graph.float, name: 'oneHot' });
  const probabilities = graph.node('Softmax', [logits], { axis: 1, name: 'probabilities' });
  const surplus = graph.node('Sub', [probabilities, oneHot], { name: 'surplus' });
  const weighted = graph.node('Mul', [surplus, graph.reshape(weights, [-1, 1])], { name: 'weighted' });
  const turned = graph.node('Transpose', [weighted], { perm: [1, 0], name: 'logits.gradient' });
  return graph.reshape(turned, [1, 1, indices.length, -1]);
}
