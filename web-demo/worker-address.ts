/**
 * Where the build puts the workers. They are entries of the one build, so that page and workers share what they have in common: each
 * library is fetched once.
 */
export function startWorker(name: 'inference-worker' | 'teaching-worker' | 'texture-worker'): Worker {
  return new Worker(new URL(`workers/${name}.js`, document.baseURI), { type: 'module' });
}
