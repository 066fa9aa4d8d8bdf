/**
 * Opens onnxruntime-web on one provider, with files from the page's own folder, and the graphics device for
 * WebGPU.
 */
import type { InferenceSession } from 'onnxruntime-web';
import { createGraph } from '../../graph/builder.ts';
import { defaultOpset } from '../../model/model-file.ts';
import { fault, InferenceError, type PageFault } from '../shared/faults.ts';
import type { Provider } from '../shared/inference-api.ts';
import { fileOf } from '../shared/model-fetch.ts';
import { encodeGraph, type Runtime, type Session } from './tensors.ts';

/** The build for each provider. WebGPU's is twice as large, so it is fetched only when it is used. */
const builds = {
  wasm: { load: () => import('onnxruntime-web/wasm'), file: 'ort-wasm-simd-threaded' },
  webgpu: { load: () => import('onnxruntime-web/webgpu'), file: 'ort-wasm-simd-threaded.asyncify' },
} as const satisfies Record<Provider, unknown>;

/** A patch is too little work for more threads. */
const maxThreads = 4;

/** A graphics processor that takes longer for one run is slower than wasm, or has stopped. */
const runLimitMs = 15_000;

/** Includes the download of onnxruntime's files over a slow connection. */
const startLimitMs = 120_000;

/** A run on a lost device fails slightly before the loss is reported. */
const lossDelayMs = 100;

/**
 * Loads the runtime from `folder`, an address that ends in a slash. Several threads need cross-origin
 * isolation. `onLost` is called if WebGPU's device is lost. Errors: those of `openDevice`; `file-missing`,
 * naming the file.
 */
export async function openRuntime(
  provider: Provider,
  folder: string,
  onLost: (fault: PageFault) => void,
): Promise<Runtime> {
  const { load, file } = builds[provider];
  const isWebGpu = provider === 'webgpu';
  const device = isWebGpu ? await openDevice(onLost) : undefined;
  const { env, InferenceSession, Tensor } = await load().catch((cause: unknown) => {
    throw new InferenceError(fault('file-missing', { file: addressIn(cause) ?? 'assets/' }, cause));
  });
  const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, maxThreads) : 1;
  const paths = { mjs: `${folder}${file}.mjs`, wasm: `${folder}${file}.wasm` };
  env.wasm.wasmPaths = paths;
  env.wasm.numThreads = isWebGpu ? 1 : threads;
  env.logLevel = 'error';
  const options: InferenceSession.SessionOptions = {
    executionProviders: device === undefined ? ['wasm'] : [{ name: 'webgpu', device }],
    graphOptimizationLevel: 'all',
  };

  /** Only work on a graphics processor needs a time limit. */
  async function limited<T>(work: Promise<T>, limitMs = runLimitMs): Promise<T> {
    if (device === undefined) return work;
    try {
      return await withTimeout(limitMs, work);
    } catch (error) {
      // If the device is lost, report that instead of the failed run.
      await Promise.race([device.lost, pause(lossDelayMs)]);
      throw error;
    }
  }

  async function open(model: Uint8Array, onDevice: readonly string[] = []): Promise<Session> {
    const locations = Object.fromEntries(onDevice.map((name) => [name, 'gpu-buffer'] as const));
    const session = await limited(
      InferenceSession.create(model, {
        ...options,
        ...(isWebGpu && onDevice.length > 0 && { preferredOutputLocation: locations }),
      }),
    );
    return {
      run: (feeds: InferenceSession.FeedsType, outputs?: readonly string[]) =>
        limited(outputs === undefined ? session.run(feeds) : session.run(feeds, outputs)),
      release: () => session.release(),
    };
  }
  // onnxruntime fetches its files with the first session. Opening one here separates missing files from
  // faulty models.
  await limited(InferenceSession.create(smallestModel(), options), startLimitMs).catch(async (cause) => {
    const missing = await missingFile(Object.values(paths));
    throw missing === undefined ? cause : new InferenceError(fault('file-missing', { file: missing }, cause));
  });
  return { provider, threads: env.wasm.numThreads, Tensor, open };
}

function smallestModel(): Uint8Array {
  const graph = createGraph({ name: 'smallest', opset: defaultOpset, float: 'float32' });
  graph.output(graph.node('Relu', [graph.input('x', 'float32', [1])], { name: 'y' }));
  return encodeGraph(graph);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The first of the files that the server does not have. Single-page hosts answer every address with their
 * page.
 */
async function missingFile(addresses: readonly string[]): Promise<string | undefined> {
  for (const address of addresses) {
    const response = await fetch(address).catch(() => undefined);
    await response?.body?.cancel();
    const isPage = response?.headers.get('Content-Type')?.startsWith('text/html');
    if (!response?.ok || isPage) return fileOf(address);
  }
  return undefined;
}

/** The file that a browser names if a module could not be imported. */
function addressIn(cause: unknown): string | undefined {
  const [address] = /https?:\/\/\S+/.exec(cause instanceof Error ? cause.message : '') ?? [];
  return address === undefined ? undefined : fileOf(address);
}

/** Drivers usually answer within a fraction of a second. */
const requestLimitMs = 5000;

/** Makes onnxruntime's kernels faster. */
const optionalFeatures = ['subgroups'] as const;

/** Raised from the default to what the adapter has, as onnxruntime does for its own device. */
const requestedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** Errors: `no-webgpu`, `no-adapter`, `no-device`, `no-answer`. `onLost` is called if the device is lost. */
async function openDevice(onLost: (fault: PageFault) => void): Promise<GPUDevice> {
  if (!('gpu' in navigator)) throw new InferenceError(fault('no-webgpu'));
  const adapter = await withTimeout(
    requestLimitMs,
    navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }),
  );
  if (adapter === null) throw new InferenceError(fault('no-adapter'));
  const asked = adapter.requestDevice({
    requiredFeatures: optionalFeatures.filter((name) => adapter.features.has(name)),
    requiredLimits: Object.fromEntries(requestedLimits.map((name) => [name, adapter.limits[name]])),
  });
  const device = await withTimeout(requestLimitMs, asked).catch((cause: unknown) => {
    throw cause instanceof InferenceError ? cause : new InferenceError(fault('no-device', {}, cause));
  });
  void device.lost.then(({ reason, message }) => onLost(fault('device-lost', {}, `${reason}: ${message}`)));
  return device;
}

/**
 * Settles as `work` does, because graphics drivers can leave a promise pending. Errors: `no-answer` after
 * `limitMs`.
 */
async function withTimeout<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const noAnswer = new InferenceError(fault('no-answer', { seconds: limitMs / 1000 }));
    timer = setTimeout(() => reject(noAnswer), limitMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
