/**
 * The network that is part of Textura: texture-net, pre-trained on generated textures. `npm run
 * train:pretrained` makes it again and writes texture-net.safetensors (without the last layer) and
 * texture-net.json, the record of how it was made.
 */
import { z } from 'zod';
import type { TrainedNetwork } from '../fold-batch-norm.ts';
import { classifierOf, networkOf } from '../network.ts';
import { checkParameters, initialParameters } from '../parameters.ts';
import { decodeTensors } from '../safetensors.ts';
import { sha256Schema } from '../sha256.ts';

export const pretrainedFiles = {
  parameters: 'texture-net.safetensors',
  record: 'texture-net.json',
} as const;

const count = z.int().min(1);

/** The pictures of `drawVaried`, and the settings that differ from those of `npm run train`. */
export const pretrainingRecipe = {
  classes: 200,
  picturesPerClass: 12,
  sidePx: 160,
  seed: 1,
  epochs: 1,
  patchesPerEpoch: 39_600,
  batch: 66,
  learningRate: 0.06,
  warmupEpochs: 0.1,
} as const;

export const pretrainedRecordSchema = z.strictObject({
  network: z.literal('texture-net'),
  recipe: z.strictObject({
    classes: count,
    picturesPerClass: count,
    sidePx: count,
    seed: z.int(),
    epochs: count,
    patchesPerEpoch: count,
    batch: count,
    learningRate: z.number().positive(),
    warmupEpochs: z.number(),
  }),
  /** SHA-256 over the pictures of each class, class after class. */
  picturesSha256: sha256Schema,
  /** Of the first class only. */
  firstClassSha256: sha256Schema,
  /** Of texture-net.safetensors. */
  sha256: sha256Schema,
  /** Top-1 error of patches of held-out generated pictures. */
  validationError: z.number(),
  /** Of Node and of the onnx engine, which trained it on the CPU. */
  versions: z.record(z.string(), z.string()),
  textura: z.string(),
});
export type PretrainedRecord = z.infer<typeof pretrainedRecordSchema>;

/**
 * The pre-trained network with a last layer of random values for two classes, from the bytes of its file.
 * Errors: `file-damaged`, naming `where`.
 */
export function pretrainedFrom(bytes: Uint8Array, where: string): TrainedNetwork {
  const network = networkOf('texture-net', 2);
  const head = classifierOf(network).name;
  const fresh = [...initialParameters(network, 1)].filter(([name]) => name.startsWith(`${head}.`));
  const stored = [...decodeTensors(bytes, where).tensors].map(
    ([name, { data }]) => [name, new Float32Array(data)] as const,
  );
  const parameters = new Map([...fresh, ...stored]);
  checkParameters(network, parameters, where);
  return { network, parameters };
}
