/** Fetches of model files, each kept in the browser's cache storage: without a network, what was fetched last answers. */

const modelCache = 'textura-models';

/** Undefined where the browser has no cache storage (pages without a secure context) or refuses it (site data blocked). */
export async function openModelCache(): Promise<Cache | undefined> {
  try {
    return await caches.open(modelCache);
  } catch {
    return undefined;
  }
}

/** As fetch. Rejects only where there is neither an answer nor a kept one. */
export async function fetchKept(address: string): Promise<Response> {
  const cache = await openModelCache();
  try {
    const response = await fetch(address);
    // Keeping may fail where the device is full; the answer is as good without.
    if (response.ok) await cache?.put(address, response.clone()).catch(() => {});
    return response;
  } catch (error) {
    const kept = await cache?.match(address).catch(() => undefined);
    if (kept !== undefined) return kept;
    throw error;
  }
}
