/** The bytes of a model file. */
import { fault, fileOf, InferenceError } from '../shared/faults.ts';
import { fetchKept } from '../shared/kept-fetch.ts';

/** Errors: `file-missing` where neither network nor cache has it. */
export async function fetchModel(address: string): Promise<Uint8Array> {
  const missing = (cause: unknown) =>
    new InferenceError(fault('file-missing', { file: fileOf(address) }, cause));
  const response = await fetchKept(address).catch((cause: unknown) => {
    throw missing(cause);
  });
  if (!response.ok) throw missing(`HTTP status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
