/**
 * A network's forward pass as ONNX nodes: the portable graph, made of the few operators that every tool knows. No Transpose: the
 * layouts of `model/` are ONNX's own. Windows are written out in full, because OpenCV before version 5 asks for it.
 */
import { describeLayers } from '../model/description.ts';
import type { Layer, StandardiseLayer } from '../model/layer.ts';
import { graphNames, type Opset } from '../model/model-file.ts';
import { inputPx, type Network } from '../model/network.ts';
import { type Parameters, parameter } from '../model/parameters.ts';
import { createGraph, type Graph } from './builder.ts';
import { type FloatDtype, tensorOf } from './tensor.ts';
import type { Value } from './value.ts';

/** Gives the value of a parameter such as `conv2.kernel` in the shape of the layer's specification. */
export type ParameterSource = (name: string, shape: readonly number[]) => Value;

export interface ForwardOutputs {
  /** `[N,C]`, averaged over positions. */
  readonly logits: Value;
  /** `[N,C]`, softmax of the logits. */
  readonly probabilities: Value;
}

/**
 * The portable graph with the weights inside: `image` `[N,1,64,64]`, grey 0..255, to `probabilities` and `logits` `[N,C]`.
 * Errors: `internal` where a parameter is missing or has another size than its layer says.
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

/** Adds a network's layers to a graph, reading `image` `[N,1,64,64]`; the parameters may be weights or inputs of the graph. */
export function addForward(
  graph: Graph,
  network: Network,
  image: Value,
  source: ParameterSource,
): ForwardOutputs {
  const logits = describeLayers(network).reduce((value, { layer, parameters }) => {
    const weights = parameters.map(({ name, shape }) => source(name, shape));
    return addLayer(graph, layer, value, weights);
  }, image);
  const probabilities = graph.node('Softmax', [logits], { axis: 1, name: graphNames.probabilities });
  return { logits, probabilities };
}

/** One layer: `x` and the layer's output are `[N,channels,height,width]`, the head's output is the logits `[N,C]`. */
function addLayer(graph: Graph, layer: Layer, x: Value, weights: readonly Value[]): Value {
  const scope = graph.scope(layer.name);
  switch (layer.kind) {
    case 'standardise':
      return addStandardise(scope, layer, x);
    case 'subtractMean':
      return scope.node('Sub', [x, scope.scalar(layer.meanGrey)], { name: 'output' });
    case 'convolution': {
      const kernel_shape = [layer.kernelPx, layer.kernelPx];
      return scope.node('Conv', [x, ...weights], { name: 'output', kernel_shape, ...unitWindow, group: 1 });
    }
    case 'relu':
      return scope.node('Relu', [x], { name: 'output' });
    case 'maxPool': {
      const kernel_shape = [layer.sizePx, layer.sizePx];
      return scope.node('MaxPool', [x], {
        name: 'output',
        kernel_shape,
        strides: kernel_shape,
        pads: noPads,
      });
    }
    case 'softmax': {
      // Where one position is left the mean is that position; the operators stay the same for every variant.
      const mean = scope.node('GlobalAveragePool', [x], { name: 'mean' });
      return graph.node('Flatten', [mean], { axis: 1, name: graphNames.logits });
    }
    default:
      throw layer satisfies never;
  }
}

const noPads = [0, 0, 0, 0];
const unitWindow = { strides: [1, 1], pads: noPads, dilations: [1, 1] };

/** (x - mean) / sqrt(variance + floor) of each patch; with these operators batches and every opset agree (no axes to move). */
function addStandardise(scope: Graph, { varianceFloor }: StandardiseLayer, x: Value): Value {
  const mean = scope.node('GlobalAveragePool', [x], { name: 'mean' });
  const centred = scope.node('Sub', [x, mean], { name: 'centred' });
  const squared = scope.node('Mul', [centred, centred], { name: 'squared' });
  const variance = scope.node('GlobalAveragePool', [squared], { name: 'variance' });
  const floored = scope.node('Add', [variance, scope.scalar(varianceFloor)], { name: 'floored' });
  const deviation = scope.node('Sqrt', [floored], { name: 'deviation' });
  return scope.node('Div', [centred, deviation], { name: 'output' });
}
