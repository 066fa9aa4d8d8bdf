/**
 * A network as training computes it: a convolution and its bias apart, and every max pooling before the bias and the ReLU that it
 * follows. Both are non-decreasing in each value (float rounding included), so the maximum of a window stays the maximum: the results
 * are the same bits for a quarter of the work.
 */
import type { Layer } from './layer.ts';

export type Operation = Layer | { readonly kind: 'bias'; readonly name: string };

export function operationsOf(layers: readonly Layer[]): readonly Operation[] {
  const operations: Operation[] = [];
  for (const layer of layers) {
    if (layer.kind === 'maxPool') {
      const at = operations.findLastIndex(({ kind }) => kind !== 'bias' && kind !== 'relu') + 1;
      operations.splice(at, 0, layer);
    } else {
      operations.push(layer);
      if (layer.kind === 'convolution') operations.push({ kind: 'bias', name: layer.name });
    }
  }
  return operations;
}
