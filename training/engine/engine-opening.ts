/**
 * Opens the chosen engine. The runtimes are loaded on demand, so a missing one only affects runs that need
 * it.
 */
import { TexturaError } from '../../model/error.ts';
import type { Network } from '../../model/network.ts';
import type { EngineName } from '../../model/run-file.ts';
import { hasCudaProvider } from '../../node/cuda-libraries.ts';
import { nvidiaGpus } from '../../node/machine.ts';
import { commandText } from '../../node/shell.ts';
import type { Engine } from './engine.ts';
import { chooseEngine, deviceNames, type EngineChoice, type EngineRequest } from './engine-choice.ts';
import { loadTensorflow, tensorflowDevices } from './tensorflow/load.ts';

interface EngineOpening {
  readonly threads: number;
  /** The usual batch size; the onnx engine builds its graph for it. */
  readonly batch: number;
}

/**
 * The engine for a request. Looks for GPUs, which takes a second, only if that matters. A resumed run whose
 * last session was `last` continues on the same engine and device, so that its values do not change, unless
 * others are requested.
 */
export async function chosenEngine(
  request: EngineRequest,
  last?: { readonly engine: EngineName; readonly device: string },
): Promise<EngineChoice> {
  const { engine, device } = request;
  const mayUseGpu = device === 'auto' || device === 'gpu';
  const tensorflow = mayUseGpu && engine !== 'onnx' ? await tensorflowDevices() : undefined;
  const before = deviceNames.find((name) => name === last?.device);
  const continues = device === 'auto' && (engine === 'auto' || engine === last?.engine);
  if (last !== undefined && before !== undefined && continues) {
    const choice = { engine: last.engine, device: before, why: 'as before' };
    if (last.engine === 'onnx') return { ...choice, mayUseCpu: before !== 'cpu' };
    if (tensorflow !== undefined && (before === 'cpu' || tensorflow.gpu)) return choice;
  }
  return chooseEngine(request, {
    tensorflow,
    hasCuda: device === 'auto' && engine !== 'tfjs' && (await hasCuda()),
  });
}

/** Whether there is an NVIDIA GPU and onnxruntime's CUDA provider is installed. */
export async function hasCuda(): Promise<boolean> {
  return hasCudaProvider() && (await nvidiaGpus()).length > 0;
}

/**
 * An engine whose parameters are zero. If it uses the CPU instead of the chosen device, `onCpu` gets the
 * reason. Errors: `engine-unavailable`, with how to fix it.
 */
export async function openEngine(
  { engine, device, mayUseCpu = false }: EngineChoice,
  network: Network,
  opening: EngineOpening,
  onCpu: (reason: string) => void = () => {},
): Promise<Engine> {
  switch (engine) {
    case 'tfjs':
      return openTfjs(network, device, opening.threads);
    case 'onnx':
      return openOnnx(network, mayUseCpu ? [device, 'cpu'] : [device], opening, onCpu);
    default:
      return engine satisfies never;
  }
}

/** On the first of the devices that can be used. `gpu` is CUDA or else WebGPU. */
async function openOnnx(
  network: Network,
  devices: readonly EngineChoice['device'][],
  opening: EngineOpening,
  onCpu: (reason: string) => void,
): Promise<Engine> {
  const { onnxEngine } = await import('./onnx-engine.ts');
  const ways = devices.flatMap((device) => (device === 'gpu' ? (['cuda', 'webgpu'] as const) : [device]));
  const reasons: string[] = [];
  for (const device of ways) {
    try {
      const engine = await onnxEngine(network, { device, ...opening });
      if (device === 'cpu') for (const reason of reasons) onCpu(reason);
      return engine;
    } catch (error) {
      if (!(error instanceof TexturaError) || error.code !== 'engine-unavailable') throw error;
      reasons.push(error.message);
    }
  }
  throw new TexturaError('engine-unavailable', reasons.join('; '));
}

async function openTfjs(network: Network, asked: EngineChoice['device'], threads: number): Promise<Engine> {
  const device = asked === 'cpu' ? 'cpu' : 'gpu';
  const tf = await loadTensorflow({ threads, device });
  const { isUsingGpuDevice } = tf.backend() as unknown as { readonly isUsingGpuDevice: boolean };
  if (device === 'gpu' && !isUsingGpuDevice) {
    throw new TexturaError(
      'engine-unavailable',
      `--device gpu: TensorFlow sees no GPU; ${commandText('doctor')} shows what it sees`,
    );
  }
  const { tfjsEngine } = await import('./tfjs-engine.ts');
  return tfjsEngine(tf, network, isUsingGpuDevice ? 'gpu' : 'cpu');
}
