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

/**
 * Undefined if the server has no such file. Errors: `file-missing` if neither server nor cache answers;
 * `needs-key`.
 */
export async function fetchFile(address: string): Promise<Response | undefined> {
  const response = await fetchCached(address).catch((cause: unknown) => {
    throw missing(address, cause);
  });
  if (response.status === 404) return undefined;
  requireOk(response, address);
  return response;
}

/** Bytes so far, and all of them if the server says how many. */
export interface Download {
  readonly loaded: number;
  readonly total: number | undefined;
}

interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((download: Download) => void) | undefined;
}

/** The bytes of a model file. Errors: `file-missing`; `needs-key`; the signal's reason if it is aborted. */
export async function fetchModel(
  address: string,
  { signal, onProgress = () => {} }: DownloadOptions = {},
): Promise<Uint8Array> {
  const cache = await openModelCache();
  try {
    const response = await fetch(address, { signal: signal ?? null });
    if (response.status === 404) throw missing(address, 'not on the server');
    requireOk(response, address);
    const bytes = await readBody(response, onProgress);
    await store(cache, address, new Response(bytes));
    return bytes;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof InferenceError) throw error;
    const stored = await storedResponse(cache, address);
    if (stored === undefined) throw missing(address, error);
    return new Uint8Array(await stored.arrayBuffer());
  }
}

async function readBody(
  response: Response,
  onProgress: (download: Download) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  // The length of a compressed response is not that of its content.
  const isPlain = response.headers.get('Content-Encoding') === null;
  const length = Number(response.headers.get('Content-Length') ?? 0);
  const total = isPlain && length > 0 ? length : undefined;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  for (const reader = response.body?.getReader(); ; ) {
    const { done = true, value } = (await reader?.read()) ?? {};
    if (done || value === undefined) break;
    parts.push(value);
    loaded += value.length;
    onProgress({ loaded, total });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Errors: `needs-key` if the service wants an API key, otherwise `file-missing`. */
function requireOk({ ok, status }: Response, address: string): void {
  if (status === 401) throw new InferenceError(fault('needs-key'));
  if (!ok) throw missing(address, `HTTP status ${status}`);
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
    if (response.ok) await store(cache, address, response.clone());
    return response;
  } catch (error) {
    const stored = await storedResponse(cache, address);
    if (stored !== undefined) return stored;
    throw error;
  }
}

/** Storing may fail on a full device; the response is good without it. */
async function store(cache: Cache | undefined, address: string, response: Response): Promise<void> {
  await cache?.put(address, response).catch(() => {});
}

async function storedResponse(cache: Cache | undefined, address: string): Promise<Response | undefined> {
  return cache?.match(address).catch(() => undefined);
}
