/** onnxruntime-web as this worker has it: one provider, its files from the page's own folder. */
import type { InferenceSession } from 'onnxruntime-web';
import { TexturaError } from '../../model/error.ts';
import type { Provider } from '../inference/messages.ts';
import type { Runtime } from './tensors.ts';

/** The wasm build of each provider; WebGPU's is twice as large, so it is fetched only where it is used. */
const builds = {
  wasm: { load: () => import('onnxruntime-web/wasm'), file: 'ort-wasm-simd-threaded' },
  webgpu: { load: () => import('onnxruntime-web/webgpu'), file: 'ort-wasm-simd-threaded.asyncify' },
} as const satisfies Record<Provider, unknown>;

/** More threads than this wait for each other: a patch is too little work. */
const mostThreads = 4;

/**
 * Loads the runtime from `folder`, an address that ends in a slash. Threads need cross-origin isolation; without it there is one.
 * Errors: `engine-unavailable` where there is no such provider here.
 */
export async function openRuntime(provider: Provider, folder: string): Promise<Runtime> {
  if (provider === 'webgpu') await requireAdapter();
  const { load, file } = builds[provider];
  const { env, InferenceSession, Tensor } = await load();
  const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, mostThreads) : 1;
  env.wasm.wasmPaths = { mjs: `${folder}${file}.mjs`, wasm: `${folder}${file}.wasm` };
  env.wasm.numThreads = provider === 'webgpu' ? 1 : threads;
  env.logLevel = 'error';
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
  };
  return {
    provider,
    threads: env.wasm.numThreads,
    version: env.versions.web ?? env.versions.common,
    Tensor,
    open: (model) => InferenceSession.create(model, options),
  };
}

async function requireAdapter(): Promise<void> {
  const gpu = (navigator as { readonly gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
  if (gpu === undefined) throw new TexturaError('engine-unavailable', 'this browser has no WebGPU');
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new TexturaError('engine-unavailable', 'WebGPU finds no graphics processor here');
}
