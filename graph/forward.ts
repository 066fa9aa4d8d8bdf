/**
 * The portable graph: a network's forward pass in ONNX operators that every tool supports. It needs no
 * Transpose, because `model/` uses ONNX's layouts. Windows have all their attributes, because OpenCV before
 * version 5 requires them.
 */
import { describeLayers } from '../model/description.ts';
import { graphNames, type Opset } from '../model/model-file.ts';
import { inputPx, type Network } from '../model/network.ts';
import { type Parameters, parameter } from '../model/parameters.ts';
import { createGraph, type Graph } from './builder.ts';
import { addPortableLayer } from './layers.ts';
import { type FloatDtype, tensorOf } from './tensor.ts';
import type { Value } from './value.ts';

/** Returns the value of a parameter such as `conv2.kernel`, in the shape of its specification. */
export type ParameterSource = (name: string, shape: readonly number[]) => Value;

export interface ForwardOutputs {
  /** `[N,C]`, averaged over positions. */
  readonly logits: Value;
  /** `[N,C]`, softmax of the logits. */
  readonly probabilities: Value;
}

/**
 * The portable graph with the weights inside: `image` `[N,1,64,64]`, grey 0..255, to `probabilities` and
 * `logits` `[N,C]`.
 * Errors: `internal` if a parameter is missing or has the wrong size.
 */
export function forwardGraph(
  network: Network,
  parameters: Parameters,
  { opset, float = 'float32' }: { readonly opset: Opset; readonly float?: FloatDtype },
): Graph {
  const graph = createGraph({ name: network.name, opset, float });
  const image = graph.input(graphNames.image, float, ['N', 1, inputPx, inputPx]);
  const { logits, probabilities } = addForward(graph, network, image, (name, shape) =>
    graph.initializer(name, tensorOf(float, shape, parameter(parameters, name))),
  );
  graph.output(probabilities);
  graph.output(logits);
  return graph;
}

/**
 * Adds a network's layers to a graph, with the input `image` `[N,1,64,64]`; the parameters can be weights or
 * inputs of the graph.
 */
export function addForward(
  graph: Graph,
  network: Network,
  image: Value,
  source: ParameterSource,
): ForwardOutputs {
  const outputs = new Map<string, Value>();
  const logits = describeLayers(network).reduce((x, { layer, parameters }) => {
    const weights = parameters.map(({ name, shape }) => source(name, shape));
    const output = addPortableLayer(graph, layer, { x, outputs, weights });
    outputs.set(layer.name, output);
    return output;
  }, image);
  const probabilities = graph.node('Softmax', [logits], { axis: 1, name: graphNames.probabilities });
  return { logits, probabilities };
}
