/** The portable graph with the outputs of layers as additional outputs. */

import { describeLayers } from '../../model/description.ts';
import type { KnownMaps } from '../../model/known-score.ts';
import { defaultOpset } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import type { Parameters } from '../../model/parameters.ts';
import type { Graph } from '../builder.ts';
import { forwardGraph } from '../forward.ts';

/**
 * Descriptions of the layers whose outputs the page shows, in order: those with several channels and
 * positions. (The first layer's output looks like the patch; the bars show that of the last one.)
 */
export function shownLayers(network: Network) {
  return describeLayers(network).filter(({ outputShape: [channels, rows] }) => channels > 1 && rows > 1);
}

/** Name of a layer's output in the graph. */
export function activationName(layer: string): string {
  return `${layer}.output`;
}

/**
 * From `image` `[N,1,64,64]` to the usual outputs and `LAYER.output` `[N,channels,height,width]` of each of
 * `layers`.
 */
export function activationGraph(
  network: Network,
  parameters: Parameters,
  layers: readonly string[],
  known?: KnownMaps,
): Graph {
  const graph = forwardGraph(network, parameters, { opset: defaultOpset, known });
  const names = new Set(layers.map(activationName));
  for (const { name, outputs } of graph.content().nodes) {
    if (names.has(name)) for (const output of outputs) graph.output(output);
  }
  return graph;
}
