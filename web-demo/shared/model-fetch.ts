/**
 * Fetches model files and keeps a copy of each in the browser's cache storage, which answers when the page is
 * offline.
 */
import { fault, InferenceError } from './faults.ts';

/**
 * Undefined if the browser has no cache storage (pages without a secure context) or refuses it (blocked site
 * data).
 */
export async function openModelCache(): Promise<Cache | undefined> {
  try {
    return await caches.open('textura-models');
  } catch {
    return undefined;
  }
}

/** Undefined if the server has no such file. Errors: `file-missing` if neither server nor cache answers. */
export async function fetchFile(address: string): Promise<Response | undefined> {
  const response = await fetchCached(address).catch((cause: unknown) => {
    throw missing(address, cause);
  });
  if (response.status === 404) return undefined;
  if (!response.ok) throw missing(address, `HTTP status ${response.status}`);
  return response;
}

/** The bytes of a model file. Errors: `file-missing`. */
export async function fetchModel(address: string): Promise<Uint8Array> {
  const response = await fetchFile(address);
  if (response === undefined) throw missing(address, 'not on the server');
  return new Uint8Array(await response.arrayBuffer());
}

export function missing(address: string, cause: unknown): InferenceError {
  return new InferenceError(fault('file-missing', { file: fileOf(address) }, cause));
}

/** The last folder and name of an address, such as `models/wood.onnx`. */
export function fileOf(address: string): string {
  return decodeURI(new URL(address).pathname.split('/').slice(-2).join('/'));
}

async function fetchCached(address: string): Promise<Response> {
  const cache = await openModelCache();
  try {
    const response = await fetch(address);
    // Storing may fail on a full device; the response is good without it.
    if (response.ok) await cache?.put(address, response.clone()).catch(() => {});
    return response;
  } catch (error) {
    const stored = await cache?.match(address).catch(() => undefined);
    if (stored !== undefined) return stored;
    throw error;
  }
}
