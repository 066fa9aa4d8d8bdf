/**
 * The taught network: a base network with a new last layer, and the graph that computes the features before
 * it.
 */
import { createGraph, type Graph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { addForward, forwardGraph, storedIn } from '../../graph/forward.ts';
import { describeLayers } from '../../model/description.ts';
import { graphNames } from '../../model/graph-names.ts';
import type { Shape } from '../../model/layer.ts';
import { defaultOpset, metadataKeys, modelDocs, modelInput } from '../../model/model-file.ts';
import { classifierOf, type Network } from '../../model/network.ts';
import type { Parameters } from '../../model/parameters.ts';
import { inputPx } from '../../model/patch.ts';
import { embeddedCheck, type PatchLogits } from '../../model/self-check.ts';
import { taughtName } from '../shared/teaching-api.ts';
import type { Head } from './head-training.ts';

const featuresName = 'features';

/** The layers of the base network, with another number of classes. */
export function taughtNetwork(base: Network, classes: number): Network {
  const { name } = classifierOf(base);
  return {
    name: taughtName,
    classes,
    layers: base.layers.map((layer) =>
      layer.name === name && layer.kind === 'convolution' ? { ...layer, filters: classes } : layer,
    ),
  };
}

/** From `image` `[N,1,64,64]` to the classifier's input, `[N,channels,height,width]`. */
export function featuresGraph(
  network: Network,
  parameters: Parameters,
): { readonly graph: Graph; readonly output: string; readonly shape: Shape } {
  const classifier = classifierOf(network);
  const before = network.layers.findIndex(({ name }) => name === classifier.name);
  const featureLayers = { ...network, layers: network.layers.slice(0, before) };
  const graph = createGraph({ name: featuresName, opset: defaultOpset, float: 'float32' });
  const image = graph.input(graphNames.image, 'float32', ['N', 1, inputPx, inputPx]);
  const { logits: output } = addForward(graph, featureLayers, image, storedIn(graph, parameters));
  graph.output(output);
  const shape = describeLayers(featureLayers).at(-1)?.outputShape ?? [1, inputPx, inputPx];
  return { graph, output: output.name, shape };
}

/**
 * The classifier's input windows, averaged over the positions whose logits the network averages. The logits
 * are linear in them, so a head that is trained on the averages is the network's. `values`
 * `[count,channels,height,width]` to `[count,channels x k x k]`.
 */
export function pooledFeatures(
  values: Float32Array,
  [channels, height, width]: Shape,
  kernelPx: number,
): { readonly values: Float32Array; readonly size: number } {
  const size = channels * kernelPx ** 2;
  const [rows, columns] = [height - kernelPx + 1, width - kernelPx + 1];
  const count = values.length / (channels * height * width);
  const pooled = new Float32Array(count * size);
  for (let row = 0; row < count * channels; row++) {
    for (let k = 0; k < kernelPx ** 2; k++) {
      const [dy, dx] = [Math.floor(k / kernelPx), k % kernelPx];
      let sum = 0;
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          sum += values[(row * height + y + dy) * width + x + dx] as number;
        }
      }
      pooled[row * kernelPx ** 2 + k] = sum / (rows * columns);
    }
  }
  return { values: pooled, size };
}

/** The base's parameters with the head in place of its classifier. */
export function taughtParameters(base: Network, parameters: Parameters, head: Head): Parameters {
  const { name } = classifierOf(base);
  return new Map([...parameters, [`${name}.kernel`, head.weights], [`${name}.bias`, head.biases]]);
}

interface TaughtMetadata {
  /** Of the model, as a person chose it. */
  readonly name: string;
  readonly labels: readonly string[];
  readonly patchPx: number;
  /** Name of the base model, and how much of it was retrained. */
  readonly base: string;
  readonly depth: 'head' | 'all';
  readonly trainingPatches: number;
  readonly heldOut: { readonly wrong: number; readonly count: number };
  /** Outputs of the file itself, once it has been tested. */
  readonly check?: PatchLogits;
}

/** An ONNX file with the signature and metadata of an exported model, and its self-check inside. */
export function taughtModel(network: Network, parameters: Parameters, taught: TaughtMetadata): Uint8Array {
  const { name, labels, patchPx, base, depth, trainingPatches, heldOut, check } = taught;
  return encodeModel(forwardGraph(network, parameters, { opset: defaultOpset }), {
    producerName: 'textura',
    producerVersion: '',
    metadata: {
      [metadataKeys.labels]: JSON.stringify(labels),
      [metadataKeys.input]: JSON.stringify(modelInput(patchPx)),
      [metadataKeys.network]: JSON.stringify(network),
      [metadataKeys.run]: JSON.stringify({ name, base, depth, trainingPatches, heldOut }),
      ...(check && { [metadataKeys.selfCheck]: embeddedCheck(check) }),
    },
    docs: modelDocs(name, labels, { patchPx }),
  });
}
