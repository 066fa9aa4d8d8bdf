/** Seeded values for tests: parameters in which every bias counts, and patches of noise on a slope. */
import { writeFile } from 'node:fs/promises';
import { encodeModel } from '../../graph/encode.ts';
import { forwardGraph } from '../../graph/forward.ts';
import { describeLayers } from '../../model/description.ts';
import { foldBatchNorm } from '../../model/fold-batch-norm.ts';
import type { KnownMaps, KnownScore } from '../../model/known-score.ts';
import { modelInput } from '../../model/model-file.ts';
import { type Network, type NetworkName, networkOf } from '../../model/network.ts';
import { initialParameters, type Parameters } from '../../model/parameters.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { randomStream } from '../../model/random.ts';

/** Initial values with nonzero biases, some negative scales, and running averages as after some steps. */
export function randomParameters(network: Network, seed: number): Parameters {
  return new Map(
    [...initialParameters(network, seed)].map(([name, values]) => {
      const random = randomStream(seed, 'bias of a test', name);
      const part = name.split('.').at(-1);
      if (part === 'kernel') return [name, values];
      if (part === 'scale') return [name, values.map(() => 0.8 + 0.6 * random.normal())];
      if (part === 'variance') return [name, values.map(() => 0.5 + random.uniform())];
      return [name, values.map(() => 0.3 * random.normal())];
    }),
  );
}

/** The maps of a known score; undefined if the network has no statistics, which they read. */
export function randomKnownMaps(network: Network, classes: number): KnownMaps | undefined {
  if (!network.layers.some(({ kind }) => kind === 'globalStatistics')) return undefined;
  const linear = describeLayers(network).find(({ layer }) => layer.name === 'linear');
  const features = linear?.inputShape[0] ?? 0;
  const random = randomStream(7, 'known maps');
  const values = (count: number) => Float32Array.from({ length: count }, () => 0.01 * random.normal());
  return {
    features,
    classes,
    classKernel: values(classes * features),
    classBias: values(classes),
    spreadKernel: values(classes * features),
    spreadBias: values(classes),
  };
}

/** Patches `[count,64,64]`, each with its own slope, contrast and noise; none is symmetric. */
export function randomPatches(count: number, seed: number): Uint8Array {
  const random = randomStream(seed, 'patches of a test');
  const patches = new Uint8Array(count * patchBytes);
  for (let i = 0; i < count; i++) {
    const [across, down, noise] = [
      random.between(-1.5, 1.5),
      random.between(-1.5, 1.5),
      random.between(5, 60),
    ];
    for (let at = 0; at < patchBytes; at++) {
      const [x, y] = [(at % inputPx) - inputPx / 2, Math.floor(at / inputPx) - inputPx / 2];
      const grey = 128 + across * x + down * y + noise * random.normal();
      patches[i * patchBytes + at] = Math.min(Math.max(Math.round(grey), 0), 255);
    }
  }
  return patches;
}

/** What the page writes about a model that it taught two surfaces. */
export const taughtYard = {
  name: 'yard',
  labels: ['oak', 'stone'],
  patchPx: 80,
  base: 'lab-baseline',
  depth: 'head',
  trainingPatches: 40,
  heldOut: { wrong: 1, count: 8 },
} as const;

/** Writes an ONNX file of a narrow network with random weights and the metadata that readers need. */
export async function writeRandomModel(
  path: string,
  name: NetworkName,
  labels: readonly string[],
  known?: KnownScore,
): Promise<void> {
  const trained = networkOf(name, labels.length, { width: 0.25 });
  const { network, parameters } = foldBatchNorm({
    network: trained,
    parameters: randomParameters(trained, 5),
  });
  const metadata = {
    'textura.labels': JSON.stringify(labels),
    'textura.input': JSON.stringify(modelInput(64)),
    'textura.network': JSON.stringify(network),
    ...(known && { 'textura.threshold': JSON.stringify(known.thresholds) }),
  };
  const graph = forwardGraph(network, parameters, { opset: 17, known });
  await writeFile(path, encodeModel(graph, { producerName: 'test', producerVersion: '1', metadata }));
}
