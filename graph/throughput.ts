/**
 * The throughput graph: the forward half of the training step as a separate file. It has the same inputs and
 * outputs as the portable graph, but computes convolutions in tiles (Lavin and Gray 2016), as matrix products
 * with transformed kernels. For networks with large kernels, stock onnxruntime runs it faster than the portable
 * graph in batches of 8 or more, and slower in smaller ones (docs/bench-infer.md).
 */
import { parameterSpecs } from '../model/description.ts';
import { graphNames } from '../model/graph-names.ts';
import type { Opset } from '../model/model-file.ts';
import type { Network } from '../model/network.ts';
import { type Parameters, parameter } from '../model/parameters.ts';
import { inputPx } from '../model/patch.ts';
import { createGraph, type Graph } from './builder.ts';
import { addProbabilities } from './forward.ts';
import { activation } from './step/activation.ts';
import type { Matrix } from './step/matrix.ts';
import { forwardPasses, outputOf, patchesFirst } from './step/step.ts';
import type { Weights } from './step/stored-parameters.ts';
import { tensorOf } from './tensor.ts';

/**
 * The throughput graph with the weights inside: `image` `[N,1,64,64]`, grey 0..255, to `probabilities` and
 * `logits` `[N,C]`.
 * Errors: `internal` if a parameter is missing or has the wrong size.
 */
export function throughputGraph(
  network: Network,
  parameters: Parameters,
  { opset, temperature = 1 }: { readonly opset: Opset; readonly temperature?: number },
): Graph {
  const graph = createGraph({ name: `${network.name} throughput`, opset, float: 'float32' });
  const image = graph.input(graphNames.image, graph.float, ['N', 1, inputPx, inputPx]);
  const rows = graph.reshape(image, [-1, inputPx ** 2]);
  const pixels = graph.node('Transpose', [rows], { perm: [1, 0], name: 'pixels' });
  const x = activation(graph.reshape(pixels, [inputPx, inputPx, 1, -1]));
  const passes = forwardPasses(graph, network, x, storedWeights(graph, network, parameters));
  const logits = patchesFirst(graph, outputOf(passes), graphNames.logits);
  graph.output(addProbabilities(graph, logits, temperature));
  graph.output(logits);
  return graph;
}

/** Weights as initializers of the graph. The kernels are transformed here, in float64. */
function storedWeights(root: Graph, network: Network, parameters: Parameters): Weights {
  const shapes = new Map(parameterSpecs(network).map(({ name, shape }) => [name, shape]));
  return {
    vector: (name) => root.initializer(name, tensorOf(root.float, shapes.get(name) ?? [], values(name))),
    kernel(_, name, transform, order) {
      const [filters = 0, channels = 0, height = 0, width = 0] = shapes.get(name) ?? [];
      const transformed = transformedKernel(values(name), height * width, transform);
      const sizes = [transformed.length / (filters * channels), filters, channels];
      const stored = root.initializer(name, tensorOf(root.float, sizes, transformed));
      return order === 'filters-channels' ? stored : root.node('Transpose', [stored], { perm: [0, 2, 1] });
    },
  };

  function values(name: string): Float32Array {
    return parameter(parameters, name);
  }
}

/**
 * `transform` `[rows, positions]` times a kernel `[planes, positions]`: `[rows, planes]`. Without `transform`
 * the kernel's transpose.
 */
function transformedKernel(
  kernel: Float32Array,
  positions: number,
  transform: Matrix | undefined,
): Float64Array {
  const planes = kernel.length / positions;
  const rows = transform?.length ?? positions;
  const transformed = new Float64Array(rows * planes);
  for (let row = 0; row < rows; row++) {
    const factors = transform?.[row] ?? Array.from({ length: positions }, (_, at) => (at === row ? 1 : 0));
    for (let plane = 0; plane < planes; plane++) {
      let sum = 0;
      for (let at = 0; at < positions; at++) {
        sum += (factors[at] as number) * (kernel[plane * positions + at] as number);
      }
      transformed[row * planes + plane] = sum;
    }
  }
  return transformed;
}
