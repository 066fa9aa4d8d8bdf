/**
 * The portable graph: a network's forward pass in ONNX operators that every tool supports. It needs no
 * Transpose, because `model/` uses ONNX's layouts. Windows have all their attributes, because OpenCV before
 * version 5 requires them.
 */
import { describeLayers } from '../model/description.ts';
import { graphNames } from '../model/graph-names.ts';
import type { KnownMaps } from '../model/known-score.ts';
import type { Layer } from '../model/layer.ts';
import type { Opset } from '../model/model-file.ts';
import type { Network } from '../model/network.ts';
import { type Parameters, parameter } from '../model/parameters.ts';
import { inputPx } from '../model/patch.ts';
import { createGraph, type Graph } from './builder.ts';
import { addPortableLayer } from './layers.ts';
import { type FloatDtype, tensorOf } from './tensor.ts';
import { graphFault, type Value } from './value.ts';

/** Returns the value of a parameter such as `conv2.kernel`, in the shape of its specification. */
type ParameterSource = (name: string, shape: readonly number[]) => Value;

/** How a graph stores its weights and computes its layers. */
export interface LayerForm {
  readonly weight: ParameterSource;
  /** The value that a layer reads, `[N,channels,height,width]`; by default the output before it. */
  entering?(layer: Layer, x: Value): Value;
  /** A layer's output; by default as it is. */
  leaving?(layer: Layer, output: Value): Value;
  /** Whether a layer would change nothing, so that it has no node. */
  isRedundant?(layer: Layer): boolean;
}

interface ForwardOutputs {
  /**
   * `[N,F,1,1]`, what the classifier reads; undefined for a network that has no global statistics.
   */
  readonly features: Value | undefined;
  /** `[N,C]`, averaged over positions. */
  readonly logits: Value;
  /** `[N,C]`, softmax of the logits divided by the temperature. */
  readonly probabilities: Value;
}

interface ForwardSettings {
  readonly opset: Opset;
  readonly float?: FloatDtype;
  /** Divides the logits before the softmax; default 1. */
  readonly temperature?: number;
  /** Adds the output `known_score`. */
  readonly known?: KnownMaps | undefined;
  /** By default weights in the graph's float type. */
  readonly form?: (graph: Graph) => LayerForm;
}

/**
 * The portable graph with the weights inside: `image` `[N,1,64,64]`, grey 0..255, to `probabilities` and
 * `logits` `[N,C]`, and `known_score` `[N,1]` if there is one.
 * Errors: `internal` if a parameter is missing or has the wrong size.
 */
export function forwardGraph(
  network: Network,
  parameters: Parameters,
  {
    opset,
    float = 'float32',
    temperature = 1,
    known,
    form = (graph) => storedIn(graph, parameters),
  }: ForwardSettings,
): Graph {
  const graph = createGraph({ name: network.name, opset, float });
  const image = graph.input(graphNames.image, float, ['N', 1, inputPx, inputPx]);
  const { logits, probabilities, features } = addForward(graph, network, image, form(graph), temperature);
  graph.output(probabilities);
  graph.output(logits);
  if (known !== undefined) graph.output(addKnownScore(graph, features, known));
  return graph;
}

/**
 * The portable graph up to the logits `[N,C]`, with the output `features` `[N,F,1,1]`. For networks with
 * global statistics.
 */
export function featureGraph(network: Network, parameters: Parameters, opset: Opset): Graph {
  const graph = createGraph({ name: `${network.name} features`, opset, float: 'float32' });
  const image = graph.input(graphNames.image, graph.float, ['N', 1, inputPx, inputPx]);
  const { logits, features } = addForward(graph, network, image, storedIn(graph, parameters));
  if (features === undefined) throw graphFault(`${network.name} has no global statistics`);
  graph.output(logits);
  graph.output(graph.node('Identity', [features], { name: graphNames.features }));
  return graph;
}

/** Weights inside the graph. */
export function storedIn(graph: Graph, parameters: Parameters): LayerForm {
  return {
    weight: (name, shape) =>
      graph.initializer(name, tensorOf(graph.float, shape, parameter(parameters, name))),
  };
}

/**
 * The feature score of model/known-score.ts at each position of `features` `[N,F,rows,columns]`: `[N,positions]`,
 * with 1x1 convolutions as its linear maps.
 */
export function addKnownScore(root: Graph, features: Value | undefined, known: KnownMaps): Value {
  if (features === undefined) throw graphFault('a known score needs a network with global statistics');
  const { classes, features: width } = known;
  const [, , rows = 1, columns = 1] = features.shape as readonly number[];
  const positions = rows * columns;
  const graph = root.scope('known');
  const map = (name: string, kernel: Float32Array, bias: Float32Array) =>
    graph.node(
      'Conv',
      [
        features,
        graph.initializer(`${name}.kernel`, tensorOf(graph.float, [classes, width, 1, 1], kernel)),
        graph.initializer(`${name}.bias`, tensorOf(graph.float, [classes], bias)),
      ],
      { name, ...pointwise },
    );
  const distances = graph.reshape(map('classes', known.classKernel, known.classBias), [
    -1,
    1,
    classes,
    positions,
  ]);
  const window = { kernel_shape: [classes, 1], strides: [1, 1], pads: [0, 0, 0, 0] };
  const nearest = graph.node('MaxPool', [distances], { name: 'nearest', ...window }); // [N,1,1,positions]
  const spread = map('spread', known.spreadKernel, known.spreadBias);
  const squares = graph.node('Mul', [spread, spread], { name: 'squares' });
  const ones = graph.constant(tensorOf(graph.float, [1, classes, 1, 1], new Array(classes).fill(1)));
  const background = graph.node('Conv', [squares, ones], { name: 'background', ...pointwise });
  const row = positions === 1 ? background : graph.reshape(background, [-1, 1, 1, positions]);
  const score = graph.node('Sub', [nearest, row], { name: 'score' });
  return root.node('Flatten', [score], { axis: 1, name: graphNames.knownScore });
}

const pointwise = { kernel_shape: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };

/**
 * Adds a network's layers to a graph, with the input `image` `[N,1,64,64]`. The weights of `form` can be stored
 * in the graph or be inputs of it.
 */
export function addForward(
  graph: Graph,
  network: Network,
  image: Value,
  { weight, entering = (_, x) => x, leaving = (_, output) => output, isRedundant }: LayerForm,
  temperature = 1,
): ForwardOutputs {
  const outputs = new Map<string, Value>();
  const logits = describeLayers(network).reduce((x, { layer, parameters }) => {
    if (isRedundant?.(layer)) {
      outputs.set(layer.name, x);
      return x;
    }
    const read = entering(layer, x);
    const weights = parameters.map(({ name, shape }) => weight(name, shape));
    const output = leaving(layer, addPortableLayer(graph, layer, { x: read, outputs, weights }));
    outputs.set(layer.name, output);
    return output;
  }, image);
  const probabilities = addProbabilities(graph, logits, temperature);
  const statistics = network.layers.find(({ kind }) => kind === 'globalStatistics');
  return { logits, probabilities, features: statistics && outputs.get(statistics.name) };
}

/** Softmax of `logits / temperature` over axis 1, the classes; the logits stay as they are. */
export function addProbabilities(
  graph: Graph,
  logits: Value,
  temperature: number,
  name: string = graphNames.probabilities,
): Value {
  const tempered =
    temperature === 1 ? logits : graph.node('Div', [logits, graph.scalar(temperature)], { name: 'tempered' });
  return graph.node('Softmax', [tempered], { axis: 1, name });
}
