import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { networkOf } from '../../model/network.ts';
import { initialParameters, parameter } from '../../model/parameters.ts';
import {
  pretrainedFiles,
  pretrainedFrom,
  pretrainedRecordSchema,
  pretrainingRecipe,
} from '../../model/pretrained/pretrained.ts';
import { decodeTensors } from '../../model/safetensors.ts';
import { drawVaried } from '../../textures/varied.ts';

const fileOf = (name: string) => new URL(`../../model/pretrained/${name}`, import.meta.url);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('the pre-trained network is the one of its record, made from the pictures that the recipe draws', async () => {
  const bytes = await readFile(fileOf(pretrainedFiles.parameters));
  const record = pretrainedRecordSchema.parse(
    JSON.parse(await readFile(fileOf(pretrainedFiles.record), 'utf8')),
  );
  expect(bytes.length).toBeLessThan(2 ** 20);
  expect(sha256(bytes)).toBe(record.sha256);
  expect(record.recipe).toEqual(pretrainingRecipe);
  const { seed, picturesPerClass, sidePx } = pretrainingRecipe;
  const first = Array.from({ length: picturesPerClass }, (_, i) => drawVaried(seed, 0, i, sidePx).data);
  expect(sha256(Buffer.concat(first))).toBe(record.firstClassSha256);
  // Guessing among 200 classes has an error of 0.995.
  expect(record.validationError).toBeLessThan(0.3);
});

test('it has all parameters but those of the last layer, which get random values', async () => {
  const path = fileOf(pretrainedFiles.parameters);
  const bytes = await readFile(path);
  const names = [...decodeTensors(bytes, path.pathname).tensors.keys()];
  expect(names.filter((name) => name.startsWith('linear'))).toEqual([]);
  const { network, parameters } = pretrainedFrom(bytes, 'file');
  expect(network).toEqual(networkOf('texture-net', 2));
  const random = initialParameters(network, 1);
  expect(parameters.get('linear.kernel')).toEqual(random.get('linear.kernel'));
  expect(parameters.get('conv3.kernel')).not.toEqual(random.get('conv3.kernel'));
  // Running averages of trained layers.
  expect(parameter(parameters, 'norm5.variance').every((variance) => variance > 0 && variance !== 1)).toBe(
    true,
  );
});
