/**
 * Trials in which only the last layer is trained, on the features of a network that stays as it is: what the
 * Teach view of the page does by default.
 */
import { encodeModel } from '../graph/encode.ts';
import { foldBatchNorm } from '../model/fold-batch-norm.ts';
import { graphNames } from '../model/graph-names.ts';
import { classifierOf, type Network } from '../model/network.ts';
import type { Parameters } from '../model/parameters.ts';
import type { Batch } from '../model/patch.ts';
import { inputPx, patchBytes } from '../model/patch.ts';
import { InferenceSession, Tensor } from '../node/onnxruntime.ts';
import { collator, type LoaderSettings } from '../training/data/collate.ts';
import { validationGrid } from '../training/data/sampler.ts';
import { type Head, trainHead } from '../web-demo/worker/head-training.ts';
import { featuresGraph, pooledFeatures } from '../web-demo/worker/taught-network.ts';

/** Limit for the patches that the last layer is trained on: the photographs contribute the same number. */
const mostTrainingPatches = 1500;
const chunk = 32;

/** Features of patches, `[count, size]`, with the class of each. */
export interface PatchFeatures {
  readonly values: Float32Array;
  readonly size: number;
  readonly classes: Int32Array;
}

/** The features of a network before its last layer. */
export async function openFeatures(network: Network, parameters: Parameters, threads: number) {
  const folded = foldBatchNorm({ network, parameters });
  const { graph, output, shape } = featuresGraph(folded.network, folded.parameters);
  const model = encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} });
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads });
  return {
    async of({ patches, labels }: Batch): Promise<PatchFeatures> {
      const parts: number[] = [];
      for (let start = 0; start < labels.length; start += chunk) {
        const bytes = patches.subarray(start * patchBytes, (start + chunk) * patchBytes);
        const dims = [bytes.length / patchBytes, 1, inputPx, inputPx];
        const feeds = { [graphNames.image]: new Tensor('float32', Float32Array.from(bytes), dims) };
        const data = (await session.run(feeds))[output]?.data as Float32Array;
        parts.push(...pooledFeatures(data, shape, classifierOf(network).kernelPx).values);
      }
      return { values: Float32Array.from(parts), size: parts.length / labels.length, classes: labels };
    },
    close: () => session.release(),
  };
}

/** Patches at fixed places of the training photographs. */
export async function trainingPatches(settings: LoaderSettings): Promise<Batch> {
  const count = validationGrid(settings.train, settings.patchPx).length;
  const stride = Math.max(1, Math.ceil(count / mostTrainingPatches));
  return collator(settings)({ split: 'trainGrid', start: 0, count: Math.ceil(count / stride), stride });
}

/** All patches of the validation grid. */
export async function testPatches(settings: LoaderSettings): Promise<Batch> {
  const { length: count } = validationGrid(settings.validation, settings.patchPx);
  return collator(settings)({ split: 'val', start: 0, count });
}

/** Logits `[count, classes]` of `test` after the last layer is trained on `training`. */
export function taughtLogits(training: PatchFeatures, test: PatchFeatures, classes: number): Float32Array {
  const steps = trainHead(training, classes);
  let head: Head | undefined;
  while (head === undefined) {
    const { value, done } = steps.next();
    if (done) head = value;
  }
  const { weights, biases } = head;
  const { size } = test;
  return Float32Array.from({ length: test.classes.length * classes }, (_, at) => {
    const [row, c] = [Math.floor(at / classes), at % classes];
    let sum = biases[c] as number;
    for (let i = 0; i < size; i++) {
      sum += (test.values[row * size + i] as number) * (weights[c * size + i] as number);
    }
    return sum;
  });
}
