/**
 * One network with the same weights in a browser page, in onnxruntime-web (wasm) and TensorFlow.js (wasm
 * and cpu), one thread each. TensorFlow.js runs it layer by layer, as its users write networks.
 */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { setThreadsCount, setWasmPaths, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { encodeModel } from '../../graph/encode.ts';
import { forwardGraph } from '../../graph/forward.ts';
import { describeLayers } from '../../model/description.ts';
import { foldBatchNorm } from '../../model/fold-batch-norm.ts';
import { graphNames } from '../../model/graph-names.ts';
import type { Layer } from '../../model/layer.ts';
import { defaultOpset } from '../../model/model-file.ts';
import { type Network, type NetworkName, networkOf } from '../../model/network.ts';
import { initialParameters, type Parameters, parameter } from '../../model/parameters.ts';
import { inputPx } from '../../model/patch.ts';
import { randomBatches, type SamplePlan, type Timing, takeSample } from '../sample.ts';

export const webRuntimes = ['onnxruntime-web wasm', 'TensorFlow.js wasm', 'TensorFlow.js cpu'] as const;
export type WebRuntime = (typeof webRuntimes)[number];

interface RuntimesRequest {
  readonly variant: NetworkName;
  readonly classes: number;
  readonly onnxruntimeWasm: string;
  /** Address of TensorFlow.js's wasm files, ending with a slash. */
  readonly tensorflowFolder: string;
}

/** Returns the probabilities of a fixed patch. */
type Run = () => Promise<Float32Array>;
const runs = new Map<WebRuntime, Run>();

/** Creates the network in all runtimes and returns their versions. */
export async function open({ variant, classes, onnxruntimeWasm, tensorflowFolder }: RuntimesRequest) {
  const trained = networkOf(variant, classes);
  // Without batch normalisation, as in an exported file.
  const { network, parameters } = foldBatchNorm({
    network: trained,
    parameters: initialParameters(trained, 1),
  });
  const [{ patches } = { patches: new Uint8Array() }] = randomBatches(1, 1, classes);
  runs.set('onnxruntime-web wasm', await onnxruntimeRun(network, parameters, patches, onnxruntimeWasm));
  setWasmPaths(tensorflowFolder);
  setThreadsCount(1);
  runs.set('TensorFlow.js wasm', tensorflowRun('wasm', network, parameters, patches));
  runs.set('TensorFlow.js cpu', tensorflowRun('cpu', network, parameters, patches));
  return { 'onnxruntime-web': env.versions.web ?? 'unknown', '@tensorflow/tfjs-backend-wasm': version_wasm };
}

async function onnxruntimeRun(
  network: Network,
  parameters: Parameters,
  patches: Uint8Array,
  wasm: string,
): Promise<Run> {
  env.wasm.wasmPaths = { wasm };
  env.wasm.numThreads = 1;
  const graph = forwardGraph(network, parameters, { opset: defaultOpset });
  const model = encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} });
  const session = await InferenceSession.create(model, { executionProviders: ['wasm'] });
  return async () => {
    const image = new Tensor('float32', Float32Array.from(patches), [1, 1, inputPx, inputPx]);
    const outputs = await session.run({ [graphNames.image]: image });
    return outputs[graphNames.probabilities]?.data as Float32Array;
  };
}

function tensorflowRun(
  backend: 'wasm' | 'cpu',
  network: Network,
  parameters: Parameters,
  patches: Uint8Array,
): Run {
  let weights: ReadonlyMap<string, tf.Tensor> | undefined;
  return async () => {
    if (tf.getBackend() !== backend) {
      await tf.setBackend(backend);
      await tf.ready();
    }
    weights ??= tensorflowWeights(network, parameters);
    const known = weights;
    const probabilities = tf.tidy(() => {
      const outputs = new Map<string, tf.Tensor4D>();
      const image = tf.tensor4d(Float32Array.from(patches), [1, inputPx, inputPx, 1]);
      const logits = network.layers.reduce((x, layer) => {
        const output = tensorflowLayer(x, layer, known, outputs);
        outputs.set(layer.name, output);
        return output;
      }, image);
      return tf.softmax(tf.reshape(logits, [1, -1]));
    });
    const values = (await probabilities.data()) as Float32Array;
    probabilities.dispose();
    return values;
  };
}

/** Kernels in the layout of TensorFlow.js, `[height,width,channels,filters]`. */
function tensorflowWeights(network: Network, parameters: Parameters): ReadonlyMap<string, tf.Tensor> {
  const specs = describeLayers(network).flatMap((layer) => layer.parameters);
  return new Map(
    specs.map(({ name, shape }) => {
      const values = tf.tensor(parameter(parameters, name), [...shape]);
      return [name, shape.length === 4 ? tf.transpose(values, [2, 3, 1, 0]) : values];
    }),
  );
}

/** `outputs` are those of the layers before, by name. */
function tensorflowLayer(
  x: tf.Tensor4D,
  layer: Layer,
  weights: ReadonlyMap<string, tf.Tensor>,
  outputs: ReadonlyMap<string, tf.Tensor4D>,
): tf.Tensor4D {
  switch (layer.kind) {
    case 'standardise': {
      const { mean, variance } = tf.moments(x, [1, 2, 3], true);
      return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, layer.varianceFloor)));
    }
    case 'subtractMean':
      return tf.sub(x, layer.meanGrey);
    case 'convolution': {
      const kernel = weights.get(`${layer.name}.kernel`) as tf.Tensor4D;
      return tf.add(
        tf.conv2d(x, kernel, layer.stridePx ?? 1, 'valid'),
        weights.get(`${layer.name}.bias`) as tf.Tensor,
      );
    }
    case 'relu':
      return tf.relu(x);
    case 'maxPool':
      return tf.maxPool(x, layer.sizePx, layer.sizePx, 'valid');
    case 'globalAverage':
      return tf.mean(x, [1, 2], true);
    case 'globalStatistics': {
      const statistics = layer.of.flatMap((name) => {
        const { mean, variance } = tf.moments(outputs.get(name) as tf.Tensor4D, [1, 2], true);
        const deviation = tf.sqrt(tf.add(variance, layer.varianceFloor));
        return layer.deviations === false ? [mean] : [mean, deviation];
      });
      return tf.concat(statistics as tf.Tensor4D[], 3);
    }
    case 'batchNorm':
      throw new Error(`${layer.name}: batch normalisations are folded`);
    default:
      throw layer satisfies never;
  }
}

export async function probabilities(runtime: WebRuntime): Promise<number[]> {
  return Array.from(await runOf(runtime)());
}

/** Runs the patch repeatedly. */
export function sample(runtime: WebRuntime, plan: SamplePlan): Promise<Timing> {
  return takeSample(runOf(runtime), plan);
}

function runOf(runtime: WebRuntime): Run {
  const run = runs.get(runtime);
  if (run === undefined) throw new Error('call open() first');
  return run;
}
