/** The bytes of a model file. */
import { TexturaError } from '../../model/error.ts';
import { fetchKept } from '../inference/kept-fetch.ts';

/** Errors: `model-not-found` where neither network nor cache has it. */
export async function fetchModel(address: string): Promise<Uint8Array> {
  const response = await fetchKept(address).catch((cause: unknown) => {
    throw new TexturaError('model-not-found', `${address}: no answer`, { cause });
  });
  if (!response.ok) throw new TexturaError('model-not-found', `${address}: HTTP status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
