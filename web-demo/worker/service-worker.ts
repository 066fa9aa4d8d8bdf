/**
 * Makes the page work offline: stores its files on the first visit. Model files are stored when they are
 * fetched (shared/model-fetch.ts).
 */
declare const __SHELL__: readonly string[];
declare const __VERSION__: string;

const scope = self as unknown as ServiceWorkerGlobalScope;
const shellCache = `textura-page-${__VERSION__}`;

scope.addEventListener('install', (event) => {
  event.waitUntil(storeShell());
});

scope.addEventListener('activate', (event) => {
  event.waitUntil(dropOldShells());
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOwn = request.method === 'GET' && new URL(request.url).origin === scope.location.origin;
  if (isOwn) event.respondWith(answerTo(request));
});

async function storeShell(): Promise<void> {
  const cache = await caches.open(shellCache);
  await cache.addAll(__SHELL__);
  await scope.skipWaiting();
}

async function dropOldShells(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith('textura-page-') && name !== shellCache);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** Undefined if nothing is stored or the browser refuses. */
async function storedAnswer(key: RequestInfo): Promise<Response | undefined> {
  try {
    const cache = await caches.open(shellCache);
    return await cache.match(key, { ignoreSearch: true });
  } catch {
    return undefined;
  }
}

/**
 * The page comes from the server while it is reachable, so that a new version is used. Its assets have hashes
 * in their names.
 */
async function answerTo(request: Request): Promise<Response> {
  const key = request.mode === 'navigate' ? './' : request;
  const stored = await storedAnswer(key);
  if (stored !== undefined && request.mode !== 'navigate') return stored;
  try {
    return await fetch(request);
  } catch (error) {
    if (stored !== undefined) return stored;
    throw error;
  }
}
