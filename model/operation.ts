/**
 * A network as training computes it: a convolution and its bias apart, and every max pooling before the bias, the batch normalisation
 * and the ReLU that it follows. All of them are non-decreasing in each value (float rounding included), so the maximum of a window stays
 * the maximum: the results are the same bits for a quarter of the work. (A batch normalisation then takes the statistics of the pooled
 * values.) A pooling stays behind a layer that another layer reads by its name.
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
