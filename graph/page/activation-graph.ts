/** The portable graph with the output of every layer that a person can look at as an output of its own. */

import { describeLayers } from '../../model/description.ts';
import type { LayerKind } from '../../model/layer.ts';
import { defaultOpset } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import type { Parameters } from '../../model/parameters.ts';
import type { Graph } from '../builder.ts';
import { forwardGraph } from '../forward.ts';

/** A standardised patch looks like the patch, and the head's output is what the bars show. */
const shown: { readonly [K in LayerKind]: boolean } = {
  standardise: false,
  subtractMean: false,
  convolution: true,
  relu: true,
  maxPool: true,
  softmax: false,
};

/** Descriptions of the layers whose outputs are shown, in order. */
export function shownLayers(network: Network) {
  return describeLayers(network).filter(({ layer }) => shown[layer.kind]);
}

/** Name of a layer's output in the graph. */
export function activationName(layer: string): string {
  return `${layer}.output`;
}

/** From `image` `[N,1,64,64]` to `LAYER.output` `[N,channels,height,width]` of each shown layer, beside the usual outputs. */
export function activationGraph(network: Network, parameters: Parameters): Graph {
  const graph = forwardGraph(network, parameters, { opset: defaultOpset });
  const names = new Set(shownLayers(network).map(({ layer }) => activationName(layer.name)));
  for (const { name, outputs } of graph.content().nodes) {
    if (names.has(name)) for (const output of outputs) graph.output(output);
  }
  return graph;
}
