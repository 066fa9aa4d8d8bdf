/**
 * The operations of a network in training: a convolution and its bias are separate, and a max pooling moves
 * before the bias, batch normalisation and ReLU that precede it. These are non-decreasing in each value
 * (float rounding included), so the maximum of a window does not change, and the results are bit-identical
 * for a quarter of the work. (A batch normalisation then uses the statistics of the pooled values.) A pooling
 * does not move before a layer that another layer reads by name.
 */
import { type Layer, sourcesOf } from './layer.ts';

export type Operation = Layer | { readonly kind: 'bias'; readonly name: string };

export function operationsOf(layers: readonly Layer[]): readonly Operation[] {
  const operations: Operation[] = [];
  const sources = new Set(layers.flatMap((layer) => sourcesOf(layer) ?? []));
  const swapsWithPool = ({ kind, name }: Operation) =>
    (kind === 'bias' || kind === 'batchNorm' || kind === 'relu') && !sources.has(name);
  for (const layer of layers) {
    if (layer.kind === 'maxPool') {
      const at = sources.has(layer.name)
        ? operations.length
        : operations.findLastIndex((operation) => !swapsWithPool(operation)) + 1;
      operations.splice(at, 0, layer);
    } else {
      operations.push(layer);
      if (layer.kind === 'convolution' && layer.hasBias !== false)
        operations.push({ kind: 'bias', name: layer.name });
    }
  }
  return operations;
}
