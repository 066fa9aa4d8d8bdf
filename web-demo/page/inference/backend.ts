/** A provider in a worker of its own, with the models that are loaded there. */
import type { PageFault } from '../../shared/faults.ts';
import type { InferenceApi, LoadedModel, Provider } from '../../shared/inference-api.ts';
import { fetchModel } from '../../shared/model-fetch.ts';
import { WorkerClient } from '../../shared/worker-calls.ts';
import type { ListedModel } from './model-list.ts';

export interface Backend {
  readonly provider: Provider;
  readonly client: WorkerClient<InferenceApi>;
  readonly threads: number;
  readonly loaded: Map<string, LoadedModel>;
}

/** Starts a worker. `onLost` is called if it is lost after that. Errors: those of the provider's start. */
export async function openBackend(
  provider: Provider,
  onLost: (backend: Backend, cause: PageFault) => void,
): Promise<Backend> {
  let backend: Backend | undefined;
  const client = new WorkerClient<InferenceApi>('inference-worker', {
    onLost: (cause) => {
      if (backend !== undefined) onLost(backend, cause);
    },
  });
  try {
    const { threads } = await client.call('start', { provider, folder: runtimeFolder() });
    backend = { provider, client, threads, loaded: new Map() };
    return backend;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Time of a run of the model in milliseconds; infinity if it is not loaded there. */
export function runMsOn({ loaded }: Backend, model: string): number {
  return loaded.get(model)?.runMs ?? Number.POSITIVE_INFINITY;
}

/**
 * Loads a model unless it is loaded already. A taught or opened model may have been replaced under its name;
 * exported files do not change. Errors: those of the download and the worker.
 */
export async function loadOn(
  backend: Backend,
  listed: ListedModel,
  options: Parameters<typeof fetchModel>[1] = {},
): Promise<LoadedModel> {
  const known = backend.loaded.get(listed.name);
  if (known !== undefined && listed.origin === 'exported') return known;
  const { name, file } = listed;
  const check = await listed.check();
  const bytes = typeof file === 'string' ? await fetchModel(file, options) : file;
  const loaded = await backend.client.call('load', { name, bytes, ...check });
  backend.loaded.set(name, loaded);
  return loaded;
}

/** The address of onnxruntime's files. */
export function runtimeFolder(): string {
  return new URL('onnxruntime/', document.baseURI).href;
}
