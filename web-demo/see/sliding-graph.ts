/**
 * A network as a graph that slides over a picture of any size: every convolution runs once over all of it, and where the network
 * for one patch ends at one place, this one ends at many. Neighbouring squares share what they have in common.
 */
import { addForward, createGraph, type Graph, tensorOf, type Value } from '../../export/index.ts';
import { describeLayers } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import type { Layer } from '../../model/layer.ts';
import { defaultOpset } from '../../model/model-file.ts';
import type { Network } from '../../model/network.ts';
import { type Parameters, parameter } from '../../model/parameters.ts';

export const slidingNames = { picture: 'picture', probabilities: 'heat' } as const;

export interface SlidingGraph {
  /** From `picture` float32 `[1,1,height,width]` to `heat` `[1,C,rows,columns]`. */
  readonly graph: Graph;
  readonly rows: number;
  readonly columns: number;
  /** Distance between neighbouring places, in pixels of the picture. */
  readonly stridePx: number;
  /** What is added to the variance where the picture must come standardised; undefined where it comes as grey levels. */
  readonly varianceFloor: number | undefined;
}

/** Builds the graph for pictures of `width` x `height`, both 64 or more. */
export function slidingGraph(
  network: Network,
  parameters: Parameters,
  { width, height }: { readonly width: number; readonly height: number },
): SlidingGraph {
  const graph = createGraph({ name: `${network.name} sliding`, opset: defaultOpset, float: 'float32' });
  const picture = graph.input(slidingNames.picture, 'float32', [1, 1, height, width]);
  const { logits } = addForward(graph, slidingPart(network), picture, (name, shape) =>
    graph.initializer(name, tensorOf('float32', shape, parameter(parameters, name))),
  );
  const averaged = averageOverWindow(graph, logits, positionsLeft(network));
  const output = graph.node('Softmax', [averaged], { axis: 1, name: slidingNames.probabilities });
  graph.output(output);
  const [, , rows, columns] = output.shape as readonly number[];
  const standardise = network.layers.find((layer) => layer.kind === 'standardise');
  return {
    graph,
    rows: rows ?? 0,
    columns: columns ?? 0,
    stridePx: describeLayers(network).at(-1)?.stridePx ?? 1,
    varianceFloor: standardise?.varianceFloor,
  };
}

/** The layers that slide: the picture comes standardised, and the head's mean is taken over windows. */
function slidingPart(network: Network): Network {
  const slides = ({ kind }: Layer) => kind !== 'standardise' && kind !== 'softmax';
  return { ...network, layers: network.layers.filter(slides) };
}

/** Side of the square of places that a patch leaves before the head averages them. */
function positionsLeft(network: Network): number {
  const before = describeLayers(network).at(-2)?.outputShape;
  if (before === undefined) throw new TexturaError('internal', `${network.name} has no layers to slide`);
  return before[1];
}

/** The mean over windows of `side` x `side` places; each class is a picture of its own. */
function averageOverWindow(graph: Graph, x: Value, side: number): Value {
  if (side === 1) return x;
  const [, classes = 1, rows = 1, columns = 1] = x.shape as readonly number[];
  const window = graph.floats(new Array(side * side).fill(1 / side ** 2), [1, 1, side, side]);
  const single = graph.reshape(x, [classes, 1, rows, columns]);
  const mean = graph.node('Conv', [single, window], {
    kernel_shape: [side, side],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    group: 1,
    name: 'mean',
  });
  return graph.reshape(mean, [1, classes, rows - side + 1, columns - side + 1]);
}
