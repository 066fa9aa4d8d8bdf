/** Data folders of a few generated pictures, loaded with fixed settings. */
import { expect } from 'vitest';
import { type Dataset, type DatasetOptions, loadDataset } from '../../training/data/dataset.ts';
import { pngFile } from './pictures.ts';

export function load(data: string, options: Partial<DatasetOptions> = {}): Promise<Dataset> {
  return loadDataset({ data, patchPx: 64, seed: 1, validationShare: 0.25, cacheBytes: 2 ** 26, ...options });
}

/** `count` different images for each class, called 0.png, 1.png and so on. */
export async function classFiles(
  counts: Readonly<Record<string, number>>,
): Promise<Record<string, Buffer | string>> {
  const files: Record<string, Buffer | string> = {};
  let variety = 0;
  for (const [label, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) files[`${label}/${i}.png`] = await pngFile(variety++);
  }
  return files;
}

export const everyImage = ({ train, validation }: Dataset) => [...train, ...validation];
export const namesOf = (images: readonly { readonly name: string }[]) =>
  images.map(({ name }) => name).sort();

export async function faultOf(data: string, options: Partial<DatasetOptions> = {}): Promise<string> {
  const error: unknown = await load(data, options).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'data-unusable' });
  return (error as Error).message.replaceAll(data, 'DATA');
}
