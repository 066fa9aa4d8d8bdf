/**
 * Lets the page open without a network: its files are stored when it is first visited. Models are kept by whoever fetches them
 * (inference/kept-fetch.ts).
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

/** Undefined where none is stored, or the browser does not give it out: the network may. */
async function storedAnswer(key: RequestInfo): Promise<Response | undefined> {
  try {
    const cache = await caches.open(shellCache);
    return await cache.match(key, { ignoreSearch: true });
  } catch {
    return undefined;
  }
}

/** The page itself comes from the network while there is one, so that a new version is seen; its files have names of their own. */
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
