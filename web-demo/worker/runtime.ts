/** onnxruntime-web as this worker has it: one provider, its files from the page's own folder. */
import type { InferenceSession } from 'onnxruntime-web';
import { createGraph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { defaultOpset } from '../../model/model-file.ts';
import { type Fault, fault, fileOf, InferenceError } from '../shared/faults.ts';
import type { Provider } from '../shared/inference-api.ts';
import { openDevice } from './graphics-device.ts';
import type { Runtime, Session } from './tensors.ts';
import { within } from './time-limit.ts';

/** The wasm build of each provider; WebGPU's is twice as large, so it is fetched only where it is used. */
const builds = {
  wasm: { load: () => import('onnxruntime-web/wasm'), file: 'ort-wasm-simd-threaded' },
  webgpu: { load: () => import('onnxruntime-web/webgpu'), file: 'ort-wasm-simd-threaded.asyncify' },
} as const satisfies Record<Provider, unknown>;

/** More threads than this wait for each other: a patch is too little work. */
const mostThreads = 4;

/** A graphics processor that takes longer than this for one run is slower than wasm, or has stopped. */
const runLimitMs = 15_000;

/** Within this its files have arrived over a slow network, and a first session has been opened. */
const startLimitMs = 120_000;

const lossDelayMs = 100;

/**
 * Loads the runtime from `folder`, an address that ends in a slash. Threads need cross-origin isolation; without it there is one.
 * `onLost` is called when WebGPU's device goes. Errors: those of `openDevice`; `file-missing`, naming the file.
 */
export async function openRuntime(
  provider: Provider,
  folder: string,
  onLost: (fault: Fault) => void,
): Promise<Runtime> {
  const { load, file } = builds[provider];
  const isWebGpu = provider === 'webgpu';
  const device = isWebGpu ? await openDevice(onLost) : undefined;
  const { env, InferenceSession, Tensor } = await load().catch((cause: unknown) => {
    throw new InferenceError(fault('file-missing', { file: addressIn(cause) ?? 'assets/' }, cause));
  });
  const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, mostThreads) : 1;
  const paths = { mjs: `${folder}${file}.mjs`, wasm: `${folder}${file}.wasm` };
  env.wasm.wasmPaths = paths;
  env.wasm.numThreads = isWebGpu ? 1 : threads;
  env.logLevel = 'error';
  const options: InferenceSession.SessionOptions = {
    executionProviders: device === undefined ? ['wasm'] : [{ name: 'webgpu', device }],
    graphOptimizationLevel: 'all',
  };

  /** What runs in this thread alone ends by itself; a graphics processor may not. */
  async function limited<T>(work: Promise<T>, limitMs = runLimitMs): Promise<T> {
    if (device === undefined) return work;
    try {
      return await within(limitMs, work);
    } catch (error) {
      // Runs fail a moment before the loss of their device is told, which is the reason to give.
      await Promise.race([device.lost, pause(lossDelayMs)]);
      throw error;
    }
  }

  async function open(model: Uint8Array): Promise<Session> {
    const session = await limited(InferenceSession.create(model, options));
    return {
      run: (feeds: InferenceSession.FeedsType, outputs?: readonly string[]) =>
        limited(outputs === undefined ? session.run(feeds) : session.run(feeds, outputs)),
      release: () => session.release(),
    };
  }
  // onnxruntime fetches its files with the first session: what is missing then is no fault of a model.
  await limited(InferenceSession.create(smallestModel(), options), startLimitMs).catch(async (cause) => {
    const missing = await missingFile(Object.values(paths));
    throw missing === undefined ? cause : new InferenceError(fault('file-missing', { file: missing }, cause));
  });
  return {
    threads: env.wasm.numThreads,
    Tensor,
    open,
  };
}

function smallestModel(): Uint8Array {
  const graph = createGraph({ name: 'smallest', opset: defaultOpset, float: 'float32' });
  graph.output(graph.node('Relu', [graph.input('x', 'float32', [1])], { name: 'y' }));
  return encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The first of the addresses that has no such file. A host of single pages answers every address with its page. */
async function missingFile(addresses: readonly string[]): Promise<string | undefined> {
  for (const address of addresses) {
    const response = await fetch(address).catch(() => undefined);
    await response?.body?.cancel();
    const isPage = response?.headers.get('Content-Type')?.startsWith('text/html');
    if (!response?.ok || isPage) return fileOf(address);
  }
  return undefined;
}

/** The file that a browser names where a module could not be imported. */
function addressIn(cause: unknown): string | undefined {
  const [address] = /https?:\/\/\S+/.exec(cause instanceof Error ? cause.message : '') ?? [];
  return address === undefined ? undefined : fileOf(address);
}
