/** Batches and states for tests of the engines. */
import { trainedSpecs } from '../../model/description.ts';
import type { Network } from '../../model/network.ts';
import { type Parameters, parameter, type TrainingState } from '../../model/parameters.ts';
import type { Batch } from '../../model/patch.ts';
import { largestDifference } from './onnx-session.ts';
import { randomParameters, randomPatches } from './random-network.ts';

export const classes = 6;
export const settings = { learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4 };

export function batchOf(count: number, seed: number): Batch {
  return {
    patches: randomPatches(count, seed),
    labels: Int32Array.from({ length: count }, (_, i) => (i * 5 + seed) % classes),
  };
}

/** Values with biases, and momentum that are not zero. */
export function stateOf(network: Network, seed: number): TrainingState {
  const values = randomParameters(network, seed + 1);
  const momentum = trainedSpecs(network).map(
    ({ name }) => [name, parameter(values, name).map((value) => value / 50)] as const,
  );
  return { parameters: randomParameters(network, seed), momentum: new Map(momentum) };
}

export function largestRelativeDifference(a: Parameters, b: Parameters): number {
  const ratios = [...b].map(([name, values]) => {
    const size = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    return largestDifference(parameter(a, name), values) / size;
  });
  return Math.max(...ratios);
}

/** All values of a state as bytes, in order: equal where every bit is. */
export function bitsOf({ parameters, momentum }: TrainingState): Buffer {
  return Buffer.concat(
    [...parameters.values(), ...momentum.values()].map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength),
    ),
  );
}
