/** Fetches of model files, each kept in the browser's cache storage: without a network, what was fetched last answers. */

const modelCache = 'textura-models';

/** As fetch. Rejects only where there is neither an answer nor a kept one. Pages without a secure context have no cache storage. */
export async function fetchKept(address: string): Promise<Response> {
  const cache = 'caches' in globalThis ? await caches.open(modelCache) : undefined;
  try {
    const response = await fetch(address);
    // Keeping may fail where the device is full; the answer is as good without.
    if (response.ok) await cache?.put(address, response.clone()).catch(() => {});
    return response;
  } catch (error) {
    const kept = await cache?.match(address);
    if (kept !== undefined) return kept;
    throw error;
  }
}
